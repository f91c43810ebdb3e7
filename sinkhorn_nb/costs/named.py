"""The costs that callers choose by an exponent or a name."""

from __future__ import annotations

from typing import Any

from .. import validation
from .base import Cost
from .city_block import CityBlock
from .cosine import Cosine
from .haversine import Haversine
from .powers import PowerOfDistance
from .squared_euclidean import SQUARED_EUCLIDEAN

NAMED: dict[str, Cost] = {
    "cosine": Cosine(),
    "cityblock": CityBlock(),
    "haversine": Haversine(),
}


def cost_of(p: float = 2, cost: Any = None) -> Cost:
    """The cost |x - y|^p / p, or the one that `cost` names."""
    exponent = validation.positive("p", p)
    if cost is not None:
        if exponent != 2:
            raise TypeError(
                f"p: expected no exponent beside cost={cost!r}, got {p!r}; pass p or cost"
            )
        return NAMED[validation.choice("cost", cost, tuple(NAMED))]
    if exponent < 1:
        raise ValueError(
            f"p: expected an exponent of at least 1 in the cost |x - y|^p / p, got {p!r}; pass p=1 "
            "for the distance, or p=2"
        )
    return SQUARED_EUCLIDEAN if exponent == 2 else PowerOfDistance(exponent)
