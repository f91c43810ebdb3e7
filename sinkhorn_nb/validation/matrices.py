"""Check matrices of costs."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np

from ..common.array_types import Booleans, Floats, Numbers
from .arrays import real_array

ENTRIES = 2**20  # looked at together
BLOCK = 1024  # rows and columns, compared together


class Costs(NamedTuple):
    """A matrix whose rows or columns are contiguous in memory, the range of its finite entries, and
    whether there are others.
    """

    matrix: Numbers
    span: tuple[float, float]
    has_forbidden: bool


def costs(name: str, value: Any, symmetric_size: int | None = None) -> Costs:
    """Check an (n, m) matrix of costs, which may be infinite, and copy it only if its dtype is not
    float32 or float64, or if its entries are scattered in memory.
    """
    C = real_array(name, value, "an (n, m) matrix of costs")
    if C.ndim != 2 or 0 in C.shape:
        raise ValueError(
            f"{name}: expected an (n, m) matrix of costs, n and m at least 1, got shape "
            f"{C.shape}; pass one row for each source and one column for each target"
        )
    if symmetric_size is not None and C.shape != (symmetric_size, symmetric_size):
        raise ValueError(
            f"{name}: expected shape {(symmetric_size, symmetric_size)} like the other matrices, "
            f"got {C.shape}; pass the costs between the points of one measure"
        )
    if not (C.flags.c_contiguous or C.flags.f_contiguous):
        C = np.ascontiguousarray(C)
    # Kernels are compiled once, for files that are mapped read-only, too
    C = np.asarray(C).view()
    C.flags.writeable = False
    low = float(C.min())
    high = float(C.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        return _with_forbidden(name, C)
    return Costs(C, (low, high), False)


def _with_forbidden(name: str, C: Numbers) -> Costs:
    """The range of the finite entries of a matrix with others."""
    low, high = np.inf, -np.inf
    for _, block in _blocks(C):
        wrong = np.isnan(block) | (block == -np.inf)
        if wrong.any():
            _refuse(name, C)
        finite = block < np.inf
        largest = block.max(initial=-np.inf, where=finite)
        low = min(low, float(block.min()))
        high = max(high, float(largest))
    return Costs(C, (low, high), True)


def _refuse(name: str, C: Numbers) -> None:
    wrong = np.isnan(C) | (C == -np.inf)
    i, j = (int(k[0]) for k in np.nonzero(wrong))
    raise ValueError(
        f"{name}: expected costs that are finite, or inf to forbid a pair, got {C[i, j]} at index "
        f"[{i}, {j}] ({np.count_nonzero(wrong)} such entries); replace them, by inf if such pairs "
        "are not allowed"
    )


def allowed(name: str, C: Numbers, a: Floats, b: Floats) -> None:
    """Check that no row or column with mass has only infinite costs to the other side's mass."""
    rows = np.zeros(C.shape[0], dtype=bool)
    columns = np.zeros(C.shape[1], dtype=bool)
    for part, block in _blocks(C):
        finite = block < np.inf
        rows[part] = finite[:, b > 0].any(axis=1)
        columns |= finite[a[part] > 0].any(axis=0)
    _all_allowed(name, "row", "a", rows | (a == 0))
    _all_allowed(name, "column", "b", columns | (b == 0))


def _all_allowed(name: str, what: str, weights: str, fine: Booleans) -> None:
    if not fine.all():
        k = int(np.argmin(fine))
        raise ValueError(
            f"{name}: expected a finite cost in each {what} with mass, got only inf in {what} {k} "
            f"({np.count_nonzero(~fine)} such {what}s); leave such {what}s out, or set their "
            f"weights in {weights} to 0"
        )


def is_symmetric(C: Numbers) -> bool:
    """Tell whether a matrix is its transpose."""
    n, m = C.shape
    if n != m:
        return False
    blocks = [slice(first, first + BLOCK) for first in range(0, n, BLOCK)]
    pairs = combinations_with_replacement(blocks, 2)
    return all(np.array_equal(C[i, j], C[j, i].T) for i, j in pairs)


def symmetric(name: str, C: Numbers) -> Numbers:
    """Check that the costs within one measure are the same in both directions, and return them in C
    order.
    """
    if not is_symmetric(C):
        raise ValueError(
            f"{name}: expected a symmetric matrix, because it holds the costs within one measure, "
            f"got one that differs from its transpose; pass ({name} + {name}.T) / 2 if that is "
            "rounding"
        )
    return C if C.flags.c_contiguous else C.T


def _blocks(C: Numbers) -> Any:
    """Rows of the matrix, some at a time, with their slice."""
    step = max(1, ENTRIES // C.shape[1])
    for start in range(0, len(C), step):
        part = slice(start, start + step)
        yield part, C[part]
