"""The front door: arrays in, one frozen result out."""

from . import validation
from .divergence import diverge
from .measure import Measure
from .problem import Problem
from .solution import Solution
from .solver import Sinkhorn


def sinkhorn_divergence(x, y, a=None, b=None, *, blur, solver=None, self_x=None, self_y=None):
    """Sinkhorn divergence S_eps(a, b) between two weighted point clouds, eps = blur**2, C = |x - y|^2 / 2.

    S_eps(a, b) = OT_eps(a, b) - OT_eps(a, a) / 2 - OT_eps(b, b) / 2: positive, zero only for
    a = b, convex in each argument, and metrizing weak convergence.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array-likes
        Points. float32 input is computed with float32 pairs, all else ends in float64.
    a, b : (n,) and (m,) array-likes, optional
        Weights >= 0 of the same total mass; uniform probabilities by default.
    blur : float
        Length in the unit of the points below which details are smoothed, eps = blur**2.
    solver : Sinkhorn, optional
        How to solve; the default stops at a marginal error of 1e-3.
    self_x, self_y : Solution, optional
        `xx` and `yy` of an earlier divergence with the same points, weights and blur.

    Returns
    -------
    Divergence
        value (also float(result)), gradient(), potentials, xy, xx, yy, converged, ...

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Warns
    -----
    ConvergenceWarning
        Once, if the tolerance was not reached; the result has converged=False.

    Notes
    -----
    Cost: O(n m d) time an iteration, O(n + m) memory beyond the points.

    References
    ----------
    Feydy et al. 2019, "Interpolating between Optimal Transport and MMD using Sinkhorn
    Divergences", equation (3) and theorem 1.

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> x = np.linspace(0, 1, 50)[:, None]
    >>> divergence = snb.sinkhorn_divergence(x, x + 2.0, blur=0.05)
    >>> round(float(divergence), 3)
    2.0
    >>> np.allclose(divergence.gradient().x.sum(), -2.0, atol=1e-3)
    True
    """
    problem, solver = _problem(x, y, a, b, blur), _solver(solver)
    for name, known, own in (("self_x", self_x, problem.source), ("self_y", self_y, problem.target)):
        if known is not None:
            _check_self(name, known, own, problem.eps)
    return diverge(problem, solver, self_x, self_y)


def entropic_ot(x, y, a=None, b=None, *, blur, solver=None):
    """Entropic optimal transport OT_eps between two weighted point clouds, eps = blur**2, C = |x - y|^2 / 2.

    OT_eps(a, b) = min_P <P, C> + eps KL(P | a (x) b) over plans with marginals a and b.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array-likes
        Points. float32 input is computed with float32 pairs, all else ends in float64.
    a, b : (n,) and (m,) array-likes, optional
        Weights >= 0 of the same total mass; uniform probabilities by default.
    blur : float
        Length in the unit of the points, eps = blur**2.
    solver : Sinkhorn, optional
        How to solve; the default stops at a marginal error of 1e-3.

    Returns
    -------
    Solution
        f, g, value, plan, map, potential, gradient(), transport_cost, converged, ...

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Warns
    -----
    ConvergenceWarning
        Once, if the tolerance was not reached; the result has converged=False.

    Notes
    -----
    Cost: O(n m d) time an iteration, O(n + m) memory beyond the points.

    References
    ----------
    Feydy et al. 2019, equations (1) and (8).

    Examples
    --------
    >>> import sinkhorn_nb as snb
    >>> solution = snb.entropic_ot([[0.0], [1.0]], [[0.0], [3.0]], blur=0.1)
    >>> solution.map([[1.0]]).round(2)
    array([[3.]])
    """
    return _solver(solver).solve(_problem(x, y, a, b, blur))


def _problem(x, y, a, b, blur):
    source, target = Measure.of(x, a, names=("x", "a")), Measure.of(y, b, names=("y", "b"))
    validation.same_dimension("y", target.points, "x", source.points)
    validation.equal_masses("b", target.weights, "a", source.weights)
    return Problem(source, target, validation.blur(blur, source.points, target.points) ** 2)


def _solver(solver):
    return Sinkhorn() if solver is None else validation.instance("solver", solver, Sinkhorn)


def _check_self(name, known, own, eps):
    validation.instance(name, known, Solution)
    problem = known.problem
    if not (problem.is_self and problem.source.equals(own) and problem.eps == eps):
        raise ValueError(
            f"{name}: expected the self solution of these points, weights and blur, got that of another problem; "
            "pass .xx or .yy of a divergence with the same measure and blur, or leave it out"
        )
