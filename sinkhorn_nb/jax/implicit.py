"""Potentials and maps with one derivative in reverse mode, by implicit differentiation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from . import host
from .callbacks import callback, last, like
from .host import Settings


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def potentials(settings: Settings, x: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """The potentials f and g."""
    shapes = tuple(map(_number_per_point, (x, y)))
    found = partial(host.outputs, settings, _both)
    return tuple(callback(found, shapes, x, y, a, b))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def barycentric_map(settings: Settings, x: Any, y: Any, a: Any, b: Any) -> Any:
    """The images of the points x."""
    found = partial(host.outputs, settings, _images)
    (images,) = callback(found, (like(x),), x, y, a, b)
    return images


def _number_per_point(points: Any) -> Any:
    return jax.ShapeDtypeStruct(points.shape[:1], points.dtype)


def _both(result: Any) -> tuple[Any, Any]:
    return result.f, result.g


def _images(result: Any) -> tuple[Any]:
    return (result.map(),)


def _kept(function: Callable[..., Any], settings: Settings, *primals: Any) -> tuple[Any, Any]:
    return function(settings, *primals), primals


def _pulled(
    names: tuple[str, ...], settings: Settings, primals: Any, cotangents: Any
) -> tuple[Any, ...]:
    """The gradient of a scalar from its derivatives in the quantities of these names."""
    cotangents = cotangents if isinstance(cotangents, tuple) else (cotangents,)
    shapes = tuple(map(like, primals))
    found = partial(host.pulled, settings, names)
    return tuple(callback(found, shapes, *last(primals), *last(cotangents)))


potentials.defvjp(partial(_kept, potentials), partial(_pulled, ("f", "g")))
barycentric_map.defvjp(partial(_kept, barycentric_map), partial(_pulled, ("map",)))
