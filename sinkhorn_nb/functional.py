"""The front door: arrays in, one frozen result out."""

import math

from . import validation
from .backends.home import HOST
from .divergence import Divergence, diverge
from .divergences import diverge_all
from .measure import Measure
from .problem import Problem
from .solution import Solution
from .solver import Sinkhorn


@validation.native_names
def sinkhorn_divergence(x, y, a=None, b=None, *, blur, solver=None, self_x=None, self_y=None):
    """Sinkhorn divergence S_eps(a, b) between two weighted point clouds, eps = blur**2, C = |x - y|^2 / 2.

    S_eps(a, b) = OT_eps(a, b) - OT_eps(a, a) / 2 - OT_eps(b, b) / 2: positive, zero only for
    a = b, convex in each argument, and metrizing weak convergence.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array-likes
        Points. float32 input is computed with float32 pairs, all else ends in float64.
        Arrays of torch, CuPy, JAX or numba on a GPU make arrays of the same kind of all results.
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
    Cost: O(n m d) time per iteration, O(n + m) memory beyond the points.

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


@validation.native_names
def sinkhorn_divergences(xs, ys, a=None, b=None, *, blur, solver=None):
    """Sinkhorn divergences of many pairs of weighted point clouds, solved together.

    As `sinkhorn_divergence` of each pair, up to the solver's tolerance, and for small clouds many times as fast:
    each pass serves all pairs.

    Parameters
    ----------
    xs, ys : sequences of B (n_k, d_k) and (m_k, d_k) array-likes
        Points, any number in each cloud; or (B, n, d) arrays. An array that is in several places is one measure,
        compared with itself once.
    a, b : sequences of B (n_k,) and (m_k,) array-likes, optional
        Weights >= 0, of the same total mass in a pair; None, also in place of one of them, for uniform probabilities.
    blur : float
        Length in the unit of the points below which details are smoothed, eps = blur**2.
    solver : Sinkhorn, optional
        How to solve; the default stops at a marginal error of 1e-3. One with settings beyond tol, max_iter, backend
        and dtype solves the pairs one after another.

    Returns
    -------
    Divergences
        Arrays value, converged, n_iter, n_passes, marginal_error, one number per pair; [k] is the k-th `Divergence`.

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Warns
    -----
    ConvergenceWarning
        Once, if the tolerance was not reached by all.

    Notes
    -----
    Cost: O(sum_k n_k m_k d_k) time per iteration, O(sum_k (n_k + m_k)) memory and 4 MB per thread. Each pair of up to
    512 by 512 points takes annealed Sinkhorn iterations with Anderson mixing, in float64 and in the cache of a core;
    larger ones and those on which these fail take the steps of `entropic_ot`.

    References
    ----------
    Feydy et al. 2019, "Interpolating between Optimal Transport and MMD using Sinkhorn
    Divergences", equation (3).

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> clouds = [np.linspace(0, 1, n)[:, None] for n in (20, 30, 40)]
    >>> snb.sinkhorn_divergences(clouds, [cloud + 2.0 for cloud in clouds], blur=0.05).value.round(3)
    array([2., 2., 2.])
    """
    sources, targets = listed("xs", xs, "a", a), listed("ys", ys, "b", b)
    validation.same_length("ys", targets, "xs", sources)
    measures = _measures(sources + targets)
    problems = [_pair(*of_x, *of_y, measures, blur) for of_x, of_y in zip(sources, targets, strict=True)]
    return diverge_all(problems, _solver(solver))


@validation.native_names
def entropic_ot(x, y, a=None, b=None, *, blur, solver=None):
    """Entropic optimal transport OT_eps between two weighted point clouds, eps = blur**2, C = |x - y|^2 / 2.

    OT_eps(a, b) = min_P <P, C> + eps KL(P | a (x) b) over plans with marginals a and b.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array-likes
        Points. float32 input is computed with float32 pairs, all else ends in float64.
        Arrays of torch, CuPy, JAX or numba on a GPU make arrays of the same kind of all results.
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
    Cost: O(n m d) time per iteration, O(n + m) memory beyond the points.

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


def suggest_blur(x, y=None, fraction=0.05):
    """A blur to start from: a fraction of the diameter, the diagonal of the bounding box of all points.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array-likes
        The points to be compared; y may be left out.
    fraction : float, default 0.05
        Above 0, at most 1.

    Returns
    -------
    float
        A length in the unit of the points, which must have one unit for all columns: scale them first if they do not.

    Raises
    ------
    ValueError, TypeError
        On bad input, and if all points are equal: no length is any better than another.

    Examples
    --------
    >>> import sinkhorn_nb as snb
    >>> snb.suggest_blur([[0.0, 0.0], [3.0, 4.0]])
    0.25
    """
    fraction = validation.share("fraction", fraction)
    source = Measure.of(x, names=("x", "a"))
    target = source if y is None else Measure.of(y, names=("y", "b"))
    _comparable(source, target, "x", "y")
    diameter = Problem(source, target, 1.0).diameter
    if diameter == 0:
        raise ValueError("x: expected at least two different points, got equal ones; pass data, or choose any blur > 0")
    if math.isinf(diameter):
        raise ValueError("x: expected points less far apart, got a diameter beyond float64; rescale all points alike")
    return fraction * diameter


def _problem(x, y, a, b, blur):
    validation.points_first(x, y, a, b)
    source, target = Measure.of(x, a, ("x", "a")), Measure.of(y, b, ("y", "b"))
    return between(source, target, blur, home=validation.home(x=x, y=y, a=a, b=b))


def between(source, target, blur, names=("x", "y", "a", "b"), home=HOST):
    """The problem of two measures; the names are those of their points and weights, for messages."""
    x, y, a, b = names
    _comparable(source, target, x, y)
    validation.same_unit(b, target.traits.mass_unit, a, source.traits.mass_unit)
    rounding = max(source.traits.mass_rounding, target.traits.mass_rounding)
    validation.equal_masses(b, target.weights, a, source.weights, rounding)
    blur = validation.blur(blur, source.points, target.points)
    validation.resolved(blur, (x, source), (y, target))
    return Problem(source, target, blur**2, home)


def _comparable(source, target, x, y):
    """Points with the same coordinates, in one unit."""
    validation.same_dimension(y, target.points, x, source.points)
    validation.same_meaning(y, target.traits, x, source.traits)


def listed(name, clouds, weights_name, weights, each="pair"):
    """The points and weights of each measure, both as (name, array)."""
    clouds = validation.sequence(name, clouds, each)
    weights = [None] * len(clouds) if weights is None else validation.sequence(weights_name, weights, each)
    validation.same_length(weights_name, weights, name, clouds, each)
    pairs = enumerate(zip(clouds, weights, strict=True))
    return [((f"{name}[{k}]", x), (f"{weights_name}[{k}]", own)) for k, (x, own) in pairs]


def _measures(listed):
    """One for each pair of arrays, which the caller keeps alive, by their identities."""
    measures = {}
    for (x_name, x), (a_name, weights) in listed:
        if (id(x), id(weights)) not in measures:
            measures[id(x), id(weights)] = Measure.of(x, weights, (x_name, a_name))
    return measures


def _pair(x, a, y, b, measures, blur):
    """The problem of one pair of clouds; x, a, y and b are tuples of a name and an array."""
    source, target = measures[id(x[1]), id(a[1])], measures[id(y[1]), id(b[1])]
    named = dict([x, y, a, b])
    return between(source, target, blur, tuple(named), validation.home(**named))


def _solver(solver):
    return Sinkhorn() if solver is None else validation.instance("solver", solver, Sinkhorn)


def _check_self(name, known, own, eps):
    if isinstance(known, Divergence):
        own_name = {"self_x": "xx", "self_y": "yy"}[name]
        raise TypeError(f"{name}: expected a Solution, got the Divergence that it belongs to; pass its .{own_name}")
    validation.instance(name, known, Solution)
    problem = known.problem
    if not (problem.is_self and problem.source.equals(own) and problem.eps == eps):
        raise ValueError(
            f"{name}: expected the self solution of these points, weights and blur, got that of another problem; "
            "pass .xx or .yy of a divergence with the same measure and blur, or leave it out"
        )
