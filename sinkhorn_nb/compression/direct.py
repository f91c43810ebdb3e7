"""Potentials at all points by sums over nodes, for the cost |x - y|, whose kink no polynomial has.

Nodes may stand for points nevertheless: the kink is seen only within their own cell. The potentials
are sums over nodes for each point, and the rows of the check are summed over all points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..backends.cpu.compressed_sums import scaled_rows, weighted_mean
from ..common.array_types import Coordinates, Floats
from ..common.caching import cached_property
from ..kernels.choice import with_points
from ..kernels.point_cloud import GibbsKernel
from ..measures.measure import Measure
from ..measures.partition import Partition
from ..problem import Problem
from ..results.solution import Solution
from .cells import Cells
from .check import ROWS, Rows, Sample, drawn_rows, sample_of
from .potentials import PAIRS, Extended
from .price import Price

STEP = 0.05  # of difference quotients, in blurs


@dataclass(frozen=True, eq=False)
class DirectHalf:
    """The potential of one measure against another one, like `Half`.

    Parameters
    ----------
    measure : Measure
    on_nodes : Solution
        The solution between nodes; the nodes of its source stand for the measure.
    price : Price
        The price of the measure's marginal.
    """

    measure: Measure
    on_nodes: Solution
    price: Price

    coarseness = 0.0  # all points are there

    def kernel(self, rows: Partition) -> GibbsKernel:
        """The kernel between some points and the nodes of the other measure."""
        problem = self.on_nodes.problem
        nodes = problem.target.partition
        kernel = problem.kernel_between(rows, nodes, PAIRS, self.on_nodes.backend)
        assert isinstance(kernel, GibbsKernel)
        return kernel

    def softmin(self, rows: Partition) -> Floats:
        """The softmin of the other measure's nodes at some points, in their partition's order."""
        return self.kernel(rows).softmin(self.on_nodes.iterate.g)

    @property
    def mended(self) -> DirectHalf:
        """The potential f and the map at the points."""
        return self

    smooth = mended

    @cached_property
    def f(self) -> Floats:
        """(n,) the potential."""
        return self.price.potential(self.measure.partition.restore(self._softmin))

    @cached_property
    def _softmin(self) -> Floats:
        return self.softmin(self.measure.partition)

    @cached_property
    def map(self) -> Floats:
        """(n, d) means of the other measure's nodes."""
        partition = self.measure.partition
        kernel = with_points(self.kernel(partition))
        images = kernel.barycenters(self._softmin, self.on_nodes.iterate.g)
        return partition.restore(images)

    @cached_property
    def slopes(self) -> Floats:
        """Derivatives of the value in the points, per unit of their probabilities: difference
        quotients over a small part of a cell.

        Heavy points would pull themselves to the nodes that stand for them, with slopes of length 1
        however close these are.
        """
        step = STEP * self.on_nodes.problem.blur
        axes = step * np.eye(self.measure.dimension)
        changes = [self._softmin_at(axis) - self._softmin_at(-axis) for axis in axes]
        ratios = self.price.ratios(self.f)
        return ratios[:, None] * np.column_stack(changes) / (2 * step)

    def _softmin_at(self, offset: Floats) -> Floats:
        """The softmin at the points, moved by an offset."""
        points = self.measure.points.astype(np.float64) + offset
        moved = Partition(points, self.measure.probabilities)
        return moved.restore(self.softmin(moved))

    @cached_property
    def integral(self) -> float:
        """The mean of what the potential earns."""
        return weighted_mean(self.price.earned(self.f), self.measure.probabilities)

    def at_new(self, points: Coordinates, on_nodes: Solution) -> Extended:
        """Potential and map at new points, by sums over the nodes."""
        return Extended(on_nodes.potential(points), on_nodes.map(points))


@dataclass(frozen=True, eq=False)
class DirectDifference:
    """The potential of a measure against another one, minus the potential against itself, like
    `Difference`.
    """

    cross: DirectHalf
    own: DirectHalf

    @property
    def mended(self) -> DirectDifference:
        """The difference of the potentials at the points."""
        return self

    @cached_property
    def f(self) -> Floats:
        """(n,) the difference of the potentials."""
        return self.cross.f - self.own.f

    def gradient(self, mass: float, own_mass: float) -> Floats:
        """Derivatives in the points of the difference of both values."""
        slopes = mass * self.cross.slopes - own_mass * self.own.slopes
        return scaled_rows(slopes, self.own.measure.probabilities, 1.0)

    def integral(self, mass: float, own_mass: float) -> float:
        """The part of the value that the potential against the other measure earns, times its mass,
        minus the same for the own one.
        """
        own = self.own
        earned = own.price.earned_beyond(own.f, self.f)
        value = mass * weighted_mean(earned, own.measure.probabilities)
        return value + (mass - own_mass) * own.integral


def direct_halves(
    problem: Problem, solutions: list[Solution], prices: tuple[Price, Price]
) -> list[DirectHalf]:
    """The halves of a problem, of its transposed one and of the self problems, if these are
    solved.
    """
    measures = problem.source, problem.target
    cross, *selves = solutions
    sides = [cross, cross.T, *selves]
    if selves and selves[0] is cross:  # equal measures
        first = DirectHalf(measures[0], cross, prices[0])
        second = DirectHalf(measures[1], cross, prices[1])
        return [first, second, first, second]
    both = zip(measures * 2, sides, prices * 2, strict=False)
    return [DirectHalf(measure, side, price) for measure, side, price in both]


def rows_of(half: DirectHalf, cells: Cells, count: int = ROWS) -> Rows:
    """Rows of a measure, drawn like those of `Half`."""
    on_nodes = half.on_nodes
    images = on_nodes.map(cells.means)
    ratios = half.price.ratios(on_nodes.potential(cells.means))
    return drawn_rows(half.measure, cells, images, ratios, count)


def sampled_directly(rows: Rows, half: DirectHalf, opposite: DirectHalf) -> Sample:
    """The marginal ratios in rows of one side, summed over all points of the other side."""
    x = Partition(rows.points, rows.shares)
    y = opposite.measure.partition
    f = half.price.potential(half.softmin(x))

    on_nodes = half.on_nodes
    kernel = on_nodes.problem.kernel_between(x, y, PAIRS, on_nodes.backend)
    logs = kernel.log_row_sums(f, y.sort(opposite.f))
    both = x.restore(logs), x.restore(f)
    return sample_of(*both, rows.shares, (half.price, opposite.price))
