"""The table of divergences between all clouds of a list, or between the clouds of two lists."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import TypeAlias

import numpy as np

from .. import validation
from ..common.array_types import Floats, Weights
from ..measures.clouds import Named
from ..measures.grid import Measures
from ..measures.measure import Measure
from ..solver import Sinkhorn
from ..terms import Terms, terms_with_one_price, with_divergence
from .arguments import listed, usual
from .grid_batches import are_grids, grid_table
from .pairwise_blocks import Effort, evaluate

_NamedMeasure: TypeAlias = tuple[str, str, Measure]  # the names of the points and of the weights


@validation.native_names
def pairwise_sinkhorn_divergence(
    clouds: Measures,
    others: Measures | None = None,
    weights: Weights | None = None,
    *,
    other_weights: Weights | None = None,
    blur: float | None = None,
    eps: float | None = None,
    p: float = 2,
    cost: str | Callable[..., float] | None = None,
    reach: float | None = None,
    rho: float | None = None,
    solver: Sinkhorn | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Floats:
    """Sinkhorn divergences between all clouds of a list, or of two lists: S_eps(clouds[k],
    others[l]).

    sqrt(2 S) is a length in the unit of the points that tends to the Wasserstein distance W_2 as
    the blur tends to 0.

    Parameters
    ----------
    clouds : sequence of N (n_k, d) array-likes
        Points, any number in each cloud; or an (N, n, d) array; or a list of Grid, solved one after
        another on all threads whatever n_jobs says.
    others : sequence of M (m_l, d) array-likes, optional
        The clouds to compare with; `clouds` by default.
    weights, other_weights : sequences of N (n_k,) and M (m_l,) array-likes, optional
        Weights >= 0, all of the same total mass unless reach is given; None, also for a single
        cloud, gives uniform probabilities.
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
    n_jobs : int, optional
        Number of processes of joblib, -1 for one per core. `joblib.parallel_config` chooses other
        kinds of jobs: backend="dask" or "ray" distributes them over a cluster. None takes the
        number of this configuration, and without a configuration this process alone.
    progress : bool, default False
        Show how many pairs are done.

    Returns
    -------
    (N, M) float64 array
        A NumPy array. Without `others` it is exactly symmetric, with a zero diagonal. It has the
        same bits for any number of jobs.

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Warns
    -----
    ConvergenceWarning
        Once, if the tolerance was not reached for all pairs.

    Notes
    -----
    Cost: O(n m d) time per iteration, for each pair of different clouds and for each cloud with
    itself. The memory beyond the clouds and the table holds the solutions of at most 1024 pairs per
    job.

    References
    ----------
    Feydy et al. 2019, "Interpolating between Optimal Transport and MMD using Sinkhorn Divergences",
    equation (3).

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> clouds = [np.linspace(0, 1, n)[:, None] + shift for n, shift in ((20, 0.0), (30, 1.0))]
    >>> np.sqrt(2 * snb.pairwise_sinkhorn_divergence(clouds, blur=0.05)).round(2)
    array([[0., 1.],
           [1., 0.]])
    """
    terms = terms_with_one_price(blur=blur, eps=eps, p=p, cost=cost, reach=reach, rho=rho)
    rows, columns = _listed(clouds, others, weights, other_weights)
    if are_grids(rows + columns):
        return grid_table(rows, columns, terms, usual(solver), progress)
    return _table(rows, columns, terms, _effort(solver, n_jobs, progress))


def _listed(
    clouds: Measures,
    others: Measures | None,
    weights: Weights | None,
    other_weights: Weights | None,
) -> tuple[list[Named], list[Named]]:
    """The clouds of the rows and the clouds of the columns, with their names and weights."""
    rows = _clouds("clouds", clouds, "weights", weights)
    if others is not None:
        return rows, _clouds("others", others, "other_weights", other_weights)
    if other_weights is not None:
        raise TypeError(
            "other_weights: expected None without others, got weights; pass others, or "
            "weights=[...]"
        )
    return rows, rows


def _clouds(name: str, clouds: Measures, weights_name: str, weights: Weights | None) -> list[Named]:
    found = listed(name, clouds, weights_name, weights, "cloud")
    validation.several_clouds(name, [entry.x for entry in found])
    return found


def _effort(solver: Sinkhorn | None, n_jobs: int | None, progress: bool) -> Effort:
    validation.choice("progress", progress, (False, True))
    return Effort(usual(solver), validation.jobs("n_jobs", n_jobs), progress)


def _table(rows: list[Named], columns: list[Named], terms: Terms, effort: Effort) -> Floats:
    """Compute the table; each pair of different clouds is compared once, however often it
    appears.
    """
    numbers, named = _numbered(rows + columns)
    _check(named, terms)
    first, second = np.split(np.array(numbers), [len(rows)])
    low = np.minimum.outer(first, second)
    high = np.maximum.outer(first, second)
    count = len(named)
    codes, places = np.unique(low * count + high, return_inverse=True)
    pairs = np.stack(np.divmod(codes, count), axis=1)

    is_pair = pairs[:, 0] < pairs[:, 1]
    value = np.zeros(len(codes))
    if is_pair.any():
        names = [x for x, _, _ in named]
        measures = [measure for _, _, measure in named]
        pairs = pairs[is_pair]
        value[is_pair] = evaluate(measures, pairs, names, terms, effort)
    return value[places].reshape(low.shape)


def _numbered(clouds: list[Named]) -> tuple[list[int], list[_NamedMeasure]]:
    """The number of each cloud, and names and measures by number. An array that appears several
    times is one cloud.
    """
    numbers: dict[tuple[int, int], int] = {}
    named: list[_NamedMeasure] = []
    arrays: dict[str, object] = {}
    for cloud in clouds:
        arrays.update(cloud.arrays)
        if cloud.key not in numbers:
            numbers[cloud.key] = len(named)
            named.append((cloud.x_name, cloud.a_name, cloud.measure))
    validation.home(**arrays)
    return [numbers[cloud.key] for cloud in clouds], named


def _check(named: list[_NamedMeasure], terms: Terms) -> None:
    """Check that all clouds have the same coordinates and units and fit the terms."""
    x_name, a_name, first = named[0]
    meanings: dict[object, tuple[str, validation.Traits]] = {}
    for name, weights_name, measure in named:
        traits = measure.traits
        validation.same_dimension(name, measure.points, x_name, first.points)
        validation.same_unit(weights_name, traits.mass_unit, a_name, first.traits.mass_unit)
        meaning = traits.columns, traits.unit
        meanings.setdefault(meaning, (name, traits))
    for (other_name, other), (name, traits) in combinations(meanings.values(), 2):
        validation.same_meaning(name, traits, other_name, other)
    if terms.marginals.are_exact:
        names = [a for _, a, _ in named]
        weights = [measure.weights for _, _, measure in named]
        roundings = [measure.traits.mass_rounding for _, _, measure in named]
        validation.one_mass(names, weights, roundings)
    with_divergence(terms)
    if terms.cost.has_length:
        points = [measure.points for _, _, measure in named]
        blur = validation.blur(terms.blur, *points)
        validation.resolved(blur, *((name, measure) for name, _, measure in named))
    for name, _, measure in named:
        terms.cost.check(name, measure.points)
