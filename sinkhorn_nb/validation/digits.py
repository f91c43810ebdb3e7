"""Check that float64, and the original type of the points, resolve them finely enough for a
blur.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..measures.measure import Measure

# At this extent (extent / blur)^2 times the float64 rounding is 1; beyond it exponents, and thus
# plans, are noise.
LARGEST_EXTENT = 1e8
COARSEST = 1 / 4  # of the blur: spacing of floats at the largest coordinate
# Of costs, in temperatures. Their rounding is far more than a temperature already at 1e20, as the
# marginal errors tell; beyond 1e38 they overflow in float32, and no error tells it.
LARGEST_COST = 1e30
# Of the blur: accepted although subtracting an origin first would lose nothing
LARGEST_ROUNDING = 2.0**-20

ORIGIN = (
    "subtract one origin from the points of both sides while they are in the type in which they "
    "are exact: with integers x - x[0] and y - x[0]"
)

UNROUNDED = (
    "pass the points in float64, as they were before they were rounded, or subtract one origin "
    "from those of both sides before that; if none was rounded, pass "
)


def resolved(blur: float, *sides: tuple[str, Measure]) -> None:
    """Raise a ValueError that names the column if the blur is beyond float64; sides are (name,
    measure).
    """
    for name, measure in sides:
        _check_rounding(blur, name, measure)
    _check_extent(blur, sides)
    for name, measure in sides:
        _check_spacing(blur, name, measure)


def costs_resolved(eps: float, extent: float, cure: str = "use a larger eps") -> None:
    """Check that costs, which differ by at most the extent, are numbers of floats in units of the
    temperature.
    """
    if not extent <= LARGEST_COST * eps:
        raise ValueError(
            f"eps: expected at least 1e-30 of the range of the costs, which is {extent:.3g}, got "
            f"{eps:.3g}, beyond what floats resolve; {cure}"
        )


def surely_resolved(blur: float, low: float, high: float, dtype: Any) -> bool:
    """Tell whether all measures of a dtype with coordinates between two numbers pass the test of
    `resolved`.
    """
    largest = max(abs(low), abs(high))
    spacing = float(np.spacing(dtype(largest)))
    return high - low <= LARGEST_EXTENT * blur and spacing <= COARSEST * blur


def _check_rounding(blur: float, name: str, measure: Measure) -> None:
    rounding = measure.traits.rounding
    if rounding > LARGEST_ROUNDING * blur:
        raise ValueError(
            f"{name}: expected numbers that float64 holds to a millionth of the blur {blur:.3g}, "
            f"got some that it rounds by {rounding:.3g}; {ORIGIN}"
        )


def _check_extent(blur: float, sides: tuple[tuple[str, Measure], ...]) -> None:
    """Check the extent of each column over both sides, without points of weight zero."""
    boxes = np.stack([measure.box for _, measure in sides])
    extents = boxes[:, 1].max(axis=0) - boxes[:, 0].min(axis=0)
    column = int(np.argmax(extents))
    if extents[column] <= LARGEST_EXTENT * blur:
        return
    name, row, coordinate = _extreme(column, sides)
    label = sides[0][1].traits.column(column)
    raise ValueError(
        f"blur: expected at least 1e-8 of the extent of the points, which is {extents[column]:.3g} "
        f"in {label}, got {blur:.3g}, beyond what float64 resolves; rescale or remove {label}, or "
        f"if {coordinate:.3g} at row {row} of {name} stands for a missing value or infinity, "
        f"remove that row; or use a blur above {extents[column] / LARGEST_EXTENT:.1g}"
    )


def _extreme(column: int, sides: tuple[tuple[str, Measure], ...]) -> tuple[str, int, float]:
    """Find the side, row and coordinate farthest from the median of a column; among equally far
    ones, the largest.
    """
    heavy = [measure.points[measure.weights > 0, column] for _, measure in sides]
    middle = np.median(np.concatenate(heavy))
    ends = []
    for name, measure in sides:
        coordinates = measure.points[:, column]
        with_mass = np.where(measure.weights > 0, coordinates, np.nan)
        for row in (int(np.nanargmin(with_mass)), int(np.nanargmax(with_mass))):
            ends.append((name, row, float(coordinates[row])))

    farthest = max(abs(coordinate - middle) for *_, coordinate in ends)
    far = [end for end in ends if abs(end[2] - middle) > 0.9 * farthest]
    return max(far, key=lambda end: abs(end[2]))


def _check_spacing(blur: float, name: str, measure: Measure) -> None:
    """Check the distance from the origin, because centers of tiles and starts are rounded as
    coarsely as the points.
    """
    traits = measure.traits
    extremes = np.abs(measure.box).max(axis=0)
    column = int(np.argmax(extremes))
    largest = extremes[column]
    dtype = np.dtype(float) if traits.short is None else traits.short
    spacing = float(np.spacing(largest.astype(dtype)))
    if spacing > COARSEST * blur:
        cure = ORIGIN if traits.short is None else f"{UNROUNDED}{name}.astype(float)"
        raise ValueError(
            f"{name}: expected coordinates that {dtype} tells apart at a distance of the blur "
            f"{blur:.3g}, got {largest:.3g} in {traits.column(column)}, where its numbers are "
            f"{spacing:.3g} apart; {cure}"
        )
