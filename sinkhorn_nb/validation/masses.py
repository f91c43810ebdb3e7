"""Check weights, and the masses of two measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common.array_types import Floats
from . import meaning
from .arrays import check_finite, converted, host_array

MASS_TOLERANCE = 1e-6
LARGEST_MASS = 1e150  # products of two masses are finite
REACH = "pass reach (rho for costs)"


def uniform(name: str, value: Floats, n: int) -> None:
    """Check that a measure has n equal weights."""
    if len(value) != n:
        raise ValueError(
            f"{name}: expected as many points on both sides, got {n} and {len(value)}; use "
            "Sorting()"
        )
    if not np.allclose(value, value[0], rtol=MASS_TOLERANCE, atol=0):
        raise ValueError(
            f"{name}: expected equal weights, got weights from {value.min():.3g} to "
            f"{value.max():.3g}; use Sorting()"
        )


def weights(name: str, value: Any, n: int) -> Floats:
    """Convert to an (n,) array of weights >= 0, not all zero. None gives uniform probabilities."""
    return masses(name, value, n)[0]


def masses(name: str, value: Any, n: int) -> tuple[Floats, float, str | None]:
    """Return the weights, the relative error of their sum that their original dtype allows, and
    their unit.
    """
    if value is None:
        return np.full(n, 1 / n), 0.0, None
    what = f"an ({n},) array of weights"
    meaning.refuse_path(name, value, what)
    raw = host_array(name, value, what)
    array = converted(name, value, raw, what).astype(np.float64)
    if array.shape != (n,):
        raise ValueError(
            f"{name}: expected {n} weights, one per point, got shape {array.shape}; "
            f"{_cure_of_shape(array.shape, n)}"
        )
    check_finite(name, array)
    if (array < 0).any():
        i = int(np.argmin(array))
        raise ValueError(
            f"{name}: expected weights >= 0, got {array[i]} at index {i}; remove or clip negative "
            "weights"
        )
    if not array.any():
        raise ValueError(
            f"{name}: expected at least one weight > 0, got all zeros; pass weights with a "
            "positive sum"
        )
    check_sum(name, array, "weights")
    rounding = meaning.mass_rounding(raw.dtype, n)
    return array, rounding, meaning.unit(name, value)


def check_sum(name: str, values: Floats, what: str) -> None:
    """Check that the mass of weights or pixels is not too large."""
    with np.errstate(over="ignore"):
        mass = values.sum()
    if mass > LARGEST_MASS:
        raise ValueError(
            f"{name}: expected {what} with a sum up to {LARGEST_MASS:g}, got {mass:.3g}; divide "
            f"the {what} by their largest"
        )


def _cure_of_shape(shape: tuple[int, ...], n: int) -> str:
    if shape == ():
        return "pass one number per point (and a blur by name: blur=...)"
    if len(shape) == 2 and n in shape and 1 in shape:
        return "use .ravel()"
    return "pass one number per point"


def equal_masses(
    name: str,
    value: Floats,
    other_name: str,
    other: Floats,
    rounding: float = 0.0,
    cure: str | None = REACH,
) -> None:
    """Check that both measures have the same mass, up to the rounding of their weights; the cure
    serves measures of different masses; None if nothing does.
    """
    mass, other_mass = value.sum(), other.sum()
    tolerated = max(MASS_TOLERANCE, rounding) * max(mass, other_mass)
    if abs(mass - other_mass) > tolerated:
        alternative = "" if cure is None else f", or {cure}"
        raise ValueError(
            f"{name}: expected the total mass of {other_name} ({other_mass:.9g}), got {mass:.9g}; "
            f"divide each of them by its sum to compare probabilities{alternative}"
        )


def one_mass(
    names: Sequence[str],
    weights: Sequence[Floats],
    roundings: Sequence[float],
    cure: str | None = REACH,
) -> None:
    """Check that any two of many measures have the same mass, up to the rounding of their
    weights.
    """
    masses = np.array([own.sum() for own in weights])
    tolerances = np.maximum(MASS_TOLERANCE, roundings)
    for k, mass in enumerate(masses):
        tolerated = np.maximum(tolerances, tolerances[k]) * np.maximum(masses, mass)
        differ = np.abs(masses - mass) > tolerated
        if differ.any():
            j = int(np.argmax(differ))
            rounding = max(roundings[j], roundings[k])
            equal_masses(names[j], weights[j], names[k], weights[k], rounding, cure)
