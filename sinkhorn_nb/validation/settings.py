"""Check settings: lengths, tolerances, counts, names, objects."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

from ..common.array_types import Numbers
from .meaning import number_without_unit

T = TypeVar("T")

LARGEST_RATIO = 1e50  # of the coordinates to the blur: beyond, squares overflow
# Prices of the marginals in temperatures. Above, the rounding of the two masses would have a price;
# below, prices over temperatures overflow.
LEAST_PRICE, LARGEST_PRICE = 1e-200, 1e20


def entry(value: Any) -> Any:
    """Return the entry of an array without axes, of any library, and any other value as it is."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    return value


def _scalar(name: str, value: Any) -> Any:
    number_without_unit(name, value)
    return entry(value)


def _is_integer(value: object) -> bool:
    """Tell whether a value is an integer, which booleans are not."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def _real(name: str, value: Any, what: str) -> float:
    value = _scalar(name, value)
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name}: expected {what}, got {value!r}; pass one number")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]  # typeshed's Real has no >


def blur(value: Any, *clouds: Numbers) -> float:
    """Check a positive length: its square, and the size of the clouds relative to it, must be
    representable.
    """
    number = _real("blur", value, "a length > 0 in the unit of the points")
    if not (number > 0 and math.isfinite(number)):
        raise ValueError(
            f"blur: expected a length > 0 in the unit of the points, got {value!r}; try 5 % of the "
            "diameter"
        )
    size = max((float(np.abs(cloud).max()) for cloud in clouds), default=0.0)
    has_square = 0 < number * number < math.inf
    if not has_square or size > LARGEST_RATIO * number:
        raise ValueError(
            f"blur: expected a length comparable with the points (largest coordinate {size:.3g}), "
            f"got {value!r}; rescale the points or change blur"
        )
    return number


def positive(name: str, value: Any) -> float:
    """Check a finite number > 0."""
    number = _real(name, value, "a number > 0")
    if not (number > 0 and math.isfinite(number)):
        raise ValueError(
            f"{name}: expected a finite number > 0, got {value!r}; pass a positive number"
        )
    return number


def in_units_of_cost(name: str, length: float, convert: Callable[[float], float]) -> float:
    """Convert a length to units of cost, which float64 must hold."""
    try:
        number = convert(length)
    except OverflowError:
        number = math.inf
    if not 0 < number < math.inf:
        raise ValueError(
            f"{name}: expected a length whose power p is a float64 number > 0, got {length!r} with "
            f"the power {number}; rescale the points, or lower p"
        )
    return number


def comparable_prices(name: str, prices: Sequence[float], eps: float) -> None:
    """Check that prices of the marginals are neither far below the temperature nor so far above it
    that the marginals are exact.
    """
    least = LEAST_PRICE * eps
    largest = LARGEST_PRICE * eps
    for price in prices:
        if not (math.isinf(price) or least <= price <= largest):
            raise ValueError(
                f"{name}: expected a price from {LEAST_PRICE} to {LARGEST_PRICE} temperatures eps, "
                f"got {price / eps:.3g} of them; pass None for exact marginals, or another {name}"
            )


def share(name: str, value: Any) -> float:
    """Check a number above 0 and at most 1."""
    number = _real(name, value, "a share of 1")
    if not 0 < number <= 1:
        raise ValueError(
            f"{name}: expected a number above 0 and at most 1, got {value!r}; pass 0.05 for 5 %"
        )
    return number


def count(name: str, value: Any, least: int = 1) -> int:
    """Check an integer >= `least`."""
    value = _scalar(name, value)
    if not _is_integer(value):
        raise TypeError(f"{name}: expected an integer >= {least}, got {value!r}; pass an int")
    if value < least:
        raise ValueError(f"{name}: expected an integer >= {least}, got {value}; pass a larger one")
    return int(value)


def jobs(name: str, value: Any) -> int | None:
    """Check the number of jobs of joblib: None, or an integer other than 0."""
    if value is None:
        return None
    value = _scalar(name, value)
    if not _is_integer(value) or value == 0:
        kind = ValueError if _is_integer(value) else TypeError
        raise kind(
            f"{name}: expected None or an integer other than 0, got {value!r}; pass None for this "
            "process, -1 for a process on every core"
        )
    return int(value)


def random_state(name: str, value: Any, generator: type) -> Any:
    """Check a random state: None, an integer >= 0 or a generator of the given kind."""
    if value is None or isinstance(value, generator):
        return value
    if not _is_integer(value):
        raise TypeError(
            f"{name}: expected None, an integer or a numpy.random.{generator.__name__}, got "
            f"{value!r}; pass an integer for draws that can be repeated"
        )
    return count(name, value, least=0)


def choice(name: str, value: T, options: Sequence[object]) -> T:
    """Check that a value equals one of the options."""
    if isinstance(value, str):
        is_known = value in options
    else:  # 1 is not True, and arrays have no equality
        is_known = any(value is option for option in options)
    if not is_known:
        known = ", ".join(map(repr, options))
        raise ValueError(f"{name}: expected one of {known}, got {value!r}; choose one of them")
    return value


def instance(name: str, value: object, kind: type[T]) -> T:
    """Check that an object is of the given class."""
    if not isinstance(value, kind):
        raise TypeError(
            f"{name}: expected a {kind.__name__}, got {type(value).__name__}; pass a "
            f"{kind.__name__}(...)"
        )
    return value


def fitted_mixture(name: str, value: Any) -> Any:
    """Check a mixture: None, or an object with the attributes of a fitted mixture of
    scikit-learn.
    """
    learned = ("weights_", "means_", "covariances_", "covariance_type", "predict_proba")
    is_fitted = all(hasattr(value, attribute) for attribute in learned)
    if value is not None and not is_fitted:
        raise TypeError(
            f"{name}: expected a fitted sklearn.mixture.GaussianMixture, got {value!r}; call its "
            "fit(points) first"
        )
    return value


def one_of(name: str, value: Any, other: str, other_value: Any, what: str) -> None:
    """Check that exactly one of two arguments is given."""
    if value is None and other_value is None:
        raise TypeError(
            f"{name}: expected {what}, got None; pass {name}=..., or {other}=... in units of cost"
        )
    at_most_one_of(name, value, other, other_value)


def at_most_one_of(name: str, value: Any, other: str, other_value: Any) -> None:
    """Check that at most one of two arguments is given."""
    if value is not None and other_value is not None:
        raise TypeError(
            f"{other}: expected {name} or {other}, got both; they say the same, {name} as a length "
            f"and {other} in units of cost: pass one of them"
        )
