"""Derivatives of the results of a solution other than its value: potentials, map and plan.

The functions with a page of their own are methods of `Solution`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import validation
from ..backends.cpu.threads import single_threaded_blas
from ..common.array_types import ArrayLike, Floats, Numbers
from ..gradients import implicit, tangents
from ..gradients.linear_system import LINEAR_TOL
from ..gradients.linearization import Linearization
from ..gradients.reports import HessianProduct, ImplicitGradient, Tangents, at_home
from ..problem import Problem
from .status import warned

if TYPE_CHECKING:
    from .solution import Solution


def pullback(
    solution: Solution,
    f: ArrayLike | None = None,
    g: ArrayLike | None = None,
    map: ArrayLike | None = None,
    plan: tuple[ArrayLike, ArrayLike] | None = None,
    tol: float = LINEAR_TOL,
) -> ImplicitGradient:
    """The gradient of a scalar that depends on the potentials, the map and the plan.

    Parameters
    ----------
    f, g : (n,) and (m,) array-likes, optional
        Derivatives of the scalar with respect to `f` and `g`.
    map : (n, d) array-like, optional
        Derivatives with respect to `map()`, the images of the source points.
    plan : pair of (n, k) and (m, k) array-likes, optional
        U and V such that U V' are the derivatives with respect to the entries of the plan.
    tol : float
        Relative residual of the linear system. Apart from this, derivatives are right up to the
        marginal error.

    Returns
    -------
    Gradient
        x (n, d), y (m, d), a (n,), b (m,) float64 arrays, and the attribute `linear_solve`:
        residual, n_iter, n_passes, converged.

    Warns
    -----
    ConvergenceWarning
        If the linear system was not solved to the tolerance.

    Notes
    -----
    Cost: four passes, two for each iteration of the linear solver, two more for a map and two
    more for a plan, all in float64. The memory is O(n + m): sums over clusters take 32 MB, or
    512 bytes for each source point.

    References
    ----------
    Thornton & Cuturi 2023, "Rethinking initialization of the Sinkhorn algorithm", section 2.2.

    Examples
    --------
    The images of two points move along with the target points onto which they are mapped.

    >>> import numpy as np, sinkhorn_nb as snb
    >>> solution = snb.entropic_ot([[0.0], [1.0]], [[0.0], [3.0]], blur=0.1)
    >>> solution.pullback(map=np.ones((2, 1))).y.round(3)
    array([[1.],
           [1.]])
    """
    problem = solution.problem
    tol = validation.positive("tol", tol)
    f = _cotangent("f", f, problem.source.weights)
    g = _cotangent("g", g, problem.target.weights)
    if map is not None:
        problem.require_points()
    map = _cotangent("map", map, problem.coordinates[0])
    if plan is not None:
        sizes = len(problem.source), len(problem.target)
        plan = validation.factors("plan", plan, *sizes)
    linearized = _linearized(solution)
    with single_threaded_blas():  # idle threads of BLAS spin on the cores that the passes need
        pulled = implicit.pullback(linearized, f, g, map, plan, tol)
    return at_home(warned(pulled), solution.home)


def pushforward(
    solution: Solution,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    tol: float = LINEAR_TOL,
    C: ArrayLike | None = None,
) -> Tangents:
    """Derivatives of potentials and value along a direction of points and weights, or of a
    matrix of costs.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array-likes, optional
        Velocities of the points; zero by default.
    a, b : (n,) and (m,) array-likes, optional
        Changes of the weights, of the same sum if both marginals are exact; zero by default.
    tol : float
        Relative residual of the linear system.
    C : (n, m) array-like, optional
        Changes of the costs, for a problem of a matrix of costs; zero by default.

    Returns
    -------
    Tangents
        f (n,), g (m,) and value, and the attribute `linear_solve`. For a matrix of costs, the
        attribute `plan` is the derivative of the plan, which is the gradient of the value in
        the costs, as a linear operator.

    Notes
    -----
    Cost: four passes and two for each iteration of the linear solver. See `pullback`.
    """
    problem = solution.problem
    tol = validation.positive("tol", tol)
    if x is not None or y is not None:
        problem.require_points()
    direction = tangents.Direction(
        _direction("x", x, problem.coordinates[0]),
        _direction("y", y, problem.coordinates[1]),
        _direction("a", a, problem.source.weights),
        _direction("b", b, problem.target.weights),
        None if C is None else _changes(problem, C),
    )
    with single_threaded_blas():
        pushed = tangents.pushforward(_linearized(solution), direction, tol)
    return at_home(warned(pushed), solution.home)


def _changes(problem: Problem, C: ArrayLike) -> Floats:
    """The checked changes of a matrix of costs."""
    if problem.has_points:
        raise ValueError(
            "C: expected no changes of the costs of a problem between points, whose costs "
            "follow from these; pass x and y, or the matrix of the costs to entropic_ot_matrix"
        )
    sizes = len(problem.source), len(problem.target)
    return validation.like("C", C, np.broadcast_to(0.0, sizes))


def hessian_vector_product(
    solution: Solution,
    dx: ArrayLike | None = None,
    dy: ArrayLike | None = None,
    tol: float = LINEAR_TOL,
) -> HessianProduct:
    """The Hessian of the value in (x, y) times (dx, dy), at fixed weights.

    Parameters
    ----------
    dx, dy : (n, d) and (m, d) array-likes, optional
        The direction; zero by default.
    tol : float
        Relative residual of the linear system.

    Returns
    -------
    HessianProduct
        x (n, d) and y (m, d), and the attribute `linear_solve`.

    Raises
    ------
    ValueError
        If the cost is a function of the caller, or has a kink at two points with mass that move
        apart: |x - y|^p / p with p < 2 at equal points.

    Notes
    -----
    Cost: six passes and two for each iteration of the linear solver. See `pullback`. Two of the
    passes are slower for other costs than |x - y|^2 / 2, and run on the CPU.
    """
    product = hessian_of(solution, dx, dy, tol)
    return at_home(warned(product), solution.home)


def hessian_of(
    solution: Solution, dx: ArrayLike | None, dy: ArrayLike | None, tol: float
) -> HessianProduct:
    """`hessian_vector_product` on the host and without its warning."""
    problem = solution.problem
    problem.require_points()
    tol = validation.positive("tol", tol)
    dx = _direction("dx", dx, problem.coordinates[0])
    dy = _direction("dy", dy, problem.coordinates[1])
    with single_threaded_blas():
        return tangents.hessian_vector_product(_linearized(solution), dx, dy, tol)


def _linearized(solution: Solution) -> Linearization:
    return Linearization(solution.problem, solution._row_iterate, solution.backend)


def _cotangent(name: str, value: ArrayLike | None, like: Numbers) -> Floats | None:
    return None if value is None else validation.like(name, value, like)


def _direction(name: str, value: ArrayLike | None, like: Numbers) -> Floats:
    if value is None:
        return np.zeros(like.shape)
    return validation.like(name, value, like)
