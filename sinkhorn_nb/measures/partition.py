"""One order of a point cloud for the tiles of the kernels, the clusters, and the cells of the
coarse start.
"""

from __future__ import annotations

import numpy as np

from ..backends.cpu.threads import single_threaded_blas
from ..backends.ordering import median_cuts
from ..common.array_types import Coordinates, Floats, Indices
from ..common.caching import cached_property

TILE = 512  # points per tile of the kernels, at most
MOST_AXES = 16  # principal axes that the cuts consider
SAMPLE = 4096  # points from which the axes are computed
RANK = 1e-6  # relative to the longest axis: shorter axes are rounding


class Partition:
    """A balanced kd-tree with median cuts along the widest of the principal axes, down to single
    points.

    It depends on the points and weights alone, and not on the caller's order: two permutations of a
    measure have the same ordered points, to the bit.

    Parameters
    ----------
    points : (n, d) array
    probabilities : (n,) float64 array
    order : (n,) array, optional
        Their order in the tree, if it is known.

    Attributes
    ----------
    order : (n,) array
        `points[order]` are the ordered points.
    points : (n, d) float64 array
        The ordered points.
    probabilities : (n,) float64 array
        Their probabilities.
    """

    def __init__(
        self, points: Coordinates, probabilities: Floats, order: Indices | None = None
    ) -> None:
        points = _coordinates(points)
        if order is None:
            order = order_of_cuts(points, canonical_order(points, probabilities))
        self.order = order
        self.points = points[order]
        self.probabilities = probabilities[order]
        self._depth = _depth(len(order))

    def __len__(self) -> int:
        return len(self.order)

    def sort(self, values: Floats) -> Floats:
        """Put values from the caller's order in the partition's order."""
        return values[self.order]

    def restore(self, values: Floats) -> Floats:
        """Put values from the partition's order back in the caller's order."""
        out = np.empty_like(values)
        out[self.order] = values
        return out

    def tiles(self, most: int) -> Indices:
        """Bounds of the largest nodes of one level with at most `most` points."""
        count = -(-len(self) // most)
        level = max(0, (count - 1).bit_length())
        return _level(len(self), level)

    @cached_property
    def radius(self) -> float:
        """Root mean square distance of the points from the centers of their tiles."""
        bounds = self.tiles(TILE)
        sizes = np.diff(bounds)
        sums = np.add.reduceat(self.points, bounds[:-1])
        centers = np.repeat(sums / sizes[:, None], sizes, axis=0)
        squares = ((self.points - centers) ** 2).sum(axis=1)
        return float(np.sqrt(self.probabilities @ squares))

    def clusters(self, count: int) -> Indices:
        """Bounds of about `count` clusters, split by mass times variance; nodes of more than n / 32
        points go first.
        """
        masses, variances, sizes = self._nodes
        are_large = sizes > max(1, len(self) // 32)
        keys = np.where(are_large, np.inf, masses * variances)
        return self._split(keys, count)

    def cells(self, count: int, resolution: float) -> Indices:
        """Bounds of at most `count` nodes with the smallest extents; none is finer than needed for
        `resolution`.
        """
        _, variances, _ = self._nodes
        are_wide = variances > resolution**2
        return self._split(np.where(are_wide, variances, 0.0), count)

    def centroids(self, bounds: Indices) -> tuple[Floats, Floats]:
        """Weighted means (K, d) and masses (K,) of the nodes between the bounds; plain means
        without mass.
        """
        starts = bounds[:-1]
        masses = np.add.reduceat(self.probabilities, starts)
        has_mass = np.repeat(masses > 0, np.diff(bounds))
        weights = np.where(has_mass, self.probabilities, 1.0)

        sums = np.add.reduceat(weights[:, None] * self.points, starts)
        totals = np.add.reduceat(weights, starts)
        return sums / totals[:, None], masses

    def _split(self, keys: Floats, count: int) -> Indices:
        """Bounds of the nodes left when the count - 1 nodes of largest positive key, parents first,
        are split.
        """
        n = len(self)
        for level in range(1, self._depth):  # no node before its parent
            nodes = _nodes_at(level)
            parents = _nodes_at(level - 1)
            of_parents = np.repeat(keys[parents], 2)
            keys[nodes] = np.minimum(keys[nodes], of_parents)

        _, _, sizes = self._nodes
        inner = 2**self._depth - 1
        keys = np.where(sizes[:inner] > 1, keys[:inner], 0.0)
        chosen = _largest(keys, count - 1)
        chosen = chosen[keys[chosen] > 0]

        _, exponents = np.frexp(chosen + 1.0)
        level = exponents - 1
        place = chosen + 1 - 2**level
        cuts = ((2 * place + 1) * n) >> (level + 1)
        return np.concatenate([[0], np.sort(cuts), [n]])

    @cached_property
    def _nodes(self) -> tuple[Floats, Floats, Indices]:
        """Masses, variances and sizes of all nodes, level by level, as differences of running
        sums.
        """
        x = self.points - self.probabilities @ self.points
        w = self.probabilities[:, None]
        squares = (x**2).sum(axis=1, keepdims=True)
        moments = np.hstack([w, w * x, w * squares])
        n, n_moments = moments.shape
        running = np.zeros((n + 1, n_moments))
        np.cumsum(moments, axis=0, out=running[1:])

        levels = range(self._depth + 1)
        bounds = [_level(n, level) for level in levels]
        sums = np.concatenate([np.diff(running[b], axis=0) for b in bounds])
        sizes = np.concatenate([np.diff(b) for b in bounds])
        masses = np.maximum(sums[:, 0], 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            means = sums[:, 1:-1] / masses[:, None]
            squares_of_means = (means**2).sum(axis=1)
            variances = sums[:, -1] / masses - squares_of_means
        positive = np.maximum(variances, 0.0)
        return masses, np.where(masses > 0, positive, 0.0), sizes


def _largest(values: Floats, count: int) -> Indices:
    """The indices of the largest values in falling order; of equal values, the first ones."""
    candidates = np.arange(len(values))
    if 0 < count < len(values):
        least = np.partition(values, -count)[-count]
        candidates = np.flatnonzero(values >= least)
    order = np.argsort(-values[candidates], kind="stable")
    return candidates[order[:count]]


def _nodes_at(level: int) -> slice:
    """The numbers of the nodes of a level, level by level from the root."""
    return slice(2**level - 1, 2 ** (level + 1) - 1)


def _level(n: int, level: int) -> Indices:
    """The bounds of the nodes of a level."""
    return np.arange(2**level + 1) * n >> level


def order_of_cuts(points: Coordinates, canonical: Indices) -> Indices:
    """The order of the points in the tree, from their canonical order."""
    order = canonical.copy()
    axes = _principal_axes(_coordinates(points)[order])
    median_cuts(axes, order, _depth(len(order)))
    return order


def _coordinates(points: Coordinates) -> Floats:
    return points.astype(np.float64) + 0.0  # -0.0 is 0.0


def _depth(n: int) -> int:
    """The number of levels below the root of a tree of n points."""
    return (n - 1).bit_length()


def canonical_order(points: Coordinates, weights: Floats) -> Indices:
    """The order of increasing coordinates; equal points are in the order of their weights."""
    order = np.argsort(points[:, 0], kind="stable")
    first = points[order, 0]
    equal = np.zeros(len(order) + 1, dtype=bool)
    equal[1:-1] = first[1:] == first[:-1]
    is_tied = equal[1:] | equal[:-1]
    among = order[is_tied]
    keys = [weights[among], *points[among].T[::-1]]
    order[is_tied] = among[np.lexsort(keys)]
    return order


def _principal_axes(points: Floats) -> Floats:
    """Coordinates along the leading principal axes of a sample; only the cuts use them."""
    centered = points - points.mean(axis=0)
    step = -(-len(points) // SAMPLE)
    sample = centered[::step]
    with single_threaded_blas():  # the same bits on any number of free threads
        return np.ascontiguousarray(centered @ _leading_axes(sample))


def _leading_axes(points: Floats) -> Floats:
    """Unit vectors (d, at most 16), as eigenvectors of the smaller of the two possible matrices."""
    n, d = points.shape
    matrix = points.T @ points if n >= d else points @ points.T
    _, vectors = np.linalg.eigh(matrix)
    leading = vectors[:, : -MOST_AXES - 1 : -1]
    if n >= d:
        return leading
    axes = points.T @ leading
    lengths = np.linalg.norm(axes, axis=0)
    are_axes = lengths > RANK * lengths.max()
    return axes / np.where(are_axes, lengths, np.inf)
