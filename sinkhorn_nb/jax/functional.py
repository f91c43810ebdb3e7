"""The public functions of JAX arrays.

Values and gradients come from one callback. The derivative of the gradient is the product of the
Hessian with a direction, which is stated as a linear solve, so that JAX can transpose and vectorize
it. Third derivatives raise: they would otherwise be 0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from . import host
from .host import Settings

THIRD = (
    "third derivatives: expected at most two derivatives of a value, or one of potentials and "
    "maps, got one more; use jax.lax.stop_gradient"
)


def sinkhorn_divergence(x: Any, y: Any, a: Any = None, b: Any = None, **options: Any) -> Any:
    """Sinkhorn divergence of arrays, with first and second derivatives in all of them.

    Parameters
    ----------
    x, y : (n, d) and (m, d) arrays
    a, b : (n,) and (m,) arrays, optional
        Weights; uniform by default.
    **options
        blur, eps, p, cost, reach, rho and solver, as for `sinkhorn_nb.sinkhorn_divergence`. They
        must be known when the function is traced.

    Returns
    -------
    Array
        The value, without axes.

    Notes
    -----
    `jit`, `grad`, `value_and_grad`, `jvp`, `hessian` and `lax.scan` work; `vmap` solves a batch.
    Third derivatives raise. Integers and narrow types are computed in float32.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> import sinkhorn_nb.jax as snj
    >>> x = jnp.linspace(0, 1, 50)[:, None]
    >>> gradient = jax.grad(lambda x: snj.sinkhorn_divergence(x, x + 2, blur=0.05))
    >>> value = jax.jit(lambda x, y: snj.sinkhorn_divergence(x, y, blur=0.05))(x, x + 2)
    >>> round(float(value), 2)
    2.0
    """
    return _value(_settings("divergence", options), *_arrays(x, y, a, b))


def entropic_ot(x: Any, y: Any, a: Any = None, b: Any = None, **options: Any) -> Any:
    """OT_eps of arrays, with first and second derivatives in all of them; arguments and result are
    those of `sinkhorn_divergence`.
    """
    return _value(_settings("transport", options), *_arrays(x, y, a, b))


def entropic_potentials(
    x: Any, y: Any, a: Any = None, b: Any = None, **options: Any
) -> tuple[Any, Any]:
    """The potentials f (n,) and g (m,) of OT_eps, with one derivative in all arrays, in reverse
    mode.
    """
    f, g = _potentials(_settings("transport", options), *_arrays(x, y, a, b))
    return f, g


def entropic_map(x: Any, y: Any, a: Any = None, b: Any = None, **options: Any) -> Any:
    """The images (n, d) of the points x under the barycentric map, with one derivative in all
    arrays, in reverse mode.
    """
    return _map(_settings("transport", options), *_arrays(x, y, a, b))


def _settings(kind: str, options: dict[str, Any]) -> Settings:
    for name, value in options.items():
        if isinstance(value, jax.core.Tracer):
            raise TypeError(
                f"{name}: expected a number that is known when the function is traced, got a "
                f"traced array; make {name} a Python number, static for jax.jit"
            )
    return Settings(kind, tuple(sorted(options.items())))


def _arrays(*arrays: Any) -> list[jax.Array]:
    """Arrays of a common type, float32 or float64; missing weights are empty."""
    given = [None if array is None else jnp.asarray(array) for array in arrays]
    dtype = jnp.result_type(jnp.float32, *(array.dtype for array in given if array is not None))
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"x: expected real numbers, got {dtype}; pass arrays of float32 or float64")
    for name, array, n_axes in zip("xyab", given, (2, 2, 1, 1), strict=True):
        if array is not None and array.ndim != n_axes:
            raise ValueError(
                f"{name}: expected {n_axes} axes, got shape {array.shape}; use jax.vmap for batches"
            )
    return [jnp.zeros(0, dtype) if array is None else array.astype(dtype) for array in given]


def _callback(function: Callable[..., Any], shapes: Any, *arrays: Any) -> Any:
    return jax.pure_callback(function, shapes, *arrays, vmap_method="broadcast_all")


def _like(array: Any) -> Any:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _value(settings: Settings, x: Any, y: Any, a: Any, b: Any) -> Any:
    return _value_and_gradient(settings, x, y, a, b)[0]


@_value.defjvp
def _value_jvp(settings: Settings, primals: Any, tangents: Any) -> tuple[Any, Any]:
    value, *gradient = _value_and_gradient(settings, *primals)
    return value, sum((g * t).sum() for g, t in zip(gradient, tangents, strict=True))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _value_and_gradient(settings: Settings, x: Any, y: Any, a: Any, b: Any) -> tuple[Any, ...]:
    shapes = jax.ShapeDtypeStruct((), x.dtype), *map(_like, (x, y, a, b))
    return tuple(_callback(partial(host.value_and_gradient, settings), shapes, x, y, a, b))


@_value_and_gradient.defjvp
def _gradient_jvp(settings: Settings, primals: Any, tangents: Any) -> tuple[Any, Any]:
    found = _value_and_gradient(settings, *primals)
    along = sum((g * t).sum() for g, t in zip(found[1:], tangents, strict=True))
    # A linear solve is transposed only if all its right-hand sides depend on what is transposed.
    nothing = 0 * sum(tangent.sum() for tangent in tangents)
    directions = tuple(tangent + nothing for tangent in tangents)
    return found, (along, *_products(settings, primals, directions))


def _products(settings: Settings, primals: Any, directions: Any) -> tuple[Any, ...]:
    """The products of the Hessian, as the solution of a system whose inverse is the Hessian."""
    primals = _last(primals)

    def solve(_: Any, right: Any) -> Any:
        shapes = tuple(map(_like, primals))
        return tuple(_callback(partial(host.products, settings), shapes, *primals, *right))

    return jax.lax.custom_linear_solve(lambda t: t, directions, solve, symmetric=True)


@jax.custom_jvp
def _last(arrays: Any) -> Any:
    """The arrays, of which no further derivative is allowed."""
    return arrays


@_last.defjvp
def _last_jvp(primals: Any, tangents: Any) -> Any:
    raise NotImplementedError(THIRD)


def _both(result: Any) -> tuple[Any, Any]:
    return result.f, result.g


def _images(result: Any) -> tuple[Any]:
    return (result.map(),)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _potentials(settings: Settings, x: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    shapes = tuple(jax.ShapeDtypeStruct(t.shape[:1], t.dtype) for t in (x, y))
    return tuple(_callback(partial(host.outputs, settings, _both), shapes, x, y, a, b))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _map(settings: Settings, x: Any, y: Any, a: Any, b: Any) -> Any:
    return _callback(partial(host.outputs, settings, _images), (_like(x),), x, y, a, b)[0]


def _kept(function: Callable[..., Any], settings: Settings, *primals: Any) -> tuple[Any, Any]:
    return function(settings, *primals), primals


def _pulled(name: str, settings: Settings, primals: Any, cotangents: Any) -> tuple[Any, ...]:
    cotangents = cotangents if isinstance(cotangents, tuple) else (cotangents,)
    shapes = tuple(map(_like, primals))
    found = partial(host.pulled, settings, name)
    return tuple(_callback(found, shapes, *_last(primals), *cotangents))


_potentials.defvjp(partial(_kept, _potentials), partial(_pulled, "potentials"))
_map.defvjp(partial(_kept, _map), partial(_pulled, "map"))
