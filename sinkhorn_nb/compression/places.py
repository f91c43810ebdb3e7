"""The cells in which new points lie."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.cpu.compressed_moments import moments_by_cell
from ..common.array_types import Coordinates, Floats, Indices, Numbers
from .cells import Cells, Grid, ordinary

NOWHERE = -1


class Places(NamedTuple):
    """The cells of a grid, and how they were cut.

    Attributes
    ----------
    grid : Grid
    keys : (c,) int64 array
        Of the cells of the grid.
    cuts : (c, d) array
        Numbers of parts along the axes.
    """

    grid: Grid
    keys: Indices
    cuts: Floats

    def cells_of(self, points: Coordinates, fine: Cells) -> Indices:
        """The number of the fine cell of each point; -1 where there is none."""
        owner = np.full(len(points), NOWHERE)
        inside = _inside(points, fine)
        parents = self._found(points[inside], self.keys)
        inside = inside[parents != NOWHERE]
        parents = parents[parents != NOWHERE]
        owner[inside] = self._found(points[inside], fine.keys, parents.astype(np.int32), self.cuts)
        return owner

    def _found(self, points: Coordinates, known: Indices, *cut: Numbers) -> Indices:
        """The place of each point's key among the known keys."""
        if len(points) == 0:
            return np.empty(0, np.int64)
        no_mass = np.zeros(len(points))
        keys, _, owner = moments_by_cell(ordinary(points), no_mass, *self.grid, *cut)
        place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        return np.where(known[place] == keys, place, NOWHERE)[owner]


def _inside(points: Coordinates, cells: Cells) -> Indices:
    """The points in the box of all cells; keys are numbers of cells only there."""
    low = cells.corners.min(axis=0)
    high = (cells.corners + cells.sides).max(axis=0)
    return np.flatnonzero(((points >= low) & (points < high)).all(axis=1))
