"""The marginals of the plan in rows drawn at random, against nodes of the fine cells in place of
all points.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..backends.cpu.compressed_taylor import drawn_points
from ..common.array_types import Coordinates, Floats, Indices, Numbers
from ..kernels.point_cloud import GibbsKernel
from ..measures.measure import Measure
from ..measures.partition import Partition
from .cells import Cells
from .expansion import Expansion
from .nodes import Nodes
from .potentials import PAIRS

ROWS, MORE_ROWS = 1024, 8192  # drawn per side, and once more before cells are made smaller
HIDDEN = 0.25  # of the error that is seen, at most, is hidden because the partners are nodes
ROUNDING = 1e-5  # of sums in float32, and of what nodes hide from each other when they are few
SEED = 0
DEVIATIONS = 3.0  # standard errors that are added: a few rows hold much of the error
LARGEST_LOG = 80.0  # of a marginal ratio, so that the error stays finite


class Rows(NamedTuple):
    """Points drawn from a measure, their cells, and the share of the mass that each stands for."""

    points: Coordinates
    owner: Numbers
    shares: Floats


class Sample(NamedTuple):
    """log r of the marginal ratios r in some rows, and the share of the mass that each row stands
    for.
    """

    logs: Floats
    shares: Floats

    @property
    def excess(self) -> Floats:
        """r - 1."""
        return np.expm1(np.minimum(self.logs, LARGEST_LOG))

    @property
    def stated_error(self) -> float:
        """An estimate of sum_i a_i |r_i - 1| from above: three standard errors above the mean."""
        sizes = np.abs(self.excess)
        mean = self.shares @ sizes
        deviation = math.sqrt(variance(sizes, self.shares))
        return (1 + HIDDEN) * float(mean + DEVIATIONS * deviation) + ROUNDING

    @property
    def gain(self) -> float:
        """The gain in dual value of an exact update, in units of eps: sum_i a_i (r_i - 1 - log
        r_i).
        """
        return float(self.shares @ (self.excess - self.logs))


def variance(values: Floats, shares: Floats) -> float:
    """The variance of the weighted mean of independent values."""
    return float(shares**2 @ (values - shares @ values) ** 2)


def drawn_rows(measure: Measure, cells: Cells, images: Floats, count: int = ROWS) -> Rows:
    """Draw points of a measure: half by mass and half by mass times squared distance from their
    images.

    The latter finds far outliers of little mass, on which the value depends. The same rows are
    drawn for any order of the points.
    """
    squares = ((images - cells.means) ** 2).sum(axis=1)
    squares[~np.isfinite(squares)] = 0.0
    cost = cells.masses @ squares
    chances = cells.masses * (0.5 + 0.5 * squares / cost) if cost > 0 else cells.masses.copy()
    heights = (np.arange(count) + np.random.default_rng(SEED).random(count)) / count
    running = np.cumsum(chances)
    cell = np.minimum(np.searchsorted(running, heights * running[-1]), len(cells) - 1)
    pointers = np.searchsorted(cell, np.arange(len(cells) + 1))

    chosen, mass = drawn_points(measure.points, measure.probabilities, cells.owner, pointers, count)
    densities = cells.masses / np.where(chances > 0, chances, 1.0)
    shares = _shares(cell, pointers, mass) * densities[cell]
    is_drawn = chosen >= 0
    points, shares = chosen[is_drawn], shares[is_drawn]
    return Rows(measure.points[points], cells.owner[points], shares / shares.sum())


def _shares(cell: Indices, pointers: Indices, mass: Indices) -> Floats:
    """The share of each draw: its field's part of the mass in its cell, times the number of draws
    in the cell.
    """
    first = pointers[cell]
    starts, where = np.unique(first, return_inverse=True)
    field = np.add.reduceat(mass, starts)[where]
    return mass / np.maximum(field, 1) * np.diff(pointers)[cell]


class Checked(NamedTuple):
    """One side of the check: the rows, and the nodes of the fine cells, with their cells, that
    stand for all points.
    """

    rows: Rows
    row_partition: Partition
    centers: Floats
    nodes: Floats
    node_cells: Indices
    node_partition: Partition


def to_check(
    measure: Measure, cells: Cells, nodes: Nodes, images: Floats, count: int = ROWS
) -> Checked:
    """Draw the rows of one side, whose points the nodes stand for as partners."""
    rows = drawn_rows(measure, cells, images, count)
    row_partition = Partition(rows.points, rows.shares)
    node_partition = Partition(nodes.points, nodes.weights)
    return Checked(rows, row_partition, cells.means, nodes.points, nodes.cell, node_partition)


def sampled(
    here: Checked, there: Checked, mine: Expansion, theirs: Expansion, eps: float
) -> Sample:
    """The marginal ratios in the rows of one side, for the potentials of two expansions."""
    x, y = here.row_partition, there.node_partition
    f = x.sort(mine.at(here.rows.points, here.rows.owner, here.centers, 1.0)[0].f)
    g = y.sort(theirs.at(there.nodes, there.node_cells, there.centers, 1.0)[0].f)
    logs = GibbsKernel(x, y, eps, PAIRS, "cpu").log_row_sums(f, g)
    return Sample(x.restore(logs), here.rows.shares)
