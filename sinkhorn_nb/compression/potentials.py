"""A potential on nodes, ready to be extended to other points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.cpu.compressed_pairs import TILE
from ..common.array_types import Coordinates, Floats, Precision
from ..kernels.choice import with_points
from ..kernels.point_cloud import GibbsKernel
from ..measures.partition import Partition
from ..results.solution import Solution

PAIRS: Precision = "float32"


class OnNodes:
    """A potential on nodes, whose softmin can be extended; all arrays are in the order of the
    partition.

    Attributes
    ----------
    partition : Partition
    eps : float
    f : (k,) array
        The potential.
    map : (k, d) array
        The nodes minus the slopes of the potential, approximately.
    tiles : Tiles
    """

    def __init__(self, partition: Partition, eps: float, f: Floats, images: Floats) -> None:
        self.partition = partition
        self.eps = eps
        self.f = f
        self.map = images
        self.tiles = Tiles(partition)

    def times(self, logs: Floats) -> OnNodes:
        """The potential whose softmin weighs the nodes by other densities."""
        f = self.f + self.eps * logs
        return OnNodes(self.partition, self.eps, f, self.map)


class Potential(OnNodes):
    """One side of a solution between nodes; `map` has the means of the other side's nodes under the
    conditional plan.

    Attributes
    ----------
    softmin : (k,) array
        The softmin of the other side's potential, which is f up to the marginal error.
    """

    def __init__(self, solution: Solution) -> None:
        problem, iterate = solution.problem, solution.iterate
        self.softmin = iterate.f - problem.eps * iterate.log_rows
        kernel = with_points(problem.kernel(PAIRS))
        images = kernel.barycenters(self.softmin, iterate.g)
        super().__init__(problem.source.partition, problem.eps, iterate.f, images)

    @property
    def at_nodes(self) -> Extended:
        """The softmin and the map at the nodes, in their own order."""
        restore = self.partition.restore
        return Extended(restore(self.softmin), restore(self.map))


class Tiles:
    """A partition in tiles, with their boxes."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.bounds = partition.tiles(TILE)
        starts = self.bounds[:-1]
        self.sizes = np.diff(self.bounds)
        low = np.minimum.reduceat(partition.points, starts)
        high = np.maximum.reduceat(partition.points, starts)
        self.centers = (low + high) / 2
        self.half_widths = (high - low) / 2

    def mean(self, values: Floats) -> Floats:
        """Means of the rows of an array in each tile."""
        return np.add.reduceat(values, self.bounds[:-1]) / self.sizes[:, None]

    def above(self, f: Floats, slopes: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Centers, half widths, h and s of tiles with f <= h + <s, x - center> at their points."""
        s = self.mean(slopes)
        owner = np.repeat(np.arange(len(s)), self.sizes)
        offsets = self.partition.points - self.centers[owner]
        along = np.einsum("ik,ik->i", s[owner], offsets)
        h = np.maximum.reduceat(f - along, self.bounds[:-1])
        return self.centers, self.half_widths, h, s


class Extended(NamedTuple):
    """Potential and map at points."""

    f: Floats
    map: Floats


def equal_weights(points: Coordinates) -> Partition:
    """A partition of points whose weights do not matter."""
    count = len(points)
    return Partition(points, np.full(count, 1 / count))


def extended(points: Coordinates, there: OnNodes) -> Extended:
    """The softmin of any potential and its map at points."""
    partition = equal_weights(points)
    kernel = GibbsKernel(partition, there.partition, there.eps, PAIRS, "cpu")
    f = kernel.softmin(there.f)
    images = kernel.barycenters(f, there.f)
    return Extended(partition.restore(f), partition.restore(images))


def stretch(points: Floats, there: Potential) -> Floats:
    """(q, d) Var(y_k | x) / eps, the diagonal of the map's Jacobian at points."""
    partition = equal_weights(points)
    kernel = GibbsKernel(partition, there.partition, there.eps, PAIRS, "cpu")
    partners = there.partition.points - there.partition.points.mean(axis=0)
    ones = np.ones((len(partners), 1))
    powers = np.hstack([ones, partners, partners**2])
    softmin = kernel.softmin(there.f)
    sums = kernel.transport(softmin, there.f, powers)

    means, squares = np.split(sums[:, 1:] / sums[:, :1], 2, axis=1)
    variances = np.maximum(squares - means**2, 0)
    return partition.restore(np.nan_to_num(variances / there.eps))
