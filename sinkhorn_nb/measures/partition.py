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
        The canonical order of the points, if it is known.

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
        points = points.astype(np.float64) + 0.0  # -0.0 is 0.0
        self.order = canonical_order(points, probabilities) if order is None else order.copy()
        self._depth = (len(points) - 1).bit_length()
        axes = _principal_axes(points[self.order])
        median_cuts(axes, self.order, self._depth)
        self.points, self.probabilities = points[self.order], probabilities[self.order]

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
        return _level(len(self), max(0, (-(-len(self) // most) - 1).bit_length()))

    @cached_property
    def radius(self) -> float:
        """Root mean square distance of the points from the centers of their tiles."""
        bounds = self.tiles(TILE)
        sizes = np.diff(bounds)
        centers = np.add.reduceat(self.points, bounds[:-1]) / sizes[:, None]
        squares = ((self.points - np.repeat(centers, sizes, axis=0)) ** 2).sum(axis=1)
        return float(np.sqrt(self.probabilities @ squares))

    def clusters(self, count: int) -> Indices:
        """Bounds of about `count` clusters, split by mass times variance; nodes of more than n / 32
        points go first.
        """
        masses, variances, sizes = self._nodes
        keys = np.where(sizes > max(1, len(self) // 32), np.inf, masses * variances)
        return self._split(keys, count)

    def cells(self, count: int, resolution: float) -> Indices:
        """Bounds of at most `count` nodes with the smallest extents; none is finer than needed for
        `resolution`.
        """
        _, variances, _ = self._nodes
        return self._split(np.where(variances > resolution**2, variances, 0.0), count)

    def centroids(self, bounds: Indices) -> tuple[Floats, Floats]:
        """Weighted means (K, d) and masses (K,) of the nodes between the bounds; plain means
        without mass.
        """
        masses = np.add.reduceat(self.probabilities, bounds[:-1])
        owner = np.repeat(np.arange(len(masses)), np.diff(bounds))
        weights = np.where(masses[owner] > 0, self.probabilities, 1.0)
        sums = np.add.reduceat(weights[:, None] * self.points, bounds[:-1])
        return sums / np.add.reduceat(weights, bounds[:-1])[:, None], masses

    def _split(self, keys: Floats, count: int) -> Indices:
        """Bounds of the nodes left when the count - 1 nodes of largest positive key, parents first,
        are split.
        """
        n = len(self)
        inner = 2**self._depth - 1
        for level in range(1, self._depth):  # no node before its parent
            nodes = slice(2**level - 1, 2 ** (level + 1) - 1)
            keys[nodes] = np.minimum(
                keys[nodes], np.repeat(keys[2 ** (level - 1) - 1 : 2**level - 1], 2)
            )
        keys = np.where(self._nodes[2][:inner] > 1, keys[:inner], 0.0)
        chosen = np.argsort(-keys, kind="stable")[: count - 1]
        chosen = chosen[keys[chosen] > 0]
        level = np.frexp(chosen + 1.0)[1] - 1
        cuts = ((2 * (chosen + 1 - 2**level) + 1) * n) >> (level + 1)
        return np.concatenate([[0], np.sort(cuts), [n]])

    @cached_property
    def _nodes(self) -> tuple[Floats, Floats, Indices]:
        """Masses, variances and sizes of all nodes, level by level, as differences of running
        sums.
        """
        x = self.points - self.probabilities @ self.points
        w = self.probabilities[:, None]
        running = np.zeros((len(self) + 1, x.shape[1] + 2))
        np.cumsum(
            np.hstack([w, w * x, w * (x**2).sum(axis=1, keepdims=True)]), axis=0, out=running[1:]
        )
        bounds = [_level(len(self), level) for level in range(self._depth + 1)]
        sums = np.concatenate([np.diff(running[b], axis=0) for b in bounds])
        masses = np.maximum(sums[:, 0], 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            variances = sums[:, -1] / masses - ((sums[:, 1:-1] / masses[:, None]) ** 2).sum(axis=1)
        return (
            masses,
            np.where(masses > 0, np.maximum(variances, 0.0), 0.0),
            np.concatenate([np.diff(b) for b in bounds]),
        )


def _level(n: int, level: int) -> Indices:
    return np.arange(2**level + 1) * n >> level


def canonical_order(points: Coordinates, weights: Floats) -> Indices:
    """The order of increasing coordinates; equal points are in the order of their weights."""
    order = np.argsort(points[:, 0], kind="stable")
    first = points[order, 0]
    equal = np.zeros(len(order) + 1, dtype=bool)
    equal[1:-1] = first[1:] == first[:-1]
    tied = np.flatnonzero(equal[1:] | equal[:-1])
    among = order[tied]
    order[tied] = among[np.lexsort([weights[among], *points[among].T[::-1]])]
    return order


def _principal_axes(points: Floats) -> Floats:
    """Coordinates along the leading principal axes of a sample; only the cuts use them."""
    centered = points - points.mean(axis=0)
    sample = centered[:: -(-len(points) // SAMPLE)]
    with single_threaded_blas():  # the same bits on any number of free threads
        return np.ascontiguousarray(centered @ _leading_axes(sample))


def _leading_axes(points: Floats) -> Floats:
    """Unit vectors (d, at most 16), as eigenvectors of the smaller of the two possible matrices."""
    n, d = points.shape
    if n >= d:
        return np.linalg.eigh(points.T @ points)[1][:, : -MOST_AXES - 1 : -1]
    axes = points.T @ np.linalg.eigh(points @ points.T)[1][:, : -MOST_AXES - 1 : -1]
    lengths = np.linalg.norm(axes, axis=0)
    return axes / np.where(lengths > RANK * lengths.max(), lengths, np.inf)
