"""Derivatives of potentials, value and gradient along a direction, by the implicit function
theorem.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..common.array_types import Floats, Pair
from .cost_slopes import Changes, CostSlopes
from .linear_system import LinearSolve
from .linearization import Linearization, of_probabilities
from .matrix_changes import CostChanges, PlanTangent
from .reports import HessianProduct, Tangents, with_report


def _solved(
    of: Linearization, moves: Pair, changes: Changes, tol: float
) -> tuple[Floats, Floats, LinearSolve]:
    """The tangents of the potentials, up to the constant between them."""
    eps = of.problem.eps
    size = _largest((of.x, of.y)) * _largest(moves)
    hf = changes.rows - eps * changes.on_rows
    hg = changes.columns - eps * changes.on_columns
    return of.system.solve(hf, hg, tol, size)


def _largest(sides: Pair) -> float:
    """The largest absolute value in the arrays of both sides."""
    return max(np.abs(side).max(initial=0.0) for side in sides)


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
    problem = of.problem
    source = of.source
    target = of.target
    system = of.system
    da, log_mass_a = of_probabilities(source.sort(direction.a), problem.source)
    db, log_mass_b = of_probabilities(target.sort(direction.b), problem.target)
    log_masses = np.array([log_mass_a, log_mass_b])
    moves = source.sort(direction.x), target.sort(direction.y)
    on_weights = of.row_ratios * da, of.column_ratios * db
    changes = CostSlopes(of).changes(moves, on_weights)
    of_costs = None if direction.C is None else CostChanges(of, direction.C)
    if of_costs is not None:
        changes = changes._replace(
            rows=of_costs.on_rows(system.c),
            columns=of_costs.on_columns(system.r),
        )
    df, dg, report = _solved(of, moves, changes, tol)

    constant = 0.0
    if problem.marginals.are_exact:
        (f, g, *_) = of.iterate
        a = of.a
        b = of.b
        constant = float(b @ dg + db @ g - a @ df - da @ f) / 2
    rates = of.scaling_rates
    on_costs = float(problem.mass * (system.r @ changes.rows))
    values = Tangents(
        source.restore(df + constant - log_masses @ rates.of_f),
        target.restore(dg - constant - log_masses @ rates.of_g),
        on_costs + _change_of_weights(of, da, db, log_masses),
    )
    report = report._replace(n_passes=system.n_passes)
    tangents = with_report(values, report)
    if not problem.has_points:
        log_mass = float(log_masses @ rates.log_mass)
        factors = _factors_of_plan(of, on_weights, (df, dg), log_mass)
        tangents.plan = PlanTangent(of, factors, of_costs)
    return tangents


def _factors_of_plan(of: Linearization, on_weights: Pair, tangents: Pair, log_mass: float) -> Pair:
    """A and B such that K_ij <A_i, B_j> is the change of the plan at the same costs."""
    eps = of.problem.eps
    r = of.system.r
    c = of.system.c
    (da, db) = on_weights
    (df, dg) = tangents
    of_rows = da + r * (df / eps + log_mass)
    of_columns = db + c * dg / eps
    left = np.column_stack([of_rows, r])
    right = np.column_stack([c, of_columns])
    return of.problem.mass * left, right


def _change_of_weights(of: Linearization, da: Floats, db: Floats, log_masses: Floats) -> float:
    """The derivative of the value along tangents of the probabilities and of the logs of the
    masses.
    """
    problem = of.problem
    (f, g, *_) = of.iterate
    eps = problem.eps
    mass = problem.mass
    scaling = problem.scaling
    if problem.marginals.are_exact:
        value = problem.dual().value(of.iterate)
        by_mass = value + eps * (2 * mass - 2 - np.log(mass))
        return float(mass * (da @ f + db @ g + log_masses.mean() * by_mass))

    f = f - scaling.of_f
    g = g - scaling.of_g
    ma = problem.source.mass
    mb = problem.target.mass
    on_a, on_b = problem.marginals.weight_gradients(f, g, eps)
    on_a = on_a + eps * (mb - 1)
    on_b = on_b + eps * (ma - 1)
    per_mass_a = da + log_masses[0] * of.a
    per_mass_b = db + log_masses[1] * of.b
    return float(ma * (on_a @ per_mass_a) + mb * (on_b @ per_mass_b))


def hessian_vector_product(of: Linearization, dx: Floats, dy: Floats, tol: float) -> HessianProduct:
    """The derivative of sum_j P_ij dC_ij / dx_i, and of the same for y, along a direction of the
    points.
    """
    moves = of.source.sort(dx), of.target.sort(dy)
    slopes = CostSlopes(of)
    slopes.require_second()
    no_weights = np.zeros_like(of.a), np.zeros_like(of.b)
    changes = slopes.changes(moves, no_weights)
    df, dg, report = _solved(of, moves, changes, tol)

    on_x, on_y = slopes.curvatures((df, dg), moves, changes)
    mass = of.problem.mass
    product = HessianProduct(
        of.source.restore(mass * on_x),
        of.target.restore(mass * on_y),
    )
    report = report._replace(n_passes=of.system.n_passes)
    return with_report(product, report)
