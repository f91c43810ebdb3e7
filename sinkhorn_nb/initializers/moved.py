"""Potentials after a move of the points, from the potentials before it, without a pass over the
pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from ..common.array_types import Floats, Pair
from ..measures.measure import Measure
from ..results.solution import Solution
from .tracks import Track, variance

# Least share of the moves that a geodesic must explain to count as moves along it
LEAST_FIT = 1 / 2
# Largest number of clusters for the change of density; their least points
CLUSTERS, POINTS_PER_PARAMETER = 8, 8
LARGEST_LOG = 2.0  # bound of the log of the change of a density
WIDE = 1 / 4  # of the variance: at a larger eps the potential hardly depends on the density


def of_self(track: Track, solution: Solution, measure: Measure, eps: float) -> Floats:
    """The self potential after the move: up to smoothing, it is minus eps / 2 times the logarithm
    of the density.
    """
    f = track.carried(solution)
    n, d = track.after.shape
    most = n // (POINTS_PER_PARAMETER * (d + 1))
    count = min(CLUSTERS, most)
    if not track.has_moved or count < 1:
        return f
    if eps > WIDE * variance(track.after, track.probabilities):
        return f

    bounds = measure.reduced.partition.clusters(count)
    volumes = []
    for i, j in pairwise(bounds):
        volumes.append(_log_volume(track.before[i:j], track.after[i:j]))
    per_point = np.repeat(volumes, np.diff(bounds))
    return f + eps / 2 * per_point


def _log_volume(before: Floats, after: Floats) -> float:
    """Logarithm of the change of volume under the linear map that fits the moves of some points."""
    before = before - before.mean(axis=0)
    after = after - after.mean(axis=0)
    moves, *_ = np.linalg.lstsq(before, after - before, rcond=1e-6)
    linear_map = np.eye(len(moves)) + moves
    _, log_volume = np.linalg.slogdet(linear_map)
    return np.clip(log_volume, -LARGEST_LOG, LARGEST_LOG)


def translated(x: Track, f: Floats, y: Track, g: Floats) -> Pair:
    """The potentials between two measures, which are exact if each measure has been translated."""
    return _moved(x, f, y, g, lambda points, move, potential: 0.0)


def along_geodesic(x: Track, f: Floats, y: Track, g: Floats) -> Pair:
    """The debiased potentials f_ab - f_aa and g_ab - g_bb between two measures.

    Without regularization they are exact if the points have gone some share of their way to the
    other measure, as in a gradient flow: the rest of the way is the rest of the same geodesic.
    Otherwise they are those of `translated`.
    """
    return _moved(x, f, y, g, _share)


def _moved(
    x: Track,
    f: Floats,
    y: Track,
    g: Floats,
    share: Callable[[Floats, Floats, Floats], float],
) -> Pair:
    """Potentials between two measures, each of which has gone some share of the way to the other.

    Translations do not change the potentials between the centered measures, which have f + g = C on
    the support of the plan. If x_i goes the share s of its way and y_j the share t, the costs there
    become C (1 - s - t)^2: f loses s C, and then the share s + t of the rest.
    """
    x_before, x_after, x_mean, new_x_mean = x.centered()
    y_before, y_after, y_mean, new_y_mean = y.centered()
    f = f - _linear(x_before, x_mean - y_mean)
    g = g - _linear(y_before, y_mean - x_mean)

    x_moves = x_after - x_before
    y_moves = y_after - y_before
    s = share(x_before, x_moves, f)
    t = share(y_before, y_moves, g)
    rest = max(1 - s - t, 0.0)
    f = rest * (f - _lost(x_moves, s))
    g = rest * (g - _lost(y_moves, t))

    f = f + _linear(x_after, new_x_mean - new_y_mean)
    g = g + _linear(y_after, new_y_mean - new_x_mean)
    return f, g


def _linear(points: Floats, shift: Floats) -> Floats:
    """The potential of a translation by -shift at centered points, plus half of its constant."""
    return points @ shift + shift @ shift / 4


def _lost(moves: Floats, share: float) -> Floats | float:
    """share * C = |move|^2 / (2 share), where C is |move / share|^2 / 2."""
    if share == 0:
        return 0.0
    return (moves**2).sum(axis=1) / (2 * share)


def _share(points: Floats, moves: Floats, potential: Floats) -> float:
    """The s for which the moves are nearly -s times the gradient of the potential, or 0 if there is
    none.

    Differences of the potential between neighbors are integrals of its gradient along the segment,
    so no gradient is needed.
    """
    steps = np.diff(points, axis=0)
    differences = np.diff(potential)
    mean_moves = (moves[1:] + moves[:-1]) / 2
    along = np.einsum("ik,ik->i", mean_moves, steps)
    squares = np.einsum("ik,ik->i", steps, steps)
    # Equal points may separate
    weights = np.zeros_like(squares)
    np.divide(1.0, squares, out=weights, where=squares > 0)

    product = weights @ (along * differences)
    size = weights @ differences**2
    total = weights @ along**2
    if not product**2 >= LEAST_FIT * size * total > 0:
        return 0.0
    return float(np.clip(-product / size, -1.0, 1.0))
