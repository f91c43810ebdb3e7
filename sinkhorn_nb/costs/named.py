"""The costs that callers choose by an exponent or a name."""

from __future__ import annotations

from typing import Any

from .. import validation
from ..backends.cost_functions import is_compiled
from .base import Cost
from .city_block import CityBlock
from .cosine import Cosine
from .given import GivenCost
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
        if isinstance(cost, str):
            return NAMED[validation.choice("cost", cost, tuple(NAMED))]
        return _given(cost)
    if exponent < 1:
        raise ValueError(
            f"p: expected an exponent of at least 1 in the cost |x - y|^p / p, got {p!r}; pass p=1 "
            "for the distance, or p=2"
        )
    return SQUARED_EUCLIDEAN if exponent == 2 else PowerOfDistance(exponent)


def _given(cost: Any) -> Cost:
    is_pair = isinstance(cost, tuple) and len(cost) == 2
    functions = cost if is_pair else (cost,)
    if not all(map(is_compiled, functions)):
        raise TypeError(
            f"cost: expected one of {', '.join(map(repr, NAMED))}, a function c(xi, yj) compiled "
            f"by numba.njit, or a pair of the function and its derivative in xi, got {cost!r}; "
            "decorate the function with @numba.njit"
        )
    return GivenCost(*functions)
