"""Values, gradients and products of Hessians, which the callbacks compute on the host."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..bridges import solve_all, values_of
from ..common.array_types import Numbers
from ..gradients import Gradient
from ..losses import soft
from ..results.one_sided import Sides, gradient_in
from ..results.second_order import hessian_product

N_PRIMALS = 4  # x, y, a, b
Needs: TypeAlias = tuple[bool, ...]  # which of x, y, a and b something is needed for
Primals: TypeAlias = Sequence[Any]  # the arrays x, y, a and b; uniform weights are None

SOFT: dict[str, Callable[..., Any]] = {
    "sort": soft.soft_sort,
    "rank": soft.soft_rank,
    "quantile": soft.soft_quantile,
}


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
        self._last: tuple[Settings, Primals, Solved] | None = None

    def solve(self, settings: Settings, primals: Primals) -> Solved:
        """Solve a batch of problems, unless it is the last one."""
        last = self._last
        if last is not None and last[0] == settings and _are_equal(last[1], primals):
            return last[2]
        solved = _solve(settings, primals)
        known = [None if array is None else array.copy() for array in primals]
        self._last = settings, known, solved
        return solved


_memory = _Memory()


def value_and_gradient(settings: Settings, needs: Needs, *arrays: Any) -> tuple[Numbers, ...]:
    """The value of each problem, and its derivatives in those of x, y, a and b that are needed."""
    primals = _on_host(arrays)
    solved = _memory.solve(settings, primals)
    values = np.array(values_of(solved.results), primals[0].dtype)
    values = values.reshape(solved.axes)
    if not any(needs):
        return (values,)
    sides = Sides(needs[0], needs[1])
    gradients = [gradient_in(result, sides) for result in solved.results]
    return values, *_stacked(gradients, primals, solved, needs)


def products(settings: Settings, sides: Needs, *arrays: Any) -> tuple[Numbers, ...]:
    """The products of the Hessians, in some of x, y, a and b, with directions of the same."""
    primals = _on_host(arrays[:N_PRIMALS])
    solved = _memory.solve(settings, primals)
    moves = iter(arrays[N_PRIMALS:])
    tangents = [next(moves) if is_moving else None for is_moving in sides]
    directions = _directions(tangents, primals, solved)
    found = [hessian_product(*each) for each in zip(solved.results, directions, strict=True)]
    return _stacked(found, primals, solved, sides)


def outputs(settings: Settings, read: Callable[[Any], tuple[Any, ...]], *arrays: Any) -> Any:
    """Arrays of each result, such as its potentials."""
    primals = _on_host(arrays)
    solved = _memory.solve(settings, primals)
    parts = zip(*(read(result) for result in solved.results), strict=True)
    return tuple(_joined(part, solved, primals[0].dtype) for part in parts)


def pulled(settings: Settings, name: str, *arrays: Any) -> tuple[Numbers, ...]:
    """The gradients of scalars that depend on potentials or on the map."""
    primals = _on_host(arrays[:N_PRIMALS])
    solved = _memory.solve(settings, primals)
    cotangents = [
        _flat(np.asarray(array, dtype=np.float64), len(solved.axes)) for array in arrays[N_PRIMALS:]
    ]
    found = []
    for result, *each in zip(solved.results, *cotangents, strict=True):
        known = {"map": each[0]} if name == "map" else {"f": each[0], "g": each[1]}
        found.append(Gradient(*result.pullback(**known)))
    return _stacked(found, primals, solved, (True,) * N_PRIMALS)


def soft_values(settings: Settings, x: Any) -> Numbers:
    """The values of a soft operation for each row of numbers."""
    rows = np.asarray(x).reshape(-1, np.shape(x)[-1])
    found = np.stack([_soft(settings, row).values.reshape(-1) for row in rows])
    return found.reshape(*np.shape(x)[:-1], -1).astype(rows.dtype)


def soft_pulled(settings: Settings, x: Any, cotangents: Any) -> Numbers:
    """The gradients of scalars that depend on the values of a soft operation."""
    x = np.asarray(x)
    rows = x.reshape(-1, x.shape[-1])
    pulls = np.asarray(cotangents, dtype=np.float64).reshape(len(rows), -1)
    found = []
    for row, pull in zip(rows, pulls, strict=True):
        soft_of_row = _soft(settings, row)
        found.append(soft_of_row.pullback(pull.reshape(soft_of_row.values.shape)))
    return np.stack(found).reshape(x.shape).astype(x.dtype)


def _soft(settings: Settings, row: Numbers) -> soft.SoftValues:
    return SOFT[settings.kind](row, **dict(settings.options))


def _on_host(arrays: Sequence[Any]) -> Primals:
    return [None if array is None else np.asarray(array) for array in arrays]


def _solve(settings: Settings, primals: Primals) -> Solved:
    axes = primals[0].shape[:-2]
    x, y, a, b = (None if each is None else list(_flat(each, len(axes))) for each in primals)
    return Solved(solve_all(settings.kind, (x, y), (a, b), dict(settings.options)), axes)


def _flat(array: Numbers, n_axes: int) -> Numbers:
    count = math.prod(array.shape[:n_axes])
    return np.ascontiguousarray(array).reshape(count, *array.shape[n_axes:])


def _directions(tangents: Sequence[Any], primals: Primals, solved: Solved) -> list[Gradient]:
    """The directions of each problem; missing ones are zero."""
    x, y = (points.shape for points in primals[:2])
    shapes = x[-2:], y[-2:], x[-2:-1], y[-2:-1]
    count = len(solved.results)
    parts = [
        np.zeros((count, *shape))
        if tangent is None
        else np.asarray(tangent, dtype=np.float64).reshape(count, *shape)
        for tangent, shape in zip(tangents, shapes, strict=True)
    ]
    return [Gradient(*each) for each in zip(*parts, strict=True)]


def _stacked(
    gradients: Sequence[Gradient], primals: Primals, solved: Solved, needs: Needs
) -> tuple[Any, ...]:
    """The needed parts of gradients as arrays like the points and weights; None for missing
    weights.
    """
    parts = zip(*gradients, strict=True)
    return tuple(
        None if primal is None else _joined(part, solved, primal.dtype)
        for part, primal, is_needed in zip(parts, primals, needs, strict=True)
        if is_needed
    )


def _joined(part: Sequence[Any], solved: Solved, dtype: Any) -> Numbers:
    if not solved.axes:
        return part[0].astype(dtype)
    stacked = np.stack(part, dtype=dtype, casting="unsafe")
    return stacked.reshape(*solved.axes, *stacked.shape[1:])


def _are_equal(known: Primals, primals: Primals) -> bool:
    return all(
        new is None if old is None else np.array_equal(old, new)
        for old, new in zip(known, primals, strict=True)
    )
