"""Derivatives of a scalar that depends on potentials, map and plan, by the implicit function
theorem.

References
----------
Thornton & Cuturi 2023, "Rethinking initialization of the Sinkhorn algorithm", section 2.2.
"""

from __future__ import annotations

import numpy as np

from ..common.array_types import Floats
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
        n, m = len(linearization.a), len(linearization.b)
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
        self.phi, self.psi = self.phi + f, self.psi + g
        self.masses -= f.sum() * np.array(rates.of_f) + g.sum() * np.array(rates.of_g)

    def add_plan(self, U: Floats, V: Floats) -> None:
        """Add <U V', dP>."""
        eps = self._of.problem.eps
        system = self._of.system
        U = self._of.problem.mass * U
        on_a = (U * system.on_rows(system.c[:, None] * V)).sum(axis=1)
        on_b = (V * system.on_columns(system.r[:, None] * U)).sum(axis=1)
        self.phi = self.phi + system.r * on_a / eps
        self.psi = self.psi + system.c * on_b / eps
        self.a += self._of.row_ratios * on_a
        self.b += self._of.column_ratios * on_b
        self.masses += (system.r @ on_a) * np.array(self._of.scaling_rates.log_mass)
        self._add_factors(-system.r[:, None] * U / eps, system.c[:, None] * V)

    def add_map(self, t: Floats) -> None:
        """Add <t, d(K c y)>; its rows are normalized, so it does not depend on df."""
        eps = self._of.problem.eps
        system = self._of.system
        y = self._of.images
        level = (t * system.on_rows(system.c[:, None] * y)).sum(axis=1)
        sums = system.on_columns(np.column_stack([t, level, np.abs(t).sum(axis=1)]))
        on_b = (y * sums[:, :-2]).sum(axis=1) - sums[:, -2]
        self.psi = self.psi + system.c * on_b / eps
        self.b = self.b + self._of.column_ratios * on_b
        self.y = self.y + system.c[:, None] * sums[:, :-2]
        self.size += np.abs(y).max() * np.sqrt(system.c @ sums[:, -1] ** 2) / eps
        self._add_factors(
            np.column_stack([-t, level]) / eps,
            system.c[:, None] * np.column_stack([y, np.ones(len(y))]),
        )

    def pull(self, tol: float) -> ImplicitGradient:
        """The derivatives in points and weights, and in the costs if there are no points."""
        of = self._of
        system = self._of.system
        if of.problem.marginals.are_exact:
            self._fix_constant()
        (u, v), (on_a, on_b), report = self._adjoint(tol)
        self._add_factors(np.column_stack([u, system.r]), np.column_stack([system.c, v]))
        factors = np.hstack(self.left), np.hstack(self.right)
        on_x, on_y = of.x, of.y
        if of.problem.has_points:
            on_x, on_y = CostSlopes(of).on_points(factors)
            on_y = on_y + self.y
        on_a = self.a - of.problem.eps * of.row_ratios * on_a
        on_b = self.b - of.problem.eps * of.column_ratios * on_b
        gradient = Gradient(
            of.source.restore(on_x),
            of.target.restore(on_y),
            of.source.restore(of_weights(on_a, of.problem.source, self.masses[0])),
            of.target.restore(of_weights(on_b, of.problem.target, self.masses[1])),
        )
        pulled = with_report(ImplicitGradient(*gradient), report._replace(n_passes=system.n_passes))
        if not of.problem.has_points:
            pulled.C = CostGradient(of, *factors)
        return pulled

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

    def _adjoint(
        self, tol: float
    ) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats], LinearSolve]:
        """Solve (1 + kx) u + r K v = phi and (1 + ky) v + c K'u = psi; also return K v and K'u."""
        system = self._of.system
        lam_x, lam_y = system.lam
        (dense_phi, inert_phi) = _split(self.phi, system.r)
        (dense_psi, inert_psi) = _split(self.psi, system.c)
        inert_phi, inert_psi = lam_x * inert_phi, lam_y * inert_psi
        hf = dense_phi - (system.on_rows(inert_psi) if inert_psi.any() else 0.0)
        hg = dense_psi - (system.on_columns(inert_phi) if inert_phi.any() else 0.0)
        u, v, report = system.solve(hf, hg, tol, self.size)
        measures = system.r * u + inert_phi, system.c * v + inert_psi
        return measures, (dense_phi - u / lam_x, dense_psi - v / lam_y), report

    def _add_factors(self, left: Floats, right: Floats) -> None:
        self.left.append(left)
        self.right.append(right)


def _split(measure: Floats, marginal: Floats) -> tuple[Floats, Floats]:
    """Split a measure into its density where there is mass, and the rest."""
    carries = marginal > 0
    return np.where(carries, measure, 0.0) / np.where(carries, marginal, 1.0), np.where(
        carries, 0.0, measure
    )


def pullback(
    of: Linearization,
    f: Floats | None,
    g: Floats | None,
    t: Floats | None,
    plan: tuple[Floats, Floats] | None,
    tol: float,
) -> ImplicitGradient:
    """Derivatives of a scalar from its derivatives in the potentials, the map at the source points
    and the plan.
    """
    cotangent = _Cotangent(of)
    if f is not None or g is not None:
        cotangent.add_potentials(_sorted(of.source, f, of.a), _sorted(of.target, g, of.b))
    if t is not None:
        cotangent.add_map(of.source.sort(t))
    if plan is not None:
        cotangent.add_plan(of.source.sort(plan[0]), of.target.sort(plan[1]))
    return cotangent.pull(tol)


def _sorted(partition: Partition, values: Floats | None, like: Floats) -> Floats:
    return np.zeros_like(like) if values is None else partition.sort(values)
