"""Gradients in the points of one side alone, for libraries that know what is needed."""

from __future__ import annotations

from typing import Any

from ..gradients import BOTH, Gradient, Sides
from .divergence import Divergence
from .solution import Solution

__all__ = ["Sides", "gradient_in"]


def gradient_in(result: Any, sides: Sides) -> Gradient:
    """`result.gradient()`, without the passes for the points of a side that is not needed; there it
    may be NaN.
    """
    if sides != BOTH and isinstance(result, (Divergence, Solution)):
        return result._gradient_in(sides)
    return result.gradient()
