"""Suggest a blur for data."""

from __future__ import annotations

import math

from . import validation
from .common.array_types import ArrayLike
from .losses.arguments import comparable
from .measures.grid import Grid
from .measures.measure import Measure
from .problem import Problem


def suggest_blur(
    x: ArrayLike | Grid, y: ArrayLike | Grid | None = None, fraction: float = 0.05
) -> float:
    """Suggest a first blur: a fraction of the diameter, which is the diagonal of the bounding box
    of all points.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array-likes, or Grid
        The points, or the images, to be compared; y may be left out.
    fraction : float, default 0.05
        Above 0, at most 1.

    Returns
    -------
    float
        A length in the unit of the points. All columns must have the same unit: scale them first if
        they do not.

    Raises
    ------
    ValueError, TypeError
        On bad input, and if all points are equal: then no length is better than another.

    Examples
    --------
    >>> import sinkhorn_nb as snb
    >>> snb.suggest_blur([[0.0, 0.0], [3.0, 4.0]])
    0.25
    """
    fraction = validation.share("fraction", fraction)
    source = _measure(x, ("x", "a"))
    target = source if y is None else _measure(y, ("y", "b"))
    comparable(source, target, "x", "y")
    diameter = Problem(source, target, 1.0).diameter
    if diameter == 0:
        raise ValueError(
            "x: expected at least two different points, got equal ones; pass data, or choose any "
            "blur > 0"
        )
    if math.isinf(diameter):
        raise ValueError(
            "x: expected points less far apart, got a diameter beyond float64; rescale all points "
            "alike"
        )
    return fraction * diameter


def _measure(x: ArrayLike | Grid, names: tuple[str, str]) -> Measure:
    if isinstance(x, Grid):
        return x.on_points
    return Measure.of(x, names=names)
