"""Potential and map at all points of one measure, by the expansions in its cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..backends.cpu.compressed_sums import scaled_rows, weighted_mean
from ..common.array_types import Coordinates, Floats, Indices
from ..common.caching import cached_property
from ..measures.measure import Measure
from ..results.solution import Solution
from .cells import SPLIT, Cells
from .expansion import Expansion
from .places import Places
from .potentials import Extended, OnNodes, extended
from .price import Price

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
        The expansion at the means of the cells.
    there : OnNodes
        The potential of the partner's nodes.
    places : Places
        Finds the cells of new points.
    price : Price
        The price of the measure's marginal.
    """

    measure: Measure
    cells: Cells
    expansion: Expansion
    there: OnNodes
    places: Places
    price: Price

    @cached_property
    def smooth(self) -> Extended:
        """Potential and map by the expansions alone, to which the sampled marginals belong."""
        return self._at_points[0]

    @cached_property
    def mended(self) -> Extended:
        """Potential and map, exact for the nodes where the map jumps within a cell."""
        smooth, squares = self._at_points
        where = _wild(squares, self.there.eps)
        if not len(where):
            return smooth
        exact = extended(self.measure.points[where], self.there)
        return _replaced(smooth, where, _damped(exact, self.price))

    @property
    def slopes(self) -> Floats:
        """Derivatives of the value in the points, per unit of their probabilities."""
        f, images = self.mended
        slopes = self.measure.points - images
        if self.price.rate == 0:
            return slopes
        return self.price.ratios(f)[:, None] * slopes

    @cached_property
    def _at_points(self) -> tuple[Extended, np.ndarray]:
        points, cells = self.measure.points, self.cells
        softmin, squares = self.expansion.at(points, cells.owner, cells.means, 1.0)
        return _damped(softmin, self.price), squares

    def at_new(self, points: Coordinates, on_nodes: Solution) -> Extended:
        """Potential and map at new points: by the expansions where there is a cell, and the map
        does not jump within it; else by softmins of a solution between nodes.
        """
        owner = self.places.cells_of(points, self.cells)
        known = np.maximum(owner, 0)
        softmin, squares = self.expansion.at(points, known, self.cells.means, 1.0)
        f, images = _damped(softmin, self.price)
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
        smallest = float(SPLIT * self.cells.sides.min())
        return self.measure.traits.resolution / smallest

    @cached_property
    def integral(self) -> float:
        """The mean of what the potential earns."""
        earned = self.price.earned(self.smooth.f)
        return weighted_mean(earned, self.measure.probabilities)


class Difference:
    """The potential of a measure against another one, minus the potential against itself, from one
    polynomial.

    Parameters
    ----------
    cross, own : Half
        Halves with the same cells.

    Attributes
    ----------
    smooth : Extended
        Differences of potentials and of images at the points, by the polynomials.
    mended : Extended
        The same, exact for the nodes where the map jumps within a cell.
    """

    def __init__(self, cross: Half, own: Half) -> None:
        measure, cells, price = cross.measure, cross.cells, cross.price
        self._own = own
        expansion = cross.expansion.minus(own.expansion)
        softmin, squares = expansion.at(measure.points, cells.owner, cells.means, 0.0)
        self.smooth = self.mended = _damped(softmin, price)
        where = _wild(squares, price.eps)
        if len(where):
            points = measure.points[where]
            of_cross = extended(points, cross.there)
            of_own = extended(points, own.there)
            difference = Extended(of_cross.f - of_own.f, of_cross.map - of_own.map)
            self.mended = _replaced(self.smooth, where, _damped(difference, price))

    def slopes(self, mass: float, own_mass: float) -> Floats:
        """Derivatives in the points of the difference of both values, per unit of probability.

        With masses M, marginal ratios r and images T, this is M r (x - T) for the other measure,
        minus the same for the own one.
        """
        own, price = self._own, self._own.price
        change, apart = self.mended
        if price.rate == 0:
            return -mass * apart

        f, images = own.mended
        own_slopes = own.measure.points - images
        of_own = price.ratios(f)
        weights = mass * of_own * price.ratios(change)
        more = weights - own_mass * of_own
        return more[:, None] * own_slopes - weights[:, None] * apart

    def gradient(self, mass: float, own_mass: float) -> Floats:
        """Derivatives in the points of the difference of both values."""
        probabilities = self._own.measure.probabilities
        if self._own.price.rate == 0:
            return scaled_rows(self.mended.map, probabilities, -mass)  # in one pass
        return scaled_rows(self.slopes(mass, own_mass), probabilities, 1.0)

    def integral(self, mass: float, own_mass: float) -> float:
        """The part of the value that the potential against the other measure earns, times its mass,
        minus the same for the own one.
        """
        own, price = self._own, self._own.price
        if price.rate == 0:
            earned = self.smooth.f
        else:
            earned = price.earned_beyond(own.smooth.f, self.smooth.f)
        value = mass * weighted_mean(earned, own.measure.probabilities)
        if mass == own_mass:
            return value
        return value + (mass - own_mass) * own.integral


def _damped(softmin: Extended, price: Price) -> Extended:
    """The potential that goes with a softmin, and the same map."""
    return Extended(price.potential(softmin.f), softmin.map)


def _wild(squares: np.ndarray, eps: float) -> Indices:
    return np.flatnonzero(~(squares <= WILD**2 * eps))


def _replaced(values: Extended, where: Indices, new: Extended) -> Extended:
    f, images = values.f.copy(), values.map.copy()
    f[where], images[where] = new
    return Extended(f, images)
