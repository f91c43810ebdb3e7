"""Derivatives of potentials, value and gradient along a direction, by the implicit function
theorem.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..common.array_types import Floats
from .cost_slopes import Changes, CostSlopes, Pair
from .linear_system import LinearSolve
from .linearization import Linearization, of_probabilities
from .matrix_changes import CostChanges, PlanTangent
from .reports import HessianProduct, Tangents, with_report


def _solved(
    of: Linearization, moves: Pair, changes: Changes, tol: float
) -> tuple[Floats, Floats, LinearSolve]:
    """The tangents of the potentials, up to the constant between them."""
    eps = of.problem.eps
    lengths = [np.abs(points).max(initial=0.0) for points in (of.x, of.y)]
    size = max(lengths) * max(np.abs(move).max(initial=0.0) for move in moves)
    hf = changes.rows - eps * changes.on_rows
    hg = changes.columns - eps * changes.on_columns
    return of.system.solve(hf, hg, tol, size)


class Direction(NamedTuple):
    """A direction of points, weights and, if there are no points, of the costs, in the caller's
    order.
    """

    x: Floats
    y: Floats
    a: Floats
    b: Floats
    C: Floats | None = None


def pushforward(of: Linearization, direction: Direction, tol: float) -> Tangents:
    """Derivatives of potentials and value along a direction."""
    problem, iterate = of.problem, of.iterate
    da, log_mass_a = of_probabilities(of.source.sort(direction.a), problem.source)
    db, log_mass_b = of_probabilities(of.target.sort(direction.b), problem.target)
    log_masses = np.array([log_mass_a, log_mass_b])
    moves = of.source.sort(direction.x), of.target.sort(direction.y)
    on_weights = of.row_ratios * da, of.column_ratios * db
    changes = CostSlopes(of).changes(moves, on_weights)
    of_costs = None if direction.C is None else CostChanges(of, direction.C)
    if of_costs is not None:
        rows, columns = of_costs.on_rows(of.system.c), of_costs.on_columns(of.system.r)
        changes = changes._replace(rows=rows, columns=columns)
    df, dg, report = _solved(of, moves, changes, tol)

    constant = 0.0
    if problem.marginals.are_exact:
        constant = float(of.b @ dg + db @ iterate.g - of.a @ df - da @ iterate.f) / 2
    rates = of.scaling_rates
    on_costs = float(problem.mass * (of.system.r @ changes.rows))
    values = (
        of.source.restore(df + constant - log_masses @ rates.of_f),
        of.target.restore(dg - constant - log_masses @ rates.of_g),
        on_costs + _change_of_weights(of, da, db, log_masses),
    )
    tangents = with_report(Tangents(*values), report._replace(n_passes=of.system.n_passes))
    if not problem.has_points:
        log_mass = float(log_masses @ rates.log_mass)
        factors = _factors_of_plan(of, on_weights, (df, dg), log_mass)
        tangents.plan = PlanTangent(of, factors, of_costs)
    return tangents


def _factors_of_plan(of: Linearization, on_weights: Pair, tangents: Pair, log_mass: float) -> Pair:
    """A and B such that K_ij <A_i, B_j> is the change of the plan at the same costs."""
    (r, c), eps = (of.system.r, of.system.c), of.problem.eps
    (da, db), (df, dg) = on_weights, tangents
    left = np.column_stack([da + r * (df / eps + log_mass), r])
    right = np.column_stack([c, db + c * dg / eps])
    return of.problem.mass * left, right


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
    """The derivative of sum_j P_ij dC_ij / dx_i, and of the same for y, along a direction of the
    points.
    """
    moves = of.source.sort(dx), of.target.sort(dy)
    slopes = CostSlopes(of)
    slopes.require_second()
    changes = slopes.changes(moves, (np.zeros_like(of.a), np.zeros_like(of.b)))
    df, dg, report = _solved(of, moves, changes, tol)

    on_x, on_y = slopes.curvatures((df, dg), moves, changes)
    mass = of.problem.mass
    values = of.source.restore(mass * on_x), of.target.restore(mass * on_y)
    return with_report(HessianProduct(*values), report._replace(n_passes=of.system.n_passes))
