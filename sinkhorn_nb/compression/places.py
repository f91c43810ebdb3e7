"""The cells in which new points lie."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.cpu.compressed_moments import moments_by_cell
from ..common.array_types import Coordinates, Floats, Indices, Numbers
from .cells import Cells, Grid, looked_up, ordinary

NOWHERE = -1


class Places(NamedTuple):
    """The cells of a grid, and how they were cut.

    Attributes
    ----------
    grid : Grid
    keys : (c,) int64 array
        Keys of the cells of the grid.
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
        is_found = parents != NOWHERE
        inside = inside[is_found]
        parents = parents[is_found].astype(np.int32)
        owner[inside] = self._found(points[inside], fine.keys, parents, self.cuts)
        return owner

    def _found(self, points: Coordinates, known: Indices, *cut: Numbers) -> Indices:
        """The place of each point's key among the known keys."""
        if len(points) == 0:
            return np.empty(0, np.int64)
        no_mass = np.zeros(len(points))
        keys, _, owner = moments_by_cell(ordinary(points), no_mass, *self.grid, *cut)
        places, are_known = looked_up(keys, known)
        return np.where(are_known, places, NOWHERE)[owner]


def _inside(points: Coordinates, cells: Cells) -> Indices:
    """The points in the box of all cells; keys are numbers of cells only there."""
    low = cells.corners.min(axis=0)
    high = (cells.corners + cells.sides).max(axis=0)
    is_within = (points >= low) & (points < high)
    return np.flatnonzero(is_within.all(axis=1))
