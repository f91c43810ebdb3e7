"""Derivatives of potentials, value and gradient along a direction, by the implicit function
theorem.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..common.array_types import Floats
from .linear_system import LinearSolve
from .linearization import Linearization, of_probabilities
from .reports import HessianProduct, Tangents


class _Costs:
    """First-order change of the cost when points move: moments of dC_ij = s_ij <x_i - y_j, dx_i -
    dy_j>. It takes one pass per side or, for other costs than |x - y|^2 / 2, two.
    """

    def __init__(self, of: Linearization, dx: Floats, dy: Floats, da: Floats, db: Floats) -> None:
        self._of, self.dx, self.dy = of, dx, dy
        system = of.system
        on_rows = _Products(system.on_rows, system.slopes_on_rows, of.slopes_are_one)
        on_columns = _Products(system.on_columns, system.slopes_on_columns, of.slopes_are_one)
        x, y = (of.x, dx), (of.y, dy)
        self.rows, self.mean_dy, self.on_rows = on_rows.moments(system.c, x, y, db)
        self.columns, self.mean_dx, self.on_columns = on_columns.moments(system.r, y, x, da)

    def solve(self, tol: float) -> tuple[Floats, Floats, LinearSolve]:
        """Compute the tangents of the potentials, up to the constant between them."""
        of = self._of
        eps = self._of.problem.eps
        size = max(np.abs(of.x).max(initial=0.0), np.abs(of.y).max(initial=0.0)) * max(
            np.abs(self.dx).max(initial=0.0), np.abs(self.dy).max(initial=0.0)
        )
        return of.system.solve(
            self.rows - eps * self.on_rows, self.columns - eps * self.on_columns, tol, size
        )

    def factors(self, df: Floats, dg: Floats) -> tuple[Floats, Floats]:
        """A and B with <A_i, B_j> = df_i + dg_j - dC_ij."""
        of = self._of
        on_x = df - (of.x * self.dx).sum(axis=1)
        on_y = dg - (of.y * self.dy).sum(axis=1)
        A = np.column_stack([on_x, np.ones(len(on_x)), self.dx, of.x])
        return A, np.column_stack([np.ones(len(on_y)), on_y, of.y, self.dy])


class _Products(NamedTuple):
    """Products with K for one side, and with K_ij s_ij, where s_ij may be 1 for all pairs."""

    of_pairs: Callable[[Floats], Floats]
    of_slopes: Callable[[Floats], Floats]
    slopes_are_one: bool

    def moments(
        self,
        marginal: Floats,
        own: tuple[Floats, Floats],
        other: tuple[Floats, Floats],
        weights: Floats,
    ) -> tuple[Floats, Floats, Floats]:
        """Sums over the other side with its marginal: of dC and of dy; and those of the weights."""
        (x, dx), (y, dy) = own, other
        d = x.shape[1]
        w = marginal[:, None]
        moments = np.hstack([w * y, w * dy, w * (y * dy).sum(axis=1, keepdims=True)])
        if self.slopes_are_one:
            sums = self.of_pairs(np.column_stack([moments, weights]))
            level: Floats = np.ones((len(x), 1))
            on_weights = sums[:, -1]
        else:
            sums = self.of_slopes(np.column_stack([moments, marginal]))
            level = sums[:, -1:]
            on_weights = self.of_pairs(weights[:, None])[:, 0]
        costs = (level * x * dx - dx * sums[:, :d] - x * sums[:, d : 2 * d]).sum(axis=1)
        return costs + sums[:, -2], sums[:, d : 2 * d], on_weights


def pushforward(
    of: Linearization, dx: Floats, dy: Floats, da: Floats, db: Floats, tol: float
) -> Tangents:
    """Derivatives of potentials and value along a direction of points and weights."""
    problem, iterate = of.problem, of.iterate
    da, log_mass_a = of_probabilities(of.source.sort(da), problem.source)
    db, log_mass_b = of_probabilities(of.target.sort(db), problem.target)
    costs = _Costs(
        *(of, of.source.sort(dx), of.target.sort(dy)),
        *(of.row_ratios * da, of.column_ratios * db),
    )
    df, dg, report = costs.solve(tol)
    constant = 0.0
    if problem.marginals.are_exact:
        constant = float(of.b @ dg + db @ iterate.g - of.a @ df - da @ iterate.f) / 2
    log_masses = np.array([log_mass_a, log_mass_b])
    rates = of.scaling_rates
    on_costs = float(problem.mass * (of.system.r @ costs.rows))
    values = (
        of.source.restore(df + constant - log_masses @ rates.of_f),
        of.target.restore(dg - constant - log_masses @ rates.of_g),
        on_costs + _change_of_weights(of, da, db, log_masses),
    )
    return Tangents.of(values, report._replace(n_passes=of.system.n_passes))


def _change_of_weights(of: Linearization, da: Floats, db: Floats, log_masses: Floats) -> float:
    """The derivative of the value along tangents of the probabilities and of the logs of the
    masses.
    """
    problem = of.problem
    (f, g, *_) = of.iterate
    eps = of.problem.eps
    mass, scaling = problem.mass, problem.scaling
    if problem.marginals.are_exact:
        by_mass = problem.dual().value(of.iterate) + eps * (2 * mass - 2 - np.log(mass))
        return float(mass * (da @ f + db @ g + log_masses.mean() * by_mass))
    f, g = f - scaling.of_f, g - scaling.of_g
    ma, mb = problem.source.mass, problem.target.mass
    on_a, on_b = problem.marginals.weight_gradients(f, g, eps)
    on_a = on_a + eps * (mb - 1)
    on_b = on_b + eps * (ma - 1)
    return float(
        ma * (on_a @ (da + log_masses[0] * of.a)) + mb * (on_b @ (db + log_masses[1] * of.b))
    )


def hessian_vector_product(of: Linearization, dx: Floats, dy: Floats, tol: float) -> HessianProduct:
    """The derivative of sum_j P_ij (x_i - y_j), and of the same for y, along a direction of the
    points.
    """
    problem = of.problem
    system = of.system
    eps = of.problem.eps
    costs = _Costs(
        of, of.source.sort(dx), of.target.sort(dy), np.zeros_like(of.a), np.zeros_like(of.b)
    )
    df, dg, report = costs.solve(tol)
    factors = costs.factors(df, dg)
    c = system.c[:, None]
    r = system.r[:, None]
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
