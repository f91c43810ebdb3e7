"""Kinds of cost in the kernels of a GPU: what a kernel is compiled for, and the number it is given.

A kernel serves a kind at all temperatures, because the number of a cost, such as the diameter of a
sphere, is an argument.
"""

import math
from contextlib import contextmanager
from functools import cache

import numpy as np
from numba.core.errors import NumbaError

from ..cost_functions import Function, is_compiled, numba_text
from ..pointwise import Arc, Distance, Power, scaled_cost, slope
from .device import SIMULATOR, cuda, device, machine_inverse_root, machine_root

NUMBERS = {Power: "half", Arc: "diameter", Function: "per_cost"}


def kind_of(cost):
    """The kind that kernels are compiled for: None, a class of `pointwise`, or a caller's
    function.
    """
    if cost is None or isinstance(cost, Function):
        return cost and cost.function
    return type(cost)


def number_of(cost, dtype):
    """The number that a cost of this kind depends on, in the precision of the pairs."""
    name = NUMBERS.get(type(cost))
    number = 0 if name is None else getattr(cost, name)
    return dtype.type(number)


@cache
def made(kind):
    """The function from its number to a cost of `pointwise`."""
    if kind in NUMBERS:
        return device(lambda number: kind(number))
    return device(lambda number: kind())


@cache
def scaled_cost_of(kind, dtype):
    """The function (s, number) from the sum that a cost depends on to the cost: `scaled_cost`, or
    one instruction.
    """
    if is_compiled(kind):
        return device(lambda s, number: s)
    if _has_instruction(kind, dtype):
        return device(lambda s, number: machine_root(s))
    make = made(kind)
    return device(lambda s, number: scaled_cost(make(number), s))


@cache
def slope_of(kind, dtype):
    """The function (s, number) with the values of `slope`."""
    if _has_instruction(kind, dtype):
        return device(lambda s, number: machine_inverse_root(s) if s > 0 else s - s)
    make = made(kind)
    return device(lambda s, number: slope(make(number), s))


def _has_instruction(kind, dtype):
    return kind is Distance and dtype == "float32" and not SIMULATOR


@cache
def given_cost(function):
    """The function (x, i, y, j) for a caller's cost of two points, scaled; it tells of a cost that
    is not finite.
    """
    of_points = device(function.py_func)

    @device
    def scaled(x, i, y, j):
        xi = x.points[i]
        yj = y.points[j]
        cost = x.number * of_points(xi, yj)
        if not math.isfinite(cost):
            x.failed[0] = 1
        return cost

    return scaled


def place_for_failure(cost):
    """An array in which kernels tell of a cost that is not finite; 0 for costs that always are."""
    if not isinstance(cost, Function):
        return 0
    return cuda.to_device(np.zeros(1, np.int32))


def raise_failure(x, y):
    """Raise an error that names two points without a finite cost."""
    for i in range(x.n):
        x.cost.given(x.on_host, i, i + 1, y.on_host)
    raise ValueError(
        "cost: expected finite numbers, got others on the GPU, where the CPU computes finite ones; "
        'correct the function, or take backend="cpu"'
    )


@contextmanager
def telling_refusal():
    """A context in which numba's error for a caller's function, which it compiles for the CPU only,
    becomes a TypeError with a cure.
    """
    try:
        yield
    except NumbaError as error:
        raise TypeError(
            "cost: expected a function that numba can compile for a GPU, where no arrays are made, "
            f'got another: {numba_text(error)}; take backend="cpu", or write loops'
        ) from error
