"""Soft sorting, ranks and quantiles of JAX arrays, with one derivative."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np

from . import host
from .callbacks import callback, last, like
from .calls import of_common_type, require_known, settings_of
from .host import Settings


def soft_sort(x: Any, **options: Any) -> Any:
    """The sorted numbers of x, smoothed, as `sinkhorn_nb.soft_sort`, with a derivative in x in
    reverse mode.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> import sinkhorn_nb.jax as snj
    >>> [round(float(value), 2) for value in snj.soft_sort(jnp.array([3.0, 1.0, 2.0]), blur=0.1)]
    [1.0, 2.0, 3.0]
    """
    return _soft(settings_of("sort", options), _numbers(x))


def soft_rank(x: Any, **options: Any) -> Any:
    """The ranks of x, smoothed, as `sinkhorn_nb.soft_rank`, with a derivative in x in reverse
    mode.
    """
    return _soft(settings_of("rank", options), _numbers(x))


def soft_quantile(x: Any, q: Any, **options: Any) -> Any:
    """Quantiles of x, smoothed, as `sinkhorn_nb.soft_quantile`, with a derivative in x in reverse
    mode. The levels q are static.
    """
    require_known({"q": q})
    levels = np.asarray(q, dtype=np.float64)
    settings = settings_of("quantile", options | {"q": tuple(levels.flat)})
    return _soft(settings, _numbers(x)).reshape(levels.shape)


def _numbers(x: Any) -> jax.Array:
    (numbers,) = of_common_type(x=x)
    if numbers.ndim != 1:
        raise ValueError(
            f"x: expected numbers (n,), got shape {numbers.shape}; use jax.vmap for batches"
        )
    if not numbers.size:
        raise ValueError("x: expected at least one number, got none; pass data")
    return numbers


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _soft(settings: Settings, x: Any) -> Any:
    levels = dict(settings.options).get("q", ())
    count = len(levels) if settings.kind == "quantile" else len(x)  # type: ignore[arg-type]
    shape = jax.ShapeDtypeStruct((count,), x.dtype)
    return callback(partial(host.soft_values, settings), shape, x)


def _kept(settings: Settings, x: Any) -> tuple[Any, Any]:
    return _soft(settings, x), x


def _pulled(settings: Settings, x: Any, cotangent: Any) -> tuple[Any]:
    found = partial(host.soft_pulled, settings)
    return (callback(found, like(x), last(x), last(cotangent)),)


_soft.defvjp(_kept, _pulled)
