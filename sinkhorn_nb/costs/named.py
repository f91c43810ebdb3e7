"""The costs that callers choose by an exponent or a name."""

from __future__ import annotations

from typing import Any

from .. import validation
from .base import Cost
from .squared_euclidean import SQUARED_EUCLIDEAN


def cost_of(p: float = 2, cost: Any = None) -> Cost:
    """The cost |x - y|^p / p, or the one that `cost` names."""
    if cost is not None:
        raise TypeError(f"cost: expected None, got {cost!r}; leave it out and pass p=2")
    exponent = validation.positive("p", p)
    if exponent != 2:
        raise ValueError(f"p: expected 2, for the cost |x - y|^2 / 2, got {p!r}; pass p=2")
    return SQUARED_EUCLIDEAN
