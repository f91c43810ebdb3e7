"""The costs that callers choose by an exponent or a name."""

from __future__ import annotations

from typing import Any

from .. import validation
from .base import Cost
from .powers import PowerOfDistance
from .squared_euclidean import SQUARED_EUCLIDEAN


def cost_of(p: float = 2, cost: Any = None) -> Cost:
    """The cost |x - y|^p / p, or the one that `cost` names."""
    if cost is not None:
        raise TypeError(f"cost: expected None, got {cost!r}; leave it out and pass p=2")
    exponent = validation.positive("p", p)
    if exponent < 1:
        raise ValueError(
            f"p: expected an exponent of at least 1 in the cost |x - y|^p / p, got {p!r}; pass p=1 "
            "for the distance, or p=2"
        )
    return SQUARED_EUCLIDEAN if exponent == 2 else PowerOfDistance(exponent)
