"""The Gibbs kernels of many problems at once: the blocks on the diagonal of one."""

from copy import copy
from typing import Any, NamedTuple

import numpy as np

from .backends.choice import choose
from .gibbs import LOG2E, Side, is_trusted, log


class Stack(NamedTuple):
    """The measures of many problems, one after another, each in units of its problem's blur."""

    points: Any
    probabilities: Any
    starts: Any  # where the measures start, and the end
    owner: Any  # measure of each point

    @classmethod
    def of(cls, partitions, origins, blurs):
        """The measures of partitions of points of one dimension, each seen from its problem's origin."""
        sizes = [len(partition) for partition in partitions]
        owner = np.repeat(np.arange(len(sizes)), sizes)
        centred = [partition.points - origin for partition, origin in zip(partitions, origins, strict=True)]
        points = np.concatenate(centred) / np.asarray(blurs)[owner, None]
        probabilities = np.concatenate([partition.probabilities for partition in partitions])
        return cls(points, probabilities, np.concatenate([[0], np.cumsum(sizes)]), owner)

    def sums(self, values):
        """Sums over the points of each measure, along the last axis."""
        return np.add.reduceat(values, self.starts[:-1], axis=-1)

    def means(self, values):
        """Expectations in each measure."""
        return self.sums(self.probabilities * values)

    def parts(self, values):
        """The values of each measure's points."""
        return np.split(values, self.starts[1:-1])


class Blocks:
    """p_ij = exp(u_i + v_j - |x_i - y_j|^2 / 2) for the points of one problem, and 0 for those of two.

    Parameters
    ----------
    x, y : Stack
        The same object twice for problems of measures with themselves.
    dtype : {"float32", "float64"}
        Of the pairs.
    backend : str
        As the solver's.
    """

    def __init__(self, x, y, dtype, backend):
        self._backend, self._dtype = choose(backend), dtype
        self._x = self._load(x, dtype)
        self._y = self._x if x is y else self._load(y, dtype)

    def _load(self, stack, dtype):
        bounds = np.concatenate([stack.starts[:1], *map(self._tiles, stack.starts[:-1], stack.starts[1:])])
        side = Side(stack.points, stack.probabilities, bounds, 1.0, dtype, self._backend)
        least_weights = np.minimum.reduceat(stack.probabilities, stack.starts[:-1])
        return _Loaded(side, stack.owner, stack.owner[bounds[:-1]], np.log(least_weights))

    def _tiles(self, start, stop):
        """The ends of tiles of about equal size."""
        count = -(-(stop - start) // self._backend.points_a_tile)
        return start + np.arange(1, count + 1) * (stop - start) // count

    @property
    def T(self):
        """The kernels seen from y."""
        transposed = copy(self)
        transposed._x, transposed._y = self._y, self._x
        return transposed

    def log_row_sums(self, u, v, asked):
        """log sum_j b_j p_ij in the problems asked for, zero in the others."""
        x, y = self._x.side, self._y.side
        spans = np.searchsorted(self._y.owner_of_tile, self._x.owner_of_tile[:, None] + [0, 1])
        spans[~asked[self._x.owner_of_tile]] = 0
        F, G = x.exponents(u), y.exponents(v)
        log_sums = log(self._backend.row_sums(x.cloud, F, y.cloud, G, y.weights, spans))
        rows = asked[self._x.owner]
        log_sums[~rows] = 0.0
        least_weights = self._y.least_log_weights[self._x.owner]
        doubtful = np.flatnonzero(rows & ~is_trusted(log_sums, least_weights, self._dtype))
        if len(doubtful):
            part, seen = x.part(doubtful), spans[x.tiles_of(doubtful)]
            G += log(y.weights) * LOG2E
            log_sums[doubtful] = (
                u[doubtful] + self._backend.log_sum_exp(part.cloud, part.exponents(0.0), y.cloud, G, seen) / LOG2E
            )
        return log_sums


class _Loaded(NamedTuple):
    side: Side
    owner: Any  # problem of each point
    owner_of_tile: Any
    least_log_weights: Any  # of each problem's points, which all have mass
