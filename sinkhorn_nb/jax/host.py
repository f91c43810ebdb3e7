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
    """The results of a batch of problems, the axes of the batch, and the type of its arrays."""

    results: Sequence[Any]
    axes: tuple[int, ...]
    dtype: Any

    def joined(self, parts: Sequence[Any]) -> Numbers:
        """One array with a part for each problem."""
        if not self.axes:
            return parts[0].astype(self.dtype)
        stacked = np.stack(parts, dtype=self.dtype, casting="unsafe")
        return stacked.reshape(*self.axes, *stacked.shape[1:])


class _Memory:
    """The results of the last call. The rows of a Hessian belong to the same problem."""

    def __init__(self) -> None:
        self._last: tuple[Settings, Primals, Solved] | None = None

    def solve(self, settings: Settings, primals: Primals) -> Solved:
        """Solve a batch of problems, unless it is the last one."""
        if self._last is not None:
            of_settings, of_primals, solved = self._last
            if of_settings == settings and all(map(_are_equal, of_primals, primals)):
                return solved
        solved = _solve(settings, primals)
        known = [None if array is None else array.copy() for array in primals]
        self._last = settings, known, solved
        return solved


_memory = _Memory()


def value_and_gradient(settings: Settings, needs: Needs, *arrays: Any) -> tuple[Numbers, ...]:
    """The value of each problem, and its derivatives in those of x, y, a and b that are needed."""
    primals = _on_host(arrays)
    solved = _memory.solve(settings, primals)
    values = values_of(solved.results).astype(solved.dtype).reshape(solved.axes)
    if not any(needs):
        return (values,)
    sides = Sides(*needs[:2])
    gradients = [gradient_in(result, sides) for result in solved.results]
    return values, *_stacked(gradients, primals, solved, needs)


def products(settings: Settings, sides: Needs, *arrays: Any) -> tuple[Numbers, ...]:
    """The products of the Hessians, in some of x, y, a and b, with directions of the same."""
    primals = _on_host(arrays[:N_PRIMALS])
    solved = _memory.solve(settings, primals)
    moves = iter(arrays[N_PRIMALS:])
    tangents = [next(moves) if is_moving else None for is_moving in sides]
    directions = _directions(tangents, primals, solved)
    found = list(map(hessian_product, solved.results, directions))
    return _stacked(found, primals, solved, sides)


def outputs(settings: Settings, read: Callable[[Any], tuple[Any, ...]], *arrays: Any) -> Any:
    """Arrays of each result, such as its potentials."""
    solved = _memory.solve(settings, _on_host(arrays))
    parts = zip(*map(read, solved.results), strict=True)
    return tuple(map(solved.joined, parts))


def pulled(settings: Settings, names: tuple[str, ...], *arrays: Any) -> tuple[Numbers, ...]:
    """The gradients of scalars that depend on quantities of the results, by the scalars'
    derivatives in these.
    """
    primals = _on_host(arrays[:N_PRIMALS])
    solved = _memory.solve(settings, primals)
    wide = [np.asarray(array, dtype=np.float64) for array in arrays[N_PRIMALS:]]
    cotangents = [_flat(array, solved.axes) for array in wide]
    found = []
    for result, *each in zip(solved.results, *cotangents, strict=True):
        known = dict(zip(names, each, strict=True))
        found.append(Gradient(*result.pullback(**known)))
    return _stacked(found, primals, solved, (True,) * N_PRIMALS)


def soft_values(settings: Settings, x: Any) -> Numbers:
    """The values of a soft operation for each row of numbers."""
    x = np.asarray(x)
    *axes, n = x.shape
    rows = x.reshape(-1, n)
    found = np.stack([_soft(settings, row).values.ravel() for row in rows])
    return found.reshape(*axes, -1).astype(x.dtype)


def soft_pulled(settings: Settings, x: Any, cotangents: Any) -> Numbers:
    """The gradients of scalars that depend on the values of a soft operation."""
    x = np.asarray(x)
    *axes, n = x.shape
    rows = x.reshape(-1, n)
    on_rows = _flat(np.asarray(cotangents, dtype=np.float64), axes)
    found = []
    for row, cotangent in zip(rows, on_rows, strict=True):
        soft_of_row = _soft(settings, row)
        on_values = cotangent.reshape(soft_of_row.values.shape)
        found.append(soft_of_row.pullback(on_values))
    return np.stack(found).reshape(x.shape).astype(x.dtype)


def _soft(settings: Settings, row: Numbers) -> soft.SoftValues:
    operation = SOFT[settings.kind]
    return operation(row, **dict(settings.options))


def _on_host(arrays: Sequence[Any]) -> Primals:
    return [None if array is None else np.asarray(array) for array in arrays]


def _solve(settings: Settings, primals: Primals) -> Solved:
    axes = primals[0].shape[:-2]
    x, y, a, b = (None if each is None else _each(each, axes) for each in primals)
    options = dict(settings.options)
    results = solve_all(settings.kind, (x, y), (a, b), options)
    return Solved(results, axes, primals[0].dtype)


def _each(array: Numbers, axes: Sequence[int]) -> list[Numbers]:
    """The array of each problem."""
    return list(_flat(array, axes)) if axes else [array]


def _flat(array: Numbers, axes: Sequence[int]) -> Numbers:
    """The arrays of all problems, one after another."""
    count = math.prod(axes)
    own = array.shape[len(axes) :]
    return np.ascontiguousarray(array).reshape(count, *own)


def _directions(tangents: Sequence[Any], primals: Primals, solved: Solved) -> list[Gradient]:
    """The directions of each problem; missing ones are zero."""
    on_x, on_y = (points.shape[-2:] for points in primals[:2])
    count = len(solved.results)
    parts = []
    for tangent, shape in zip(tangents, (on_x, on_y, on_x[:1], on_y[:1]), strict=True):
        if tangent is None:
            part = np.zeros((count, *shape))
        else:
            part = _flat(np.asarray(tangent, dtype=np.float64), solved.axes)
        parts.append(part)
    return [Gradient(*each) for each in zip(*parts, strict=True)]


def _stacked(
    gradients: Sequence[Gradient], primals: Primals, solved: Solved, needs: Needs
) -> tuple[Any, ...]:
    """The needed parts of gradients as arrays like the points and weights; None for missing
    weights.
    """
    parts = zip(*gradients, strict=True)
    return tuple(
        None if primal is None else solved.joined(part)
        for part, primal, is_needed in zip(parts, primals, needs, strict=True)
        if is_needed
    )


def _are_equal(old: Any, new: Any) -> bool:
    """Whether arrays have the same numbers of the same type: float32 is solved less accurately."""
    if old is None or new is None:
        return old is new
    are_alike = old.dtype == new.dtype and old.shape == new.shape
    return are_alike and bool((old == new).all())
