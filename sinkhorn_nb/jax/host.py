"""What the callbacks compute on the host: values, gradients and products of Hessians."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import functional
from ..common.array_types import Numbers
from ..gradients import Gradient
from ..results.second_order import hessian_product

N_PRIMALS = 4  # x, y, a, b


class Settings(NamedTuple):
    """The kind of a problem and its options, which are known when a function is traced."""

    kind: str
    options: tuple[tuple[str, Hashable], ...]


class Solved(NamedTuple):
    """The results of a batch of problems, and the axes of the batch."""

    results: Sequence[Any]
    axes: tuple[int, ...]


class _Memory:
    """The results of the last call. The rows of a Hessian belong to the same problem."""

    def __init__(self) -> None:
        self._last: tuple[Settings, list[Numbers], Solved] | None = None

    def solve(self, settings: Settings, arrays: Sequence[Numbers]) -> Solved:
        """Solve a batch of problems, unless it is the last one."""
        last = self._last
        if last is not None and last[0] == settings and _are_equal(last[1], arrays):
            return last[2]
        solved = _solve(settings, arrays)
        self._last = settings, [np.array(array) for array in arrays], solved
        return solved


_memory = _Memory()


def value_and_gradient(settings: Settings, *arrays: Any) -> tuple[Numbers, ...]:
    """The value and the derivatives in x, y, a and b of each problem."""
    primals = [np.asarray(array) for array in arrays]
    solved = _memory.solve(settings, primals)
    values = np.array([float(result.value) for result in solved.results])
    gradients = [result.gradient() for result in solved.results]
    return values.reshape(solved.axes).astype(primals[0].dtype), *_stacked(
        gradients, primals, solved
    )


def products(settings: Settings, *arrays: Any) -> tuple[Numbers, ...]:
    """The products of the Hessians with directions of x, y, a and b."""
    primals = [np.asarray(array) for array in arrays[:N_PRIMALS]]
    solved = _memory.solve(settings, primals)
    directions = _directions(arrays[N_PRIMALS:], primals, solved)
    found = [hessian_product(*each) for each in zip(solved.results, directions, strict=True)]
    return _stacked(found, primals, solved)


def outputs(settings: Settings, read: Callable[[Any], tuple[Any, ...]], *arrays: Any) -> Any:
    """Arrays of each result, such as its potentials."""
    primals = [np.asarray(array) for array in arrays]
    solved = _memory.solve(settings, primals)
    parts = zip(*(read(result) for result in solved.results), strict=True)
    return tuple(_joined(part, solved, primals[0].dtype) for part in parts)


def pulled(settings: Settings, name: str, *arrays: Any) -> tuple[Numbers, ...]:
    """The gradients of scalars that depend on potentials or on the map."""
    primals = [np.asarray(array) for array in arrays[:N_PRIMALS]]
    solved = _memory.solve(settings, primals)
    cotangents = [
        _flat(np.asarray(array, dtype=np.float64), len(solved.axes)) for array in arrays[N_PRIMALS:]
    ]
    found = []
    for result, *each in zip(solved.results, *cotangents, strict=True):
        known = {"map": each[0]} if name == "map" else {"f": each[0], "g": each[1]}
        found.append(Gradient(*result.pullback(**known)))
    return _stacked(found, primals, solved)


def _solve(settings: Settings, arrays: Sequence[Numbers]) -> Solved:
    axes = arrays[0].shape[:-2]
    x, y, a, b = (_flat(array, len(axes)) for array in arrays)
    weights = [list(each) if each.shape[-1] else [None] * len(x) for each in (a, b)]
    options: dict[str, Any] = dict(settings.options)
    if settings.kind == "divergence" and len(x) > 1:
        clouds = list(map(np.ascontiguousarray, x)), list(map(np.ascontiguousarray, y))
        return Solved(functional.sinkhorn_divergences(*clouds, *weights, **options), axes)
    solve: Callable[..., Any] = functional.sinkhorn_divergence
    if settings.kind == "transport":
        solve = functional.entropic_ot
    sides = zip(x, y, *weights, strict=True)
    return Solved([solve(*each, **options) for each in sides], axes)


def _flat(array: Numbers, n_axes: int) -> Numbers:
    return array.reshape(math.prod(array.shape[:n_axes]), *array.shape[n_axes:])


def _directions(
    tangents: Sequence[Any], primals: Sequence[Numbers], solved: Solved
) -> list[Gradient]:
    """The directions of each problem; empty weights do not move."""
    parts = []
    sizes = primals[0].shape[-2], primals[1].shape[-2]
    for tangent, size in zip(tangents, (*sizes, *sizes), strict=True):
        flat = _flat(np.asarray(tangent, dtype=np.float64), len(solved.axes))
        parts.append(flat if flat.shape[1] else np.zeros((len(flat), size)))
    return [Gradient(*each) for each in zip(*parts, strict=True)]


def _stacked(
    gradients: Sequence[Gradient], primals: Sequence[Numbers], solved: Solved
) -> tuple[Numbers, ...]:
    """The parts of gradients as arrays like the points and weights; empty where these are empty."""
    parts = zip(*gradients, strict=True)
    return tuple(
        _joined(part, solved, primal.dtype) if primal.size else np.zeros_like(primal)
        for part, primal in zip(parts, primals, strict=True)
    )


def _joined(part: Sequence[Any], solved: Solved, dtype: Any) -> Numbers:
    stacked = np.stack(part)
    return stacked.reshape(*solved.axes, *stacked.shape[1:]).astype(dtype)


def _are_equal(known: Sequence[Numbers], arrays: Sequence[Numbers]) -> bool:
    return all(np.array_equal(old, new) for old, new in zip(known, arrays, strict=True))
