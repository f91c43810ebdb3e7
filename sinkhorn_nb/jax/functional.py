"""The public functions of JAX arrays.

Values and gradients come from one callback, and only the parts of the gradient that are asked for.
The derivative of the gradient is the product of the Hessian with a direction, which is stated as a
linear solve, so that JAX can transpose and vectorize it. Third derivatives raise: they would
otherwise be 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
from jax.custom_derivatives import SymbolicZero

from .. import bridges, validation
from . import host
from .callbacks import SECOND, callback, last, like, of_common_type, probabilities, settings_of
from .host import Needs, Settings


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
    return _called(_value, "divergence", (x, y, a, b), options)


def entropic_ot(x: Any, y: Any, a: Any = None, b: Any = None, **options: Any) -> Any:
    """OT_eps of arrays, with first and second derivatives in all of them; arguments and result are
    those of `sinkhorn_divergence`.
    """
    return _called(_value, "transport", (x, y, a, b), options)


def hausdorff_divergence(x: Any, y: Any, a: Any = None, b: Any = None, **options: Any) -> Any:
    """Hausdorff divergence of arrays, with one derivative in all of them; arguments and result are
    those of `sinkhorn_divergence`.
    """
    return _called(_value, "hausdorff", (x, y, a, b), options)


def mmd(x: Any, y: Any, a: Any = None, b: Any = None, **options: Any) -> Any:
    """Kernel norm |a - b|_k^2 / 2 of arrays, with one derivative in all of them; `kernel` and
    `blur` are those of `sinkhorn_nb.mmd`.
    """
    return _called(_value, "mmd", (x, y, a, b), options)


def entropic_potentials(
    x: Any, y: Any, a: Any = None, b: Any = None, **options: Any
) -> tuple[Any, Any]:
    """The potentials f (n,) and g (m,) of OT_eps, with one derivative in all arrays, in reverse
    mode.
    """
    f, g = _called(_potentials, "transport", (x, y, a, b), options)
    return f, g


def entropic_map(x: Any, y: Any, a: Any = None, b: Any = None, **options: Any) -> Any:
    """The images (n, d) of the points x under the barycentric map, with one derivative in all
    arrays, in reverse mode.
    """
    return _called(_map, "transport", (x, y, a, b), options)


def _called(
    function: Callable[..., Any], kind: str, arrays: Sequence[Any], options: dict[str, Any]
) -> Any:
    """Call a function of settings and arrays."""
    settings = settings_of(kind, options)
    x, y, *weights = arrays
    if kind != "mmd" and options.get("reach") is None and options.get("rho") is None:
        weights = list(map(probabilities, weights))
    return function(settings, *_checked(x, y, *weights))


def _checked(x: Any, y: Any, a: Any, b: Any) -> list[Any]:
    """The arrays, whose shapes are checked before any callback: its errors have long tracebacks."""
    arrays = of_common_type(x=x, y=y, a=a, b=b)
    for name, array, n_axes in zip("xyab", arrays, (2, 2, 1, 1), strict=True):
        if array is not None and array.ndim != n_axes:
            raise ValueError(
                f"{name}: expected {n_axes} axes, got shape {array.shape}; use jax.vmap for batches"
            )
    for name, points in zip("xy", arrays[:2], strict=True):
        if not points.size:
            raise ValueError(
                f"{name}: expected at least one point and one coordinate, got shape "
                f"{points.shape}; pass data"
            )
    validation.same_dimension("y", arrays[1], "x", arrays[0])
    for name, weights, points in zip("ab", arrays[2:], arrays[:2], strict=True):
        if weights is not None and len(weights) != len(points):
            raise ValueError(
                f"{name}: expected {len(points)} weights, one per point, got {len(weights)}; pass "
                "None for uniform weights"
            )
    return arrays


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _value(settings: Settings, x: Any, y: Any, a: Any, b: Any) -> Any:
    return _value_and_gradient(settings, (False,) * 4, x, y, a, b)[0]


@partial(_value.defjvp, symbolic_zeros=True)
def _value_jvp(settings: Settings, primals: Any, tangents: Any) -> tuple[Any, Any]:
    needs = _moving(tangents)
    value, *gradient = _value_and_gradient(settings, needs, *primals)
    return value, _along(gradient, _only(needs, tangents))


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _value_and_gradient(
    settings: Settings, needs: Needs, x: Any, y: Any, a: Any, b: Any
) -> tuple[Any, ...]:
    """The value, and its derivatives in those of x, y, a and b that are needed."""
    primals = x, y, a, b
    shapes = jax.ShapeDtypeStruct((), x.dtype), *map(like, _only(needs, primals))
    return tuple(callback(partial(host.value_and_gradient, settings, needs), shapes, *primals))


@partial(_value_and_gradient.defjvp, symbolic_zeros=True)
def _gradient_jvp(settings: Settings, needs: Needs, primals: Any, tangents: Any) -> tuple[Any, Any]:
    if settings.kind not in bridges.TWICE:
        raise NotImplementedError(SECOND)
    moving = _moving(tangents)
    # The Hessian is symmetric in all that moves or is needed
    both = tuple(m or n for m, n in zip(moving, needs, strict=True))
    value, *gradient = _value_and_gradient(settings, both, *primals)
    moves = [
        jax.numpy.zeros_like(primal) if isinstance(tangent, SymbolicZero) else tangent
        for primal, tangent in zip(_only(both, primals), _only(both, tangents), strict=True)
    ]
    # A linear solve is transposed only if all its right-hand sides depend on what is transposed.
    nothing = 0 * sum(move.sum() for move in moves)
    products = _products(settings, both, primals, tuple(move + nothing for move in moves))
    needed = tuple(_only(both, needs))
    slopes = _along(gradient, moves), *_only(needed, products)
    return (value, *_only(needed, gradient)), slopes


def _products(settings: Settings, sides: Needs, primals: Any, directions: Any) -> tuple[Any, ...]:
    """The products of the Hessian, as the solution of a system whose inverse is the Hessian."""
    primals = last(primals)

    def solve(_: Any, right: Any) -> Any:
        shapes = tuple(map(like, right))
        return tuple(callback(partial(host.products, settings, sides), shapes, *primals, *right))

    return jax.lax.custom_linear_solve(lambda t: t, directions, solve, symmetric=True)


def _moving(tangents: Any) -> Needs:
    """Which of x, y, a and b move, as far as it is known when a function is traced."""
    return tuple(not isinstance(tangent, (SymbolicZero, type(None))) for tangent in tangents)


def _only(needs: Needs, parts: Any) -> list[Any]:
    return [part for part, is_needed in zip(parts, needs, strict=True) if is_needed]


def _along(gradient: Any, moves: Any) -> Any:
    return sum((g * t).sum() for g, t in zip(gradient, moves, strict=True))


def _both(result: Any) -> tuple[Any, Any]:
    return result.f, result.g


def _images(result: Any) -> tuple[Any]:
    return (result.map(),)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _potentials(settings: Settings, x: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    shapes = tuple(jax.ShapeDtypeStruct(t.shape[:1], t.dtype) for t in (x, y))
    return tuple(callback(partial(host.outputs, settings, _both), shapes, x, y, a, b))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _map(settings: Settings, x: Any, y: Any, a: Any, b: Any) -> Any:
    return callback(partial(host.outputs, settings, _images), (like(x),), x, y, a, b)[0]


def _kept(function: Callable[..., Any], settings: Settings, *primals: Any) -> tuple[Any, Any]:
    return function(settings, *primals), primals


def _pulled(name: str, settings: Settings, primals: Any, cotangents: Any) -> tuple[Any, ...]:
    cotangents = cotangents if isinstance(cotangents, tuple) else (cotangents,)
    shapes = tuple(map(like, primals))
    found = partial(host.pulled, settings, name)
    return tuple(callback(found, shapes, *last(primals), *last(cotangents)))


_potentials.defvjp(partial(_kept, _potentials), partial(_pulled, "potentials"))
_map.defvjp(partial(_kept, _map), partial(_pulled, "map"))
