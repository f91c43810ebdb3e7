"""The marginals of the plan in rows drawn at random, against nodes of the fine cells in place of
all points.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..backends.cpu.compressed_taylor import drawn_points
from ..common.array_types import Coordinates, Floats, Indices, Numbers
from ..dual import aim, gained
from ..kernels.point_cloud import GibbsKernel
from ..measures.measure import Measure
from ..measures.partition import Partition
from .cells import Cells
from .expansion import Expansion, Parts
from .potentials import PAIRS
from .price import Price

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
    """The marginal ratios r of some rows, and the share of the mass that each row stands for.

    Attributes
    ----------
    residuals : (q,) array
        log(r exp(k u)): 0 at the optimum.
    potentials : (q,) array
        u = f / eps.
    shares : (q,) array
    rate : float
        k = eps / rho, 0 for an exact marginal.
    mass : float
        The mass of the plan, by which errors are divided unless both marginals are exact.
    """

    residuals: Floats
    potentials: Floats
    shares: Floats
    rate: float
    mass: float

    @property
    def excess(self) -> Floats:
        """r - exp(-k u), which is r - 1 for an exact marginal."""
        aims = aim(self.potentials, self.rate)
        return aims * np.expm1(np.minimum(self.residuals, LARGEST_LOG))

    @property
    def stated_error(self) -> float:
        """An estimate of the marginal error from above: three standard errors above the mean of
        |excess|, relative to the mass of the plan.
        """
        if not self.mass > 0:
            return math.inf
        sizes = np.abs(self.excess)
        mean = self.shares @ sizes
        deviation = math.sqrt(variance(sizes, self.shares))
        largest = float(mean + DEVIATIONS * deviation)
        return (1 + HIDDEN) * largest / self.mass + ROUNDING

    @property
    def gain(self) -> float:
        """The gain in dual value of an exact update, in units of eps."""
        return gained(self.shares, self.potentials, self.residuals, self.rate)


def variance(values: Floats, shares: Floats) -> float:
    """The variance of the weighted mean of independent values."""
    return float(shares**2 @ (values - shares @ values) ** 2)


def drawn_rows(
    measure: Measure, cells: Cells, images: Floats, ratios: Floats, count: int = ROWS
) -> Rows:
    """Draw points of a measure: half by mass, given and transported, and half by transported mass
    times squared distance from their images.

    The latter finds far outliers of little mass, on which the value depends. The same rows are
    drawn for any order of the points.

    Parameters
    ----------
    measure : Measure
    cells : Cells
    images : (c, d) array
        Images of the means of the cells.
    ratios : (c,) array
        Shares of the mass that are transported, 1 for exact marginals.
    count : int
    """
    chances = cells.masses * _chances(cells, images, ratios)
    offsets = np.random.default_rng(SEED).random(count)
    heights = (np.arange(count) + offsets) / count
    running = np.cumsum(chances)
    cell = np.searchsorted(running, heights * running[-1])
    cell = np.minimum(cell, len(cells) - 1)
    pointers = np.searchsorted(cell, np.arange(len(cells) + 1))

    weights = measure.probabilities
    chosen, mass = drawn_points(measure.points, weights, cells.owner, pointers, count)
    densities = cells.masses / np.where(chances > 0, chances, 1.0)
    shares = _shares(cell, pointers, mass) * densities[cell]

    is_drawn = chosen >= 0
    chosen = chosen[is_drawn]
    shares = shares[is_drawn]
    points = measure.points[chosen]
    return Rows(points, cells.owner[chosen], shares / shares.sum())


def _chances(cells: Cells, images: Floats, ratios: Floats) -> Floats:
    """The chances to be drawn per mass, up to a factor."""
    ratios = np.where(np.isfinite(ratios), ratios, 0.0)
    moved = cells.masses @ ratios
    by_mass = np.full(len(cells), 0.5)
    if moved > 0:
        by_mass = (1 + ratios / moved) / 4

    squares = (images - cells.means) ** 2
    costs = ratios * squares.sum(axis=1)
    costs[~np.isfinite(costs)] = 0.0
    cost = cells.masses @ costs
    return by_mass + 0.5 * costs / cost if cost > 0 else by_mass


def _shares(cell: Indices, pointers: Indices, mass: Indices) -> Floats:
    """The share of each draw: its field's part of the mass in its cell, times the number of draws
    in the cell.
    """
    first = pointers[cell]
    starts, where = np.unique(first, return_inverse=True)
    field = np.add.reduceat(mass, starts)[where]
    counts = np.diff(pointers)[cell]
    return mass / np.maximum(field, 1) * counts


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

    def at_rows(self, expansion: Expansion) -> Floats:
        """The potential of an expansion at the rows."""
        points, owner, _ = self.rows
        return expansion.at(points, owner, self.centers, 1.0)[0].f

    def at_nodes(self, expansion: Expansion) -> Floats:
        """The potential of an expansion at the nodes."""
        return expansion.at(self.nodes, self.node_cells, self.centers, 1.0)[0].f


def to_check(
    measure: Measure, parts: Parts, expansion: Expansion, price: Price, count: int = ROWS
) -> Checked:
    """Draw the rows of one side, whose points the nodes stand for as partners."""
    cells, nodes = parts.cells, parts.partners
    ratios = price.ratios(price.potential(expansion.f))
    rows = drawn_rows(measure, cells, expansion.map, ratios, count)
    row_partition = Partition(rows.points, rows.shares)
    node_partition = Partition(nodes.points, nodes.weights)
    return Checked(rows, row_partition, cells.means, nodes.points, nodes.cell, node_partition)


def sampled(
    here: Checked,
    there: Checked,
    expansions: tuple[Expansion, Expansion],
    prices: tuple[Price, Price],
) -> Sample:
    """The marginal ratios in the rows of one side, for the potentials of two expansions, of this
    side and of the other one.
    """
    (mine, theirs), (price, of_other) = expansions, prices
    f = price.potential(here.at_rows(mine))
    g = of_other.potential(there.at_nodes(theirs))

    x = here.row_partition
    y = there.node_partition
    kernel = GibbsKernel(x, y, price.eps, PAIRS, "cpu")
    logs = kernel.log_row_sums(x.sort(f), y.sort(g))
    return sample_of(x.restore(logs), f, here.rows.shares, prices)


def sample_of(logs: Floats, f: Floats, shares: Floats, prices: tuple[Price, Price]) -> Sample:
    """The sample of rows from logs of their marginal ratios, potentials and shares. The first price
    belongs to their side, the second one to the other side.
    """
    price, of_other = prices
    u = f / price.eps
    residuals = logs + price.rate * u
    are_exact = price.rate == of_other.rate == 0
    ratios = np.exp(np.minimum(logs, LARGEST_LOG))
    mass = 1.0 if are_exact else float(shares @ ratios)
    return Sample(residuals, u, shares, price.rate, mass)
