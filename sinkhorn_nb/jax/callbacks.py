"""Callbacks to the host, and the end of differentiation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from .. import bridges

CURE = "use jax.lax.stop_gradient"
SECOND = bridges.SECOND + CURE
THIRD = bridges.THIRD + CURE


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
