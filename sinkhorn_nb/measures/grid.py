"""Images, histograms and volumes as measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from .. import validation
from ..common.array_types import ArrayLike, Floats, Numbers
from ..common.caching import cached_property, state_of
from ..common.representation import Represented
from .lattice import Lattice
from .measure import Measure
from .pixels import GridMeasure, Pixels


@dataclass(frozen=True, eq=False, repr=False)
class Grid(Represented):
    """An image, a histogram or a volume: pixels at origin + spacing * index, and their masses.

    Functions take a `Grid` in place of points and weights; results have the shape of the pixels.

    Parameters
    ----------
    weights : array-like with one to three axes
        Masses of the pixels, >= 0, with a positive sum. Only ratios matter to the plan; divide by
        the sum to compare images as probabilities. Channels are no axis: an array that may be an
        image with 3 or 4 of them is refused, unless each axis has its spacing.
    spacing : float or sequence of float, default 1.0
        Distance of neighboring pixels, one for all axes or one for each.
    origin : float or sequence of float, optional
        The center of the first pixel; 0 by default.

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> image = np.zeros((64, 64))
    >>> image[10:20, 10:20] = 1.0
    >>> grid = snb.Grid(image / image.sum(), spacing=1 / 64)
    >>> moved = snb.Grid(np.roll(grid.weights, 32, axis=1), spacing=1 / 64)
    >>> round(float(snb.sinkhorn_divergence(grid, moved, blur=0.05)), 4)
    0.125
    """

    weights: Floats
    spacing: tuple[float, ...] | Sequence[float] | float = 1.0
    origin: tuple[float, ...] | Sequence[float] | float | None = None

    _traits: validation.Traits = field(init=False)

    def __post_init__(self) -> None:
        is_volume = np.shape(self.spacing) == (3,)
        weights, mass_rounding, unit = validation.image("weights", self.weights, is_volume)
        weights.setflags(write=False)
        spacing = validation.spacing("spacing", self.spacing, weights.ndim)
        first = 0.0 if self.origin is None else self.origin
        origin = validation.per_axis("origin", first, weights.ndim)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "spacing", spacing)
        object.__setattr__(self, "origin", origin)
        traits = validation.PLAIN._replace(mass_rounding=mass_rounding, mass_unit=unit)
        object.__setattr__(self, "_traits", traits)

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers of pixels along the axes."""
        return self.weights.shape

    @cached_property
    def mass(self) -> float:
        """The sum of all pixels."""
        return self.on_grid.mass

    @cached_property
    def points(self) -> Floats:
        """Places of the pixels, with one more axis than the weights."""
        return self.lattice.shaped(self.lattice.points)

    @property
    def lattice(self) -> Lattice:
        """The places of the pixels, as numbers."""
        return Lattice(self.shape, tuple(self.spacing), tuple(self.origin))  # type: ignore[arg-type]  # they were checked

    @cached_property
    def on_grid(self) -> GridMeasure:
        """The measure of all pixels, in their order."""
        return GridMeasure.on(self.lattice, self.weights, self._traits)

    @cached_property
    def on_points(self) -> Pixels:
        """The measure of the pixels as points in any order."""
        return Pixels.on(self.lattice, self.weights, self._traits)

    @cached_property
    def n_filled(self) -> int:
        """Number of pixels with mass."""
        return int(np.count_nonzero(self.weights))

    def __getstate__(self) -> dict[str, Any]:
        """The weights and the places of the pixels, without the measures made of them."""
        return state_of(self)

    def _facts(self) -> dict[str, object]:
        mass = float(self.weights.sum())
        return {"shape": self.shape, "spacing": self.spacing, "mass": mass}


def refuse_grid(name: str, value: object, expected: str, cure: str) -> None:
    """Refuse a grid where only points without weights make sense."""
    if isinstance(value, Grid):
        raise TypeError(
            f"{name}: expected {expected}, got a Grid, whose pixels have weights; {cure}"
        )


# A list of clouds, of grids or of measures
Measures: TypeAlias = Sequence[ArrayLike | Grid | Measure] | Numbers
