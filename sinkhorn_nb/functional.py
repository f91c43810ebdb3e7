"""The public functions: they take arrays and return one frozen result."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import validation
from .common.array_types import ArrayLike, Weights
from .losses.arguments import between, compared, known_selves, listed, usual
from .losses.divergences import Divergences, diverge_all, diverge_alone
from .losses.grid_batches import are_grids, grid_divergences
from .losses.grids import grid_divergence, grid_transport, two_grids
from .measures.clouds import Named
from .measures.grid import Grid, Measures
from .measures.measure import Measure
from .results.divergence import Divergence
from .results.solution import Solution
from .solver import Sinkhorn
from .terms import Price, terms_of, terms_with_one_price


@validation.native_names
def sinkhorn_divergence(
    x: ArrayLike | Grid | Measure,
    y: ArrayLike | Grid | Measure,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    *,
    blur: float | None = None,
    eps: float | None = None,
    p: float = 2,
    cost: str | Callable[..., float] | None = None,
    reach: float | None = None,
    rho: float | None = None,
    solver: Sinkhorn | None = None,
    self_x: Solution | None = None,
    self_y: Solution | None = None,
) -> Divergence:
    """Sinkhorn divergence S_eps(a, b) between two weighted point clouds, for the cost |x - y|^2 / 2
    or another one.

    S_eps(a, b) = OT_eps(a, b) - OT_eps(a, a) / 2 - OT_eps(b, b) / 2: positive, zero only for
    a = b, convex in each argument, and metrizing weak convergence.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array-likes, two Grid, or Measure
        Points. float32 input is computed with float32 pairs; all other input ends in float64. If
        arrays of torch, CuPy, JAX or numba on a GPU are passed, all results are arrays of the same
        kind. Images, histograms and volumes are `Grid` objects; results have their shapes.
    a, b : (n,) and (m,) array-likes, optional
        Weights >= 0, uniform probabilities by default; of the same total mass unless reach is
        given.
    blur : float
        Length in the unit of the points below which details are smoothed, eps = blur**p.
    eps : float
        The temperature in units of cost; pass either blur or eps.
    p : float, default 2
        Exponent of the cost |x - y|^p / p.
    cost : str or callable, optional
        Another cost, with eps instead of blur.
    reach : float, optional
        Length up to which mass is transported; beyond it, it is cheaper to remove and create mass
        at the price rho = reach**p. None requires exact marginals, which are the given weights.
    rho : float, optional
        The price in units of cost, instead of reach.
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
    validation.points_first(x, y, a, b)
    solver = usual(solver)
    terms = terms_with_one_price(blur=blur, eps=eps, p=p, cost=cost, reach=reach, rho=rho)
    if isinstance(x, Grid) or isinstance(y, Grid):
        known = {"self_x": self_x, "self_y": self_y}
        grids = two_grids(x, y, a, b)
        return grid_divergence(*grids, terms, solver, known)
    source = Named("x", x, "a", a)
    target = Named("y", y, "b", b)
    pair, homes = compared([source], [target], terms)
    selves = known_selves(pair, {"self_x": self_x, "self_y": self_y})
    return diverge_alone(pair, solver, homes[0], selves)


@validation.native_names
def sinkhorn_divergences(
    xs: Measures,
    ys: Measures,
    a: Weights | None = None,
    b: Weights | None = None,
    *,
    blur: float | None = None,
    eps: float | None = None,
    p: float = 2,
    cost: str | Callable[..., float] | None = None,
    reach: float | None = None,
    rho: float | None = None,
    solver: Sinkhorn | None = None,
) -> Divergences:
    """Sinkhorn divergences of many pairs of weighted point clouds, solved together.

    The results are those of `sinkhorn_divergence` for each pair, up to the solver's tolerance. For
    small clouds this is many times as fast, because a compiled solver takes all pairs at once.

    Parameters
    ----------
    xs, ys : sequences of B (n_k, d_k) and (m_k, d_k) array-likes
        Points, any number in each cloud; or (B, n, d) arrays; or lists of Grid. An array or a
        grid that appears several times is one measure, compared with itself once.
    a, b : sequences of B (n_k,) and (m_k,) array-likes, optional
        Weights >= 0, of the same total mass in a pair; None, also for a single cloud, gives uniform
        probabilities.
    blur : float
        Length in the unit of the points below which details are smoothed, eps = blur**p.
    eps : float
        The temperature in units of cost; pass either blur or eps.
    p : float, default 2
        Exponent of the cost |x - y|^p / p.
    cost : str or callable, optional
        Another cost, with eps instead of blur.
    reach : float, optional
        Length up to which mass is transported; beyond it, it is cheaper to remove and create mass
        at the price rho = reach**p. None requires exact marginals, which are the given weights.
    rho : float, optional
        The price in units of cost, instead of reach.
    solver : Sinkhorn, optional
        How to solve; the default stops at a marginal error of 1e-3. If settings other than tol,
        max_iter, backend and dtype are given, the pairs are solved one after another.

    Returns
    -------
    Divergences
        Arrays value, converged, n_iter, n_passes, marginal_error, one number per pair; [k] is the
        k-th `Divergence`.

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Warns
    -----
    ConvergenceWarning
        Once, if some pairs did not reach the tolerance.

    Notes
    -----
    Cost: O(sum_k n_k m_k d_k) time per iteration, O(sum_k (n_k + m_k)) memory and 16 MB per thread.
    Pairs of up to 1024 by 1024 points are solved by annealed Sinkhorn iterations with Anderson
    mixing, in float64 and in the cache of a core. Larger pairs, and pairs on which this fails, take
    the steps of `entropic_ot`.

    References
    ----------
    Feydy et al. 2019, "Interpolating between Optimal Transport and MMD using Sinkhorn
    Divergences", equation (3).

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> clouds = [np.linspace(0, 1, n)[:, None] for n in (20, 30, 40)]
    >>> moved = [cloud + 2.0 for cloud in clouds]
    >>> snb.sinkhorn_divergences(clouds, moved, blur=0.05).value.round(3)
    array([2., 2., 2.])
    """
    sources = listed("xs", xs, "a", a)
    targets = listed("ys", ys, "b", b)
    validation.same_length("ys", targets, "xs", sources)
    terms = terms_with_one_price(blur=blur, eps=eps, p=p, cost=cost, reach=reach, rho=rho)
    if are_grids(sources + targets):
        return grid_divergences(sources, targets, terms, usual(solver))
    pairs, homes = compared(sources, targets, terms)
    is_stacked = isinstance(xs, np.ndarray) and isinstance(ys, np.ndarray)
    return diverge_all(pairs, usual(solver), homes, is_stacked)


@validation.native_names
def entropic_ot(
    x: ArrayLike | Grid | Measure,
    y: ArrayLike | Grid | Measure,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    *,
    blur: float | None = None,
    eps: float | None = None,
    p: float = 2,
    cost: str | Callable[..., float] | None = None,
    reach: Price = None,
    rho: Price = None,
    solver: Sinkhorn | None = None,
) -> Solution:
    """Entropic optimal transport OT_eps between two weighted point clouds, for the cost |x - y|^2 /
    2 or another one.

    OT_eps(a, b) = min_P <P, C> + eps KL(P | a (x) b) over plans with marginals a and b.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array-likes, two Grid, or Measure
        Points. float32 input is computed with float32 pairs; all other input ends in float64. If
        arrays of torch, CuPy, JAX or numba on a GPU are passed, all results are arrays of the same
        kind. Images, histograms and volumes are `Grid` objects; results have their shapes.
    a, b : (n,) and (m,) array-likes, optional
        Weights >= 0, uniform probabilities by default; of the same total mass unless reach is
        given.
    blur : float
        Length in the unit of the points below which details are smoothed, eps = blur**p.
    eps : float
        The temperature in units of cost; pass either blur or eps.
    p : float, default 2
        Exponent of the cost |x - y|^p / p.
    cost : str or callable, optional
        Another cost, with eps instead of blur.
    reach : float or pair, optional
        Length up to which mass is transported; beyond it, it is cheaper to remove and create mass
        at the price rho = reach**p. None requires exact marginals, which are the given weights.
    rho : float or pair, optional
        The price in units of cost, instead of reach. A pair (r_x, r_y) has a price for each side;
        None makes a side exact.
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
    validation.points_first(x, y, a, b)
    solver = usual(solver)
    terms = terms_of(blur=blur, eps=eps, p=p, cost=cost, reach=reach, rho=rho)
    if isinstance(x, Grid) or isinstance(y, Grid):
        grids = two_grids(x, y, a, b)
        return grid_transport(*grids, terms, solver)
    source = Measure.of(x, a, ("x", "a"))
    target = Measure.of(y, b, ("y", "b"))
    home = validation.home(x=x, y=y, a=a, b=b)
    solution = solver.solve(between(source, target, terms))
    return solution.at(home)
