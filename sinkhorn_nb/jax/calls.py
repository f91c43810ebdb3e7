"""The arguments of a call: settings, which are known when a function is traced, and arrays, whose
types and shapes are checked before any callback, since its errors have long tracebacks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .. import validation
from ..bridges import LARGEST_ROUNDING, conserves_mass
from .host import Settings

WEIGHTS = ("a", "b")
NARROW = (jnp.float16, jnp.bfloat16)


def called(
    function: Callable[..., Any], kind: str, arrays: Sequence[Any], options: dict[str, Any]
) -> Any:
    """Call a function of settings, points and weights."""
    settings = settings_of(kind, options)
    x, y, *weights = arrays
    if conserves_mass(kind, options):
        weights = list(map(_probabilities, weights))
    return function(settings, *_checked(x, y, *weights))


def settings_of(kind: str, options: dict[str, Any]) -> Settings:
    """The settings of a call, by which JAX recognizes a function that it has compiled."""
    require_known(options)
    for name, value in options.items():
        try:
            hash(value)
        except TypeError as error:
            raise TypeError(
                f"{name}: expected a value that can be hashed, since it is static, got "
                f"{type(value).__name__} ({error}); pass a Python number or a tuple"
            ) from error
    return Settings(kind, tuple(sorted(options.items())))


def require_known(options: dict[str, Any]) -> None:
    """Check that options do not depend on arguments of a function that is traced."""
    for name, value in options.items():
        if isinstance(value, jax.core.Tracer):
            raise TypeError(
                f"{name}: expected a value that is known when the function is traced, got a traced "
                "array; pass a Python value, which is static for jax.jit"
            )


def of_common_type(**given: Any) -> list[Any]:
    """Arrays of a common type, float32 or float64; missing weights stay None."""
    arrays = [
        None if each is None and name in WEIGHTS else _real(name, each)
        for name, each in given.items()
    ]
    types = [array.dtype for array in arrays if array is not None]
    dtype = jnp.result_type(jnp.float32, *types)
    return [None if array is None else array.astype(dtype) for array in arrays]


def _real(name: str, given: Any) -> jax.Array:
    try:
        if given is None or hasattr(given, "todense"):  # JAX would read sparse arrays row by row
            raise TypeError("expected a dense array")
        array = jnp.asarray(given)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name}: expected an array of real numbers, got {type(given).__name__}; pass a dense "
            "array of JAX or NumPy"
        ) from error
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise TypeError(
            f"{name}: expected real numbers, got {array.dtype}; pass {name}.real, or an array of "
            "float32 or float64"
        )
    return array


def _probabilities(weights: Any) -> Any:
    """Weights of 16 bits whose sum is 1 up to their rounding, as probabilities of 32 bits."""
    if getattr(weights, "dtype", None) not in NARROW:
        return weights
    wide = jnp.asarray(weights, jnp.float32)
    total = wide.sum()
    is_one = abs(total - 1) <= LARGEST_ROUNDING
    return wide / jnp.where(is_one, total, 1.0)


def _checked(x: Any, y: Any, a: Any, b: Any) -> list[Any]:
    """Arrays of a common type that fit each other."""
    arrays = of_common_type(x=x, y=y, a=a, b=b)
    x, y, a, b = arrays
    _check_points("x", x)
    _check_points("y", y)
    validation.same_dimension("y", y, "x", x)
    _check_weights("a", a, x)
    _check_weights("b", b, y)
    return arrays


def _check_points(name: str, points: Any) -> None:
    if points.ndim != 2:
        raise ValueError(
            f"{name}: expected points (n, d), got shape {points.shape}; use jax.vmap for batches, "
            f"and {name}[:, None] for points on a line"
        )
    if not points.size:
        raise ValueError(
            f"{name}: expected at least one point and one coordinate, got shape {points.shape}; "
            "pass data"
        )


def _check_weights(name: str, weights: Any, points: Any) -> None:
    if weights is not None and weights.shape != points.shape[:1]:
        raise ValueError(
            f"{name}: expected {len(points)} weights, one per point, got shape {weights.shape}; "
            "pass None for uniform weights, and use jax.vmap for batches"
        )
