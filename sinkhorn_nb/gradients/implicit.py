"""Derivatives of potentials, maps, plans and gradients, by the implicit function theorem.

They are derivatives of the functions as computed. The problem is between probabilities a / sum(a)
and b / sum(b). Its potentials have <a, f> = <b, g> if both marginals are exact; potentials and plan
follow from them by the `Scaling` of the masses. With K as in `LinearSystem`, d log P_ij = da_i /
a_i + db_j / b_j + (df_i + dg_j - dC_ij) / eps. Row sums a exp(-f / rho) mean (1 + kx) df + K c dg =
K c dC - eps K (c / b) db; the columns are alike.

References
----------
Thornton & Cuturi 2023, "Rethinking initialization of the Sinkhorn algorithm", section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from ..common.array_types import Floats
from ..common.representation import Represented, arrays
from ..dual import Iterate, aim
from ..interop.arrays import Home
from ..measures.measure import Measure
from ..measures.partition import Partition
from ..problem import Problem
from .envelope import Gradient
from .linear_system import LinearSolve, LinearSystem

if TYPE_CHECKING:
    from typing_extensions import Self


class Reported(Represented):
    """A named tuple with the report of its linear solve in `linear_solve`."""

    linear_solve: LinearSolve

    @classmethod
    def of(cls, values: Iterable[Any], linear_solve: LinearSolve) -> Self:
        """Make the tuple from the values and the report."""
        reported = cls(*values)
        reported.linear_solve = linear_solve
        return reported

    def sent(self, home: Home) -> Self:
        """The values as arrays of another home, with the same report."""
        return self.of(map(home.send, cast("tuple[Floats, ...]", self)), self.linear_solve)

    def _facts(self) -> dict[str, object]:
        solve = self.linear_solve
        return arrays(self) | {"converged": solve.converged, "residual": f"{solve.residual:.2g}"}


class ImplicitGradient(Reported, Gradient):
    """Derivatives of a scalar with respect to the arrays passed in: x (n, d), y (m, d), a (n,), b
    (m,).
    """


class _Tangents(NamedTuple):
    f: Floats
    g: Floats
    value: float


class Tangents(Reported, _Tangents):
    """Directional derivatives of f (n,), g (m,) and the value."""


class _HessianProduct(NamedTuple):
    x: Floats
    y: Floats


class HessianProduct(Reported, _HessianProduct):
    """The Hessian of a value in (x, y) times a direction: x (n, d), y (m, d)."""


class Linearization:
    """The linear system of a problem at an iterate, with centered points, all in the order of the
    partitions.
    """

    def __init__(self, problem: Problem, iterate: Iterate, backend: str) -> None:
        self.problem, self.iterate = problem, iterate
        self.source, self.target = problem.source.partition, problem.target.partition
        self.a, self.b = self.source.probabilities, self.target.probabilities
        self.x, self.y = self.source.points - problem.centre, self.target.points - problem.centre
        self.system = LinearSystem(problem, iterate, backend)
        # r / a and c / b, also of points without mass
        rates, eps = problem.dual().rates, problem.eps
        self.row_ratios = aim(iterate.f / eps, rates[0]) if rates[0] else 1.0
        self.column_ratios = aim(iterate.g / eps, rates[1]) if rates[1] else 1.0
        self.scaling_rates = problem.marginals.scaling_rates(eps)


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
        self.phi, self.psi, self.a, self.b = np.zeros(n), np.zeros(m), np.zeros(n), np.zeros(m)
        self.masses = np.zeros(2)
        self.y, self.size = np.zeros_like(linearization.y), 0.0
        self.left: list[Floats] = []
        self.right: list[Floats] = []

    def add_potentials(self, f: Floats, g: Floats) -> None:
        """Add <f, df> + <g, dg>."""
        rates = self._of.scaling_rates
        self.phi, self.psi = self.phi + f, self.psi + g
        self.masses -= f.sum() * np.array(rates.of_f) + g.sum() * np.array(rates.of_g)

    def add_plan(self, U: Floats, V: Floats) -> None:
        """Add <U V', dP>."""
        eps, system = self._of.problem.eps, self._of.system
        U = self._of.problem.mass * U
        on_a = (U * system.on_rows(system.c[:, None] * V)).sum(axis=1)
        on_b = (V * system.on_columns(system.r[:, None] * U)).sum(axis=1)
        self.phi, self.psi = self.phi + system.r * on_a / eps, self.psi + system.c * on_b / eps
        self.a += self._of.row_ratios * on_a
        self.b += self._of.column_ratios * on_b
        self.masses += (system.r @ on_a) * np.array(self._of.scaling_rates.log_mass)
        self._add_factors(-system.r[:, None] * U / eps, system.c[:, None] * V)

    def add_map(self, t: Floats) -> None:
        """Add <t, d(K c y)>; its rows are normalized, so it does not depend on df."""
        eps, system, y = self._of.problem.eps, self._of.system, self._of.y
        level = (t * system.on_rows(system.c[:, None] * y)).sum(axis=1)
        sums = system.on_columns(np.column_stack([t, level, np.abs(t).sum(axis=1)]))
        on_b = (y * sums[:, :-2]).sum(axis=1) - sums[:, -2]
        self.psi, self.b = self.psi + system.c * on_b / eps, self.b + self._of.column_ratios * on_b
        self.y = self.y + system.c[:, None] * sums[:, :-2]
        self.size += np.abs(y).max() * np.sqrt(system.c @ sums[:, -1] ** 2) / eps
        self._add_factors(
            np.column_stack([-t, level]) / eps,
            system.c[:, None] * np.column_stack([y, np.ones(len(y))]),
        )

    def pull(self, tol: float) -> tuple[Gradient, LinearSolve]:
        """The derivatives in points and weights, and the report of the linear solve."""
        of, system = self._of, self._of.system
        if of.problem.marginals.are_exact:
            self._fix_constant()
        (u, v), (on_a, on_b), report = self._adjoint(tol)
        self._add_factors(np.column_stack([u, system.r]), np.column_stack([system.c, v]))
        factors = np.hstack(self.left), np.hstack(self.right)
        rows = system.on_rows(np.column_stack([np.ones(len(of.y)), of.y]), factors)
        columns = system.on_columns(np.column_stack([np.ones(len(of.x)), of.x]), factors)
        on_a = self.a - of.problem.eps * of.row_ratios * on_a
        on_b = self.b - of.problem.eps * of.column_ratios * on_b
        gradient = Gradient(
            of.source.restore(rows[:, :1] * of.x - rows[:, 1:]),
            of.target.restore(columns[:, :1] * of.y - columns[:, 1:] + self.y),
            of.source.restore(_of_weights(on_a, of.problem.source, self.masses[0])),
            of.target.restore(_of_weights(on_b, of.problem.target, self.masses[1])),
        )
        return gradient, report._replace(n_passes=system.n_passes)

    def _fix_constant(self) -> None:
        """Remove the normalization <a, f> = <b, g> from the cotangent, so that it applies to any
        constant.
        """
        of, excess = self._of, (self.phi.sum() - self.psi.sum()) / 2
        self.phi, self.psi = self.phi - excess * of.a, self.psi + excess * of.b
        self.a, self.b = self.a - excess * of.iterate.f, self.b + excess * of.iterate.g

    def _adjoint(
        self, tol: float
    ) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats], LinearSolve]:
        """Solve (1 + kx) u + r K v = phi and (1 + ky) v + c K'u = psi; also return K v and K'u."""
        system = self._of.system
        lam_x, lam_y = system.lam
        (dense_phi, inert_phi), (dense_psi, inert_psi) = (
            _split(self.phi, system.r),
            _split(self.psi, system.c),
        )
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


def _of_weights(on_probabilities: Floats, measure: Measure, on_log_mass: float) -> Floats:
    """Derivatives in the weights from derivatives in the normalized probabilities and in the log of
    the mass.
    """
    level = measure.partition.probabilities @ on_probabilities
    return (on_probabilities - level + on_log_mass) / measure.mass


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
    return ImplicitGradient.of(*cotangent.pull(tol))


def _sorted(partition: Partition, values: Floats | None, like: Floats) -> Floats:
    return np.zeros_like(like) if values is None else partition.sort(values)


class _Costs:
    """First-order change of the cost when points move: moments of dC = <x - y, dx - dy>. One pass
    per side.
    """

    def __init__(self, of: Linearization, dx: Floats, dy: Floats, da: Floats, db: Floats) -> None:
        self._of, self.dx, self.dy = of, dx, dy
        self.rows, self.mean_dy, self.on_rows = self._one_side(
            of.system.on_rows, of.system.c, (of.x, dx), (of.y, dy), db
        )
        self.columns, self.mean_dx, self.on_columns = self._one_side(
            of.system.on_columns, of.system.r, (of.y, dy), (of.x, dx), da
        )

    @staticmethod
    def _one_side(
        product: Callable[[Floats], Floats],
        marginal: Floats,
        own: tuple[Floats, Floats],
        other: tuple[Floats, Floats],
        weights: Floats,
    ) -> tuple[Floats, Floats, Floats]:
        (x, dx), (y, dy) = own, other
        d, w = x.shape[1], marginal[:, None]
        sums = product(np.column_stack([w * y, w * dy, marginal * (y * dy).sum(axis=1), weights]))
        costs = (x * dx - dx * sums[:, :d] - x * sums[:, d : 2 * d]).sum(axis=1) + sums[:, -2]
        return costs, sums[:, d : 2 * d], sums[:, -1]

    def solve(self, tol: float) -> tuple[Floats, Floats, LinearSolve]:
        """Compute the tangents of the potentials, up to the constant between them."""
        of, eps = self._of, self._of.problem.eps
        size = max(np.abs(of.x).max(), np.abs(of.y).max()) * max(
            np.abs(self.dx).max(), np.abs(self.dy).max()
        )
        return of.system.solve(
            self.rows - eps * self.on_rows, self.columns - eps * self.on_columns, tol, size
        )

    def factors(self, df: Floats, dg: Floats) -> tuple[Floats, Floats]:
        """A and B with <A_i, B_j> = df_i + dg_j - dC_ij."""
        of = self._of
        on_x, on_y = df - (of.x * self.dx).sum(axis=1), dg - (of.y * self.dy).sum(axis=1)
        A = np.column_stack([on_x, np.ones(len(on_x)), self.dx, of.x])
        return A, np.column_stack([np.ones(len(on_y)), on_y, of.y, self.dy])


def pushforward(
    of: Linearization, dx: Floats, dy: Floats, da: Floats, db: Floats, tol: float
) -> Tangents:
    """Derivatives of potentials and value along a direction of points and weights."""
    problem, iterate = of.problem, of.iterate
    da, log_mass_a = _of_probabilities(of.source.sort(da), problem.source)
    db, log_mass_b = _of_probabilities(of.target.sort(db), problem.target)
    costs = _Costs(
        *(of, of.source.sort(dx), of.target.sort(dy)),
        *(of.row_ratios * da, of.column_ratios * db),
    )
    df, dg, report = costs.solve(tol)
    f, g, constant = iterate.f, iterate.g, 0.0
    if problem.marginals.are_exact:
        constant = (of.b @ dg + db @ g - of.a @ df - da @ f) / 2
    log_masses, rates = np.array([log_mass_a, log_mass_b]), of.scaling_rates
    on_costs = problem.mass * (of.system.r @ costs.rows)
    on_weights = _change_of_weights(of, da, db, log_masses)
    values = (
        of.source.restore(df + constant - log_masses @ rates.of_f),
        of.target.restore(dg - constant - log_masses @ rates.of_g),
        float(on_costs + on_weights),
    )
    return Tangents.of(values, report._replace(n_passes=of.system.n_passes))


def _change_of_weights(of: Linearization, da: Floats, db: Floats, log_masses: Floats) -> float:
    """The derivative of the value along tangents of the probabilities and of the logs of the
    masses.
    """
    problem, (f, g, *_), eps = of.problem, of.iterate, of.problem.eps
    mass, scaling = problem.mass, problem.scaling
    if problem.marginals.are_exact:
        by_mass = problem.dual().value(of.iterate) + eps * (2 * mass - 2 - np.log(mass))
        return float(mass * (da @ f + db @ g + log_masses.mean() * by_mass))
    f, g = f - scaling.of_f, g - scaling.of_g
    ma, mb = problem.source.mass, problem.target.mass
    on_a, on_b = problem.marginals.weight_gradients(f, g, eps)
    on_a, on_b = on_a + eps * (mb - 1), on_b + eps * (ma - 1)
    return float(
        ma * (on_a @ (da + log_masses[0] * of.a)) + mb * (on_b @ (db + log_masses[1] * of.b))
    )


def _of_probabilities(tangent: Floats, measure: Measure) -> tuple[Floats, float]:
    """Tangents of the probabilities and of the log of the mass from tangents of the weights."""
    total = tangent.sum()
    own = (tangent - measure.partition.probabilities * total) / measure.mass
    return own, total / measure.mass


def hessian_vector_product(of: Linearization, dx: Floats, dy: Floats, tol: float) -> HessianProduct:
    """The derivative of sum_j P_ij (x_i - y_j), and of the same for y, along a direction of the
    points.
    """
    problem, system, eps = of.problem, of.system, of.problem.eps
    costs = _Costs(
        of, of.source.sort(dx), of.target.sort(dy), np.zeros_like(of.a), np.zeros_like(of.b)
    )
    df, dg, report = costs.solve(tol)
    factors = costs.factors(df, dg)
    c, r = system.c[:, None], system.r[:, None]
    rows = system.on_rows(np.column_stack([c, c * of.y]), factors)
    columns = system.on_columns(np.column_stack([r, r * of.x]), factors)
    on_x = problem.mass * r * ((rows[:, :1] * of.x - rows[:, 1:]) / eps + costs.dx - costs.mean_dy)
    on_y = (
        problem.mass
        * c
        * ((columns[:, :1] * of.y - columns[:, 1:]) / eps + costs.dy - costs.mean_dx)
    )
    values = of.source.restore(on_x), of.target.restore(on_y)
    return HessianProduct.of(values, report._replace(n_passes=system.n_passes))
