"""Settings, checked arrays and callbacks, which all functions of JAX arrays need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .. import bridges
from .host import Settings

LARGEST_ROUNDING = 0.01  # of the sum of weights of 16 bits
CURE = "use jax.lax.stop_gradient"
SECOND = bridges.SECOND + CURE
THIRD = bridges.THIRD + CURE


def settings_of(kind: str, options: dict[str, Any]) -> Settings:
    """The settings of a call, which must be known when a function is traced."""
    for name, value in options.items():
        if isinstance(value, jax.core.Tracer):
            raise TypeError(
                f"{name}: expected a number that is known when the function is traced, got a "
                f"traced array; make {name} a Python number, static for jax.jit"
            )
    return Settings(kind, tuple(sorted(options.items())))


def of_common_type(**given: Any) -> list[Any]:
    """Arrays of a common type, float32 or float64; missing weights stay None."""
    arrays = {name: jnp.asarray(each) for name, each in given.items() if each is not None}
    dtype = jnp.result_type(jnp.float32, *(array.dtype for array in arrays.values()))
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"x: expected real numbers, got {dtype}; pass arrays of float32 or float64")
    return [arrays[name].astype(dtype) if name in arrays else None for name in given]


def probabilities(weights: Any) -> Any:
    """Weights of 16 bits whose sum is 1 up to their rounding, as probabilities of 32 bits."""
    if getattr(weights, "dtype", None) not in (jnp.float16, jnp.bfloat16):
        return weights
    wide = jnp.asarray(weights, jnp.float32)
    total = wide.sum()
    return wide / jnp.where(abs(total - 1) <= LARGEST_ROUNDING, total, 1.0)


def callback(function: Callable[..., Any], shapes: Any, *arrays: Any) -> Any:
    """Call a function of NumPy arrays; batches have leading axes."""
    return jax.pure_callback(function, shapes, *arrays, vmap_method="broadcast_all")


def like(array: Any) -> Any:
    """The shape and the type of an array; None of None."""
    return None if array is None else jax.ShapeDtypeStruct(array.shape, array.dtype)


@jax.custom_jvp
def last(arrays: Any) -> Any:
    """The arrays, of which no further derivative is allowed."""
    return arrays


@last.defjvp
def _last_jvp(primals: Any, tangents: Any) -> Any:
    raise NotImplementedError(THIRD)
