"""Potential and map at all points of one measure, by the expansions in its cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..backends.cpu.compressed_sums import weighted_mean
from ..common.array_types import Coordinates, Indices
from ..common.caching import cached_property
from ..measures.measure import Measure
from ..results.solution import Solution
from .cells import SPLIT, Cells
from .expansion import Expansion
from .places import Places
from .potentials import Extended, Potential, extended

# Points where the last term of the image is larger, in blurs, take a softmin over the nodes
WILD = 0.2


@dataclass(frozen=True, eq=False)
class Half:
    """The potential of one measure against another one.

    Parameters
    ----------
    measure : Measure
    cells : Cells
        Its fine cells.
    expansion : Expansion
        At the means of the cells.
    there : Potential
        The potential of the partner's nodes.
    places : Places
        Finds the cells of new points.
    """

    measure: Measure
    cells: Cells
    expansion: Expansion
    there: Potential
    places: Places

    @cached_property
    def smooth(self) -> Extended:
        """Potential and map by the expansions alone, to which the sampled marginals belong."""
        return self._at_points[0]

    @cached_property
    def mended(self) -> Extended:
        """Potential and map, exact for the nodes where the map jumps within a cell."""
        smooth, squares = self._at_points
        where = _wild(squares, self.there.eps)
        return (
            _replaced(smooth, where, extended(self.measure.points[where], self.there))
            if len(where)
            else smooth
        )

    @cached_property
    def _at_points(self) -> tuple[Extended, np.ndarray]:
        return self.expansion.at(self.measure.points, self.cells.owner, self.cells.means, 1.0)

    def at_new(self, points: Coordinates, on_nodes: Solution) -> Extended:
        """Potential and map at new points: by the expansions where there is a cell, and the map
        does not jump within it; else by softmins of a solution between nodes.
        """
        owner = self.places.cells_of(points, self.cells)
        known = np.maximum(owner, 0)
        (f, images), squares = self.expansion.at(points, known, self.cells.means, 1.0)
        squares[owner < 0] = np.inf
        where = _wild(squares, self.there.eps)
        if len(where):
            f[where] = on_nodes.potential(points[where])
            images[where] = on_nodes.map(points[where])
        return Extended(f, images)

    @property
    def coarseness(self) -> float:
        """Side of the cells of a stream, as a share of the smallest cell that has nodes; 0 if all
        points are there.
        """
        return self.measure.traits.resolution / float(SPLIT * self.cells.sides.min())

    @cached_property
    def integral(self) -> float:
        """The mean of the potential."""
        return weighted_mean(self.smooth.f, self.measure.probabilities)


class Difference:
    """The potential of a measure against another one, minus the potential against itself, from one
    polynomial.

    Parameters
    ----------
    cross, own : Half
        Halves with the same cells.

    Attributes
    ----------
    integral : float
        The mean of the difference.
    mended : Extended
        Differences of potentials and of images at the points, exact for the nodes where the map
        jumps within a cell.
    """

    def __init__(self, cross: Half, own: Half) -> None:
        measure, cells = cross.measure, cross.cells
        expansion = cross.expansion.minus(own.expansion)
        smooth, squares = expansion.at(measure.points, cells.owner, cells.means, 0.0)
        self.integral = weighted_mean(smooth.f, measure.probabilities)
        self.mended = smooth
        where = _wild(squares, cross.there.eps)
        if len(where):
            points = measure.points[where]
            exact, of_own = extended(points, cross.there), extended(points, own.there)
            difference = Extended(exact.f - of_own.f, exact.map - of_own.map)
            self.mended = _replaced(smooth, where, difference)


def _wild(squares: np.ndarray, eps: float) -> Indices:
    return np.flatnonzero(~(squares <= WILD**2 * eps))


def _replaced(values: Extended, where: Indices, new: Extended) -> Extended:
    f, images = values.f.copy(), values.map.copy()
    f[where], images[where] = new
    return Extended(f, images)
