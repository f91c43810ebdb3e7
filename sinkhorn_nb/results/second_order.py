"""Second derivatives of values, for libraries that differentiate twice."""

from __future__ import annotations

import numpy as np

from ..common.array_types import Floats
from ..gradients import LINEAR_TOL, Gradient
from .divergence import Divergence
from .solution import Solution


def hessian_product(
    result: Divergence | Solution, direction: Gradient, tol: float = LINEAR_TOL
) -> Gradient:
    """The derivative of `result.gradient()` along a direction of points and weights.

    The Hessian is symmetric, so this is also the gradient of <direction, result.gradient()>. The
    parts that belong to weights are right up to a constant, like those of the gradient.
    """
    if isinstance(result, Solution):
        product = _of_solution(result, direction, tol)
        if result.problem.marginals.are_exact:
            return product
        return _with_masses(product, result, direction)

    # The terms of the masses cancel
    cross = _of_solution(result.xy, direction, tol)
    dx, dy, da, db = direction
    # Both sides of a self problem move together, and the problem counts by half.
    on_x = _of_solution(result.xx, Gradient(dx, dx, da, da), tol)
    on_y = _of_solution(result.yy, Gradient(dy, dy, db, db), tol)
    return Gradient(
        cross.x - (on_x.x + on_x.y) / 2,
        cross.y - (on_y.x + on_y.y) / 2,
        cross.a - (on_x.a + on_x.b) / 2,
        cross.b - (on_y.a + on_y.b) / 2,
    )


def _of_solution(solution: Solution, direction: Gradient, tol: float) -> Gradient:
    """The derivative of the gradient without eps times the mass of the other measure, which is a
    part of the derivative in the weights.
    """
    dx, dy, da, db = (np.asarray(part, dtype=np.float64) for part in direction)
    on_x: Floats = np.zeros_like(dx)
    on_y: Floats = np.zeros_like(dy)
    on_a: Floats = np.zeros_like(da)
    on_b: Floats = np.zeros_like(db)

    problem = solution.problem
    potentials = solution.f, solution.g
    of_f, of_g = problem.marginals.weight_curvatures(*potentials, problem.eps)
    if dx.any() or dy.any():
        on_x, on_y = solution.hessian_vector_product(dx, dy, tol)
        moved = solution.pushforward(x=dx, y=dy, tol=tol)
        on_a = of_f * moved.f
        on_b = of_g * moved.g
    if da.any() or db.any():
        pulled = solution.pullback(f=of_f * da, g=of_g * db, tol=tol)
        on_x = on_x + pulled.x
        on_y = on_y + pulled.y
        on_a = on_a + pulled.a
        on_b = on_b + pulled.b
    return Gradient(on_x, on_y, on_a, on_b)


def _with_masses(product: Gradient, solution: Solution, direction: Gradient) -> Gradient:
    """The product, with the change of eps times the mass of the other measure."""
    eps = solution.problem.eps
    on_a = product.a + eps * float(np.sum(direction.b))
    on_b = product.b + eps * float(np.sum(direction.a))
    return product._replace(a=on_a, b=on_b)
