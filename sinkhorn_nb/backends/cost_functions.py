"""Costs that a caller gives as a compiled function of two points.

Only loops that fill blocks of costs are compiled for the function, and not cached on disk. All
other kernels read these blocks.
"""

import re
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError

from .pointwise import Given

LONGEST_TEXT = 300  # of numba's error
# In numba's errors: colors, and the stage of the compiler that each callee repeats
NOISE = r"\x1b\[[0-9;]*m|Failed in nopython mode pipeline \(step: [^)]*\)"


class Function(NamedTuple):
    """c(x_i, y_j) times a factor, as a kind of cost."""

    function: Any
    per_cost: float
    derivative: Any = None  # in x_i

    def given(self, x, first, last, y):
        """The kind of cost of the rows from first to last, with the block of their costs."""
        x = x[first:last]
        out = np.empty((len(x), len(y)))
        fill = _filler(self.function)
        if not fill(x, y, self.per_cost, out):
            i, j = np.argwhere(~np.isfinite(out))[0].tolist()
            xi = x[i].tolist()
            yj = y[j].tolist()
            raise ValueError(
                f"cost: expected finite numbers, got {out[i, j]} for the points {xi} and {yj}; "
                "correct the function, or leave out such points"
            )
        return Given(out, first)


def is_compiled(function):
    """Tell whether an object is a function compiled by numba.njit."""
    return isinstance(function, Dispatcher)


def block(function, x, y):
    """(n, m) values of the function at all pairs of points.

    Raises a TypeError with a part of numba's text if the function cannot be compiled for points.
    """
    kind = Function(function, 1.0)
    with _compiled("c(xi, yj) -> float", x):
        given = kind.given(_rows(x), 0, len(x), _rows(y))
    return given.costs


def check_derivative(derivative, x, y):
    """Raise an error if the derivative of a cost cannot be compiled, or gives no array like a point
    or no finite numbers for one pair of points.
    """
    xi = _rows(x)[0]
    yj = _rows(y)[-1]
    with _compiled("(xi, yj) -> derivatives of the cost in xi", x):
        found = np.asarray(derivative(xi, yj))
    if found.shape != x.shape[1:]:
        raise ValueError(
            f"cost: expected a derivative in xi of shape {x.shape[1:]}, like a point, got shape "
            f"{found.shape}; return one number per coordinate"
        )
    if not np.isfinite(found).all():
        raise ValueError(
            f"cost: expected finite derivatives, got {found.tolist()} for the points "
            f"{x[0].tolist()} and {y[-1].tolist()}; correct the second function"
        )


@contextmanager
def _compiled(kind, points):
    """Turn an error of numba into a TypeError with a part of its text."""
    try:
        yield
    except NumbaError as error:
        raise TypeError(
            f"cost: expected a function {kind} of two float64 arrays of shape "
            f"({points.shape[1]},), got one that numba cannot compile for them: "
            f"{numba_text(error)}; correct the function"
        ) from error


def numba_text(error):
    """A part of the text of numba's error, on one line without colors."""
    words = re.sub(NOISE, "", str(error)).split()
    return " ".join(words)[:LONGEST_TEXT]


def derivatives(derivative, x, y):
    """(d, n, m) derivatives of the cost in x_i at all pairs of points."""
    d = x.shape[1]
    out = np.empty((d, len(x), len(y)))
    collect = _collector(derivative)
    collect(_rows(x), _rows(y), out)
    return out


def _rows(points):
    return np.ascontiguousarray(points, dtype=np.float64)


@lru_cache(64)
def _filler(function):
    @njit(nogil=True)
    def fill(x, y, per_cost, out):
        is_finite = True
        for i in range(len(x)):
            for j in range(len(y)):
                cost = function(x[i], y[j])
                out[i, j] = per_cost * cost
                is_finite &= np.isfinite(out[i, j])
        return is_finite

    return fill


@lru_cache(64)
def _collector(derivative):
    @njit(nogil=True)
    def collect(x, y, out):
        for i in range(len(x)):
            for j in range(len(y)):
                gradient = derivative(x[i], y[j])
                for k in range(x.shape[1]):
                    out[k, i, j] = gradient[k]

    return collect
