"""Cells of a grid, with mass, mean and covariance of the points in each, from sums of integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..backends.cpu.compressed_moments import KEY_BITS, cut_bits, moments_by_cell, owners_in
from ..common.array_types import Booleans, Coordinates, Floats, Indices, Numbers
from ..common.caching import cached_property
from ..measures.measure import Measure
from ..measures.moments import digits_of, means_and_covariances, shifts

SPLIT = 2  # parts of a node's cell per axis, in which potentials are expanded
MARGIN = 1  # bits per axis, for the edges of the grid


class Grid(NamedTuple):
    """Cubes of one side; one grid serves both measures, so that equal measures have equal cells."""

    origin: Floats
    side: float


@dataclass(frozen=True, eq=False)
class Cells:
    """The occupied cells of a grid, or of parts of its cells, in the order of their keys.

    Within a cell, z = (point - corner) / side - 1/2 is in [-1/2, 1/2].

    Attributes
    ----------
    keys : (c,) int64 array
    counts : (c,) int64 array
        Numbers of points with mass.
    masses : (c,) array
        Their sum is 1.
    first, second : (c, d) and (c, d, d) arrays
        Mean and covariance of z.
    corners, sides : (c, d) arrays
    owner : (n,) array
        The cell of each point.
    """

    keys: Indices
    counts: Indices
    masses: Floats
    first: Floats
    second: Floats
    corners: Floats
    sides: Floats
    owner: Numbers

    @cached_property
    def means(self) -> Floats:
        """(c, d) means of the points; the centers of cells without mass."""
        return self.corners + self.sides * (self.first + 0.5)

    def __len__(self) -> int:
        return len(self.keys)


class Moments(NamedTuple):
    """Masses, and means and covariances in the unit of the cells."""

    counts: Indices
    masses: Floats
    first: Floats
    second: Floats


def can_tell(extent: float, side: float, d: int) -> bool:
    """Tell whether the keys can number all cells of a side, and smaller ones, along an extent."""
    return extent < side * 2.0 ** (KEY_BITS // d - MARGIN)


def grid_cells(measure: Measure, grid: Grid) -> Cells:
    """The cells of a grid that hold points of a measure."""
    points = ordinary(measure.points)
    weights = measure.probabilities
    keys, sums, owner = moments_by_cell(points, weights, grid.origin, grid.side)

    d = measure.dimension
    digits = digits_of(keys, KEY_BITS // d, d)
    corners = grid.origin + grid.side * digits
    sides = np.full((len(keys), d), grid.side)
    return Cells(keys, *_moments(sums, d), corners, sides, owner)


def cut_cells(measure: Measure, grid: Grid, cells: Cells, cuts: Floats) -> Cells:
    """The cells of a grid, each cut into cuts[c, k] equal parts along axis k."""
    points = ordinary(measure.points)
    keys, sums, owner = moments_by_cell(
        points, measure.probabilities, grid.origin, grid.side, cells.owner, cuts
    )

    d = measure.dimension
    bits = cut_bits(d)
    parent = keys >> (bits * d)
    digits = digits_of(keys, bits, d)
    sides = grid.side / cuts[parent]
    corners = cells.corners[parent] + sides * digits
    return Cells(keys, *_moments(sums, d), corners, sides, owner)


def joined(fine: Cells) -> tuple[Cells, Indices]:
    """The cells of which SPLIT parts per axis are in `fine`, and the number of the cell of each
    part.
    """
    d = fine.first.shape[1]
    bits = cut_bits(d)
    digits = digits_of(fine.keys, bits, d)
    of_grid = (fine.keys >> (bits * d)) << (bits * d)
    wide_digits = digits // SPLIT
    wide = of_grid + (wide_digits << shifts(bits, d)).sum(axis=1)
    keys, one, parent = np.unique(wide, return_index=True, return_inverse=True)

    place = digits % SPLIT
    z = (place + 0.5 + fine.first) / SPLIT - 0.5
    moments = _joined_moments(fine, z, parent, len(keys))
    sides = fine.sides[one]
    corners = fine.corners[one] - sides * place[one]
    owner = owners_in(parent, fine.owner)
    return Cells(keys, *moments, corners, sides * SPLIT, owner), parent


def _joined_moments(fine: Cells, z: Floats, parent: Indices, count: int) -> Moments:
    """Moments of the joined cells, added up in the order of the keys."""
    order = np.argsort(parent, kind="stable")
    starts = np.searchsorted(parent[order], np.arange(count))

    def total(values: Numbers) -> Numbers:
        return np.add.reduceat(values[order], starts)

    masses = total(fine.masses)
    positive = np.where(masses > 0, masses, 1.0)
    shares = fine.masses / positive[parent]
    first = total(shares[:, None] * z)

    z = z - first[parent]
    within = fine.second / SPLIT**2
    between = z[:, :, None] * z[:, None, :]
    second = total(shares[:, None, None] * (within + between))
    return Moments(total(fine.counts), masses, first, second)


def _moments(sums: Indices, d: int) -> Moments:
    masses, first, second = means_and_covariances(sums, d)
    return Moments(sums[:, 0], masses / masses.sum(), first, second)


def ordinary(points: Coordinates) -> Coordinates:
    """Points in a layout for which the loops are compiled: a copy only if the rows are not
    contiguous.
    """
    return np.ascontiguousarray(points)


def grid_keys(points: Floats, grid: Grid) -> Indices:
    """The keys of the grid cells of some points."""
    d = points.shape[1]
    lengths = (points - grid.origin) / grid.side
    digits = np.floor(lengths).astype(np.int64)
    return (digits << shifts(KEY_BITS // d, d)).sum(axis=1)


def looked_up(keys: Indices, known: Indices) -> tuple[Indices, Booleans]:
    """The place of each key among the known keys, which are sorted, and whether it is one of
    them.
    """
    places = np.searchsorted(known, keys)
    places = np.minimum(places, len(known) - 1)
    return places, known[places] == keys
