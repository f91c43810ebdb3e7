"""The measure of a grid: all pixels in their order, or points that are arranged as an image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import validation
from ..backends.normal_forms import WEIGHT_ROUNDING
from ..common.array_types import Booleans, Floats
from ..common.caching import cached_property, know
from .halving import Halving
from .lattice import Lattice
from .measure import Measure
from .partition import Partition

if TYPE_CHECKING:
    from typing_extensions import Self


def everywhere(measure: Measure) -> Measure:
    """The measure with a mass of 1 at each row or pixel of another one."""
    ones = np.ones(len(measure))
    if isinstance(measure, GridMeasure):
        return GridMeasure.on(measure.lattice, ones, validation.PLAIN)
    return Measure(measure.points, ones)


class GridOrder(Partition):
    """The order of the pixels, the last axis fastest; it has no tiles and no clusters, because the
    kernel between grids never sees a pair of pixels.
    """

    radius = 0.0

    def __init__(self, lattice: Lattice, points: Floats, probabilities: Floats) -> None:
        self.lattice = lattice
        self.points = points
        self.probabilities = probabilities

    def __len__(self) -> int:
        return len(self.points)

    def sort(self, values: Floats) -> Floats:
        """The values themselves: this order is the caller's."""
        return values

    def restore(self, values: Floats) -> Floats:
        """The values themselves: this order is the caller's."""
        return values


@dataclass(frozen=True, eq=False, repr=False)
class Pixels(Measure):
    """The pixels of a grid as points; results have the shape of the lattice.

    Parameters
    ----------
    points : (n, d) float64 array
    weights : (n,) float64 array
    traits : Traits
    lattice : Lattice
    """

    lattice: Lattice = field(kw_only=True)

    @classmethod
    def on(cls, lattice: Lattice, weights: Floats, traits: validation.Traits) -> Self:
        """The measure with weights per pixel, in any shape."""
        return cls(lattice.points, weights.ravel(), traits, lattice=lattice)

    def shaped(self, values: Floats) -> Floats:
        """Values per pixel, or rows of them, in the shape of the image."""
        return self.lattice.shaped(values)

    def __getstate__(self) -> dict[str, Any]:
        """The state without the places of the pixels, which follow from the lattice."""
        return {name: value for name, value in super().__getstate__().items() if name != "points"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        know(self, **state)
        know(self, points=self.lattice.points)


@dataclass(frozen=True, eq=False, repr=False)
class GridMeasure(Pixels):
    """All pixels of a grid in their order, those without mass, too; its kernel sums one axis after
    another.
    """

    @cached_property
    def partition(self) -> GridOrder:
        """The order of the pixels."""
        points = self.points.astype(np.float64)
        return GridOrder(self.lattice, points, self.probabilities)

    @property
    def reduced(self) -> GridMeasure:
        """The measure itself: pixels are distinct, and those without mass stay in their places."""
        return self

    @cached_property
    def _reduction(self) -> None:
        """None: every pixel is a point of its own."""
        return None

    @property
    def spacing(self) -> float:
        """The least distance of neighboring pixels."""
        return min(self.lattice.spacing)

    def halved(self, axes: tuple[int, ...]) -> GridMeasure:
        """The measure with half as many pixels along some axes."""
        halving = Halving(self.lattice, axes)
        weights = halving.sums(self.weights)
        return GridMeasure.on(halving.coarse, weights, self.traits)

    def equals(self, other: Measure) -> bool:
        """Tell whether the other measure has the same pixels with the same masses."""
        if self is other:
            return True
        if not isinstance(other, GridMeasure) or self.lattice != other.lattice:
            return False
        if self._mass_ratio(other) > WEIGHT_ROUNDING:
            return False
        return not self._differs(other).any()

    def precedes(self, other: Measure) -> bool:
        """A total order of grids: by their lattices, then by the first pixel that differs."""
        assert isinstance(other, GridMeasure)
        if self.lattice != other.lattice:
            return self.lattice < other.lattice
        differs = self._differs(other)
        first = int(np.argmax(differs))
        is_less = self.probabilities[first] < other.probabilities[first]
        return bool(differs[first] and is_less)

    def _differs(self, other: Measure) -> Booleans:
        mine = self.probabilities
        theirs = other.probabilities
        rounding = WEIGHT_ROUNDING * np.maximum(mine, theirs)
        differs: Booleans = np.abs(mine - theirs) > rounding
        return differs
