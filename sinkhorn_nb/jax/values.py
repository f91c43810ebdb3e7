"""Values with two derivatives.

Values and gradients come from one callback, and only the parts of the gradient that are asked for.
The derivative of the gradient is the product of the Hessian with a direction, which is stated as a
linear solve, so that JAX can transpose and vectorize it. Third derivatives raise: they would
otherwise be 0.
"""

from __future__ import annotations

from functools import partial
from operator import or_
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from .. import bridges
from . import host
from .callbacks import SECOND, callback, last, like
from .host import N_PRIMALS, Needs, Settings


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def value(settings: Settings, x: Any, y: Any, a: Any, b: Any) -> Any:
    """The value of a problem."""
    nothing = (False,) * N_PRIMALS
    return _value_and_gradient(settings, nothing, x, y, a, b)[0]


@partial(value.defjvp, symbolic_zeros=True)
def _value_jvp(settings: Settings, primals: Any, tangents: Any) -> tuple[Any, Any]:
    moving = _moving(tangents)
    found, *gradient = _value_and_gradient(settings, moving, *primals)
    return found, _inner_product(gradient, _only(moving, tangents))


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _value_and_gradient(
    settings: Settings, needs: Needs, x: Any, y: Any, a: Any, b: Any
) -> tuple[Any, ...]:
    """The value, and its derivatives in those of x, y, a and b that are needed."""
    primals = x, y, a, b
    number = jax.ShapeDtypeStruct((), x.dtype)
    parts = map(like, _only(needs, primals))
    found = partial(host.value_and_gradient, settings, needs)
    return tuple(callback(found, (number, *parts), *primals))


@partial(_value_and_gradient.defjvp, symbolic_zeros=True)
def _gradient_jvp(settings: Settings, needs: Needs, primals: Any, tangents: Any) -> tuple[Any, Any]:
    if settings.kind not in bridges.TWICE:
        raise NotImplementedError(SECOND)
    moving = _moving(tangents)
    # The Hessian is symmetric in all that moves or is needed
    sides = tuple(map(or_, moving, needs))
    found, *gradient = _value_and_gradient(settings, sides, *primals)
    filled = list(map(_filled, tangents, primals))
    moves = _only(sides, filled)
    products = _products(settings, sides, primals, moves)

    needed = tuple(_only(sides, needs))
    slopes = _inner_product(gradient, moves), *_only(needed, products)
    return (found, *_only(needed, gradient)), slopes


def _products(settings: Settings, sides: Needs, primals: Any, moves: Any) -> tuple[Any, ...]:
    """The products of the Hessian, as the solution of a system whose inverse is the Hessian."""
    primals = last(primals)
    found = partial(host.products, settings, sides)

    def solve(_: Any, right: Any) -> Any:
        shapes = tuple(map(like, right))
        return tuple(callback(found, shapes, *primals, *right))

    # A linear solve is transposed only if all its right-hand sides depend on what is transposed.
    nothing = 0 * sum(move.sum() for move in moves)
    directions = tuple(move + nothing for move in moves)
    return jax.lax.custom_linear_solve(lambda t: t, directions, solve, symmetric=True)


def _moving(tangents: Any) -> Needs:
    """Which of x, y, a and b move, as far as it is known when a function is traced."""
    resting = SymbolicZero, type(None)
    return tuple(not isinstance(tangent, resting) for tangent in tangents)


def _only(needs: Needs, parts: Any) -> list[Any]:
    return [part for part, is_needed in zip(parts, needs, strict=True) if is_needed]


def _filled(tangent: Any, primal: Any) -> Any:
    return jnp.zeros_like(primal) if isinstance(tangent, SymbolicZero) else tangent


def _inner_product(gradient: Any, moves: Any) -> Any:
    return sum((g * t).sum() for g, t in zip(gradient, moves, strict=True))
