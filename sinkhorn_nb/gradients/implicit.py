"""Derivatives of a scalar that depends on potentials, map and plan, by the implicit function
theorem.

References
----------
Thornton & Cuturi 2023, "Rethinking initialization of the Sinkhorn algorithm", section 2.2.
"""

from __future__ import annotations

import numpy as np

from ..common.array_types import Floats, Pair
from ..measures.partition import Partition
from .cost_gradient import CostGradient
from .cost_slopes import CostSlopes
from .envelope import Gradient
from .linear_system import LinearSolve
from .linearization import Linearization, of_weights
from .reports import ImplicitGradient, with_report


class _Cotangent:
    """d scalar = <phi, df> + <psi, dg> + <a, da> + <b, db> + <masses, (d log ma, d log mb)> + <y,
    dy> + <K left right', dC>, where a and b are probabilities of the masses ma and mb.
    """

    phi: Floats
    psi: Floats
    a: Floats
    b: Floats

    def __init__(self, linearization: Linearization) -> None:
        self._of = linearization
        n = len(linearization.a)
        m = len(linearization.b)
        self.phi = np.zeros(n)
        self.psi = np.zeros(m)
        self.a = np.zeros(n)
        self.b = np.zeros(m)
        self.masses = np.zeros(2)
        self.y = np.zeros_like(linearization.images)
        self.size = 0.0
        self.left: list[Floats] = []
        self.right: list[Floats] = []

    def add_potentials(self, f: Floats, g: Floats) -> None:
        """Add <f, df> + <g, dg>."""
        rates = self._of.scaling_rates
        self.phi = self.phi + f
        self.psi = self.psi + g
        on_f = f.sum() * np.array(rates.of_f)
        on_g = g.sum() * np.array(rates.of_g)
        self.masses -= on_f + on_g

    def add_plan(self, U: Floats, V: Floats) -> None:
        """Add <U V', dP>."""
        of = self._of
        eps = of.problem.eps
        system = of.system
        r = system.r
        c = system.c
        U = of.problem.mass * U
        rU = r[:, None] * U
        cV = c[:, None] * V
        on_a = (U * system.on_rows(cV)).sum(axis=1)
        on_b = (V * system.on_columns(rU)).sum(axis=1)

        self.phi = self.phi + r * on_a / eps
        self.psi = self.psi + c * on_b / eps
        self.a += of.row_ratios * on_a
        self.b += of.column_ratios * on_b
        by_mass = np.array(of.scaling_rates.log_mass)
        self.masses += (r @ on_a) * by_mass
        self._add_factors(-rU / eps, cV)

    def add_map(self, t: Floats) -> None:
        """Add <t, d(K c y)>; its rows are normalized, so it does not depend on df."""
        of = self._of
        eps = of.problem.eps
        system = of.system
        y = of.images
        c = system.c
        means = system.on_rows(c[:, None] * y)
        level = (t * means).sum(axis=1)
        lengths = np.abs(t).sum(axis=1)
        sums = system.on_columns(np.column_stack([t, level, lengths]))
        of_t = sums[:, :-2]
        of_level = sums[:, -2]
        of_lengths = sums[:, -1]
        on_b = (y * of_t).sum(axis=1) - of_level

        self.psi = self.psi + c * on_b / eps
        self.b = self.b + of.column_ratios * on_b
        self.y = self.y + c[:, None] * of_t
        norm = np.sqrt(c @ of_lengths**2)
        self.size += np.abs(y).max() * norm / eps
        left = np.column_stack([-t, level]) / eps
        ones = np.ones(len(y))
        right = c[:, None] * np.column_stack([y, ones])
        self._add_factors(left, right)

    def pull(self, tol: float) -> ImplicitGradient:
        """The derivatives in points and weights, and in the costs if there are no points."""
        of = self._of
        system = self._of.system
        if of.problem.marginals.are_exact:
            self._fix_constant()
        (u, v), (on_a, on_b), report = self._adjoint(tol)
        self._add_factors(
            np.column_stack([u, system.r]),
            np.column_stack([system.c, v]),
        )
        factors = np.hstack(self.left), np.hstack(self.right)
        on_x = of.x
        on_y = of.y
        if of.problem.has_points:
            on_x, on_y = CostSlopes(of).on_points(factors)
            on_y = on_y + self.y

        gradient = Gradient(
            of.source.restore(on_x),
            of.target.restore(on_y),
            *self._on_weights(on_a, on_b),
        )
        report = report._replace(n_passes=system.n_passes)
        pulled = with_report(ImplicitGradient(*gradient), report)
        if not of.problem.has_points:
            pulled.C = CostGradient(of, *factors)
        return pulled

    def _on_weights(self, on_a: Floats, on_b: Floats) -> tuple[Floats, Floats]:
        """The derivatives in the weights, in the caller's order, from K v and K'u."""
        of = self._of
        source = of.problem.source
        target = of.problem.target
        eps = of.problem.eps
        on_a = self.a - eps * of.row_ratios * on_a
        on_b = self.b - eps * of.column_ratios * on_b
        on_a = of_weights(on_a, source, self.masses[0])
        on_b = of_weights(on_b, target, self.masses[1])
        return of.source.restore(on_a), of.target.restore(on_b)

    def _fix_constant(self) -> None:
        """Remove the normalization <a, f> = <b, g> from the cotangent, so that it applies to any
        constant.
        """
        of = self._of
        excess = (self.phi.sum() - self.psi.sum()) / 2
        self.phi = self.phi - excess * of.a
        self.psi = self.psi + excess * of.b
        self.a = self.a - excess * of.iterate.f
        self.b = self.b + excess * of.iterate.g

    def _adjoint(self, tol: float) -> tuple[Pair, Pair, LinearSolve]:
        """Solve (1 + kx) u + r K v = phi and (1 + ky) v + c K'u = psi; also return K v and K'u."""
        system = self._of.system
        lam_x, lam_y = system.lam
        (dense_phi, inert_phi) = _split(self.phi, system.r)
        (dense_psi, inert_psi) = _split(self.psi, system.c)
        inert_phi = lam_x * inert_phi
        inert_psi = lam_y * inert_psi

        hf = dense_phi - (system.on_rows(inert_psi) if inert_psi.any() else 0.0)
        hg = dense_psi - (system.on_columns(inert_phi) if inert_phi.any() else 0.0)
        u, v, report = system.solve(hf, hg, tol, self.size)
        measures = (
            system.r * u + inert_phi,
            system.c * v + inert_psi,
        )
        products = dense_phi - u / lam_x, dense_psi - v / lam_y
        return measures, products, report

    def _add_factors(self, left: Floats, right: Floats) -> None:
        self.left.append(left)
        self.right.append(right)


def _split(measure: Floats, marginal: Floats) -> tuple[Floats, Floats]:
    """Split a measure into its density where there is mass, and the rest."""
    carries = marginal > 0
    masses = np.where(carries, marginal, 1.0)
    density = np.where(carries, measure, 0.0) / masses
    rest = np.where(carries, 0.0, measure)
    return density, rest


def pullback(
    of: Linearization,
    f: Floats | None,
    g: Floats | None,
    t: Floats | None,
    plan: Pair | None,
    tol: float,
) -> ImplicitGradient:
    """Derivatives of a scalar from its derivatives in the potentials, the map at the source points
    and the plan.
    """
    cotangent = _Cotangent(of)
    if f is not None or g is not None:
        cotangent.add_potentials(
            _sorted(of.source, f, of.a),
            _sorted(of.target, g, of.b),
        )
    if t is not None:
        cotangent.add_map(of.source.sort(t))
    if plan is not None:
        (U, V) = plan
        cotangent.add_plan(of.source.sort(U), of.target.sort(V))
    return cotangent.pull(tol)


def _sorted(partition: Partition, values: Floats | None, like: Floats) -> Floats:
    return np.zeros_like(like) if values is None else partition.sort(values)
