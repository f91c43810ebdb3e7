"""Factors of the pairs of one tile on the CPU: inner products, signs, costs and their slopes."""

import numpy as np
from numba import types

from ..jit import SUM, leaf, overload, wide_vectors
from ..pointwise import add_terms, scaled_cost, slope
from .tiles import point


def times_inner(pairs, A, i0, i1, B, j0, j1, scratch):
    """Multiply the pairs of a tile by <A_i, B_j>, or for vectors A and B by the sign of A_i - B_j;
    leave them for None.
    """
    raise TypeError("for compiled code")


@overload(times_inner, SUM)
def _overload_times_inner(pairs, A, i0, i1, B, j0, j1, scratch):
    if isinstance(A, types.NoneType):
        return lambda pairs, A, i0, i1, B, j0, j1, scratch: None

    def by_sign(pairs, A, i0, i1, B, j0, j1, scratch):
        wide_vectors()
        for i in range(pairs.shape[0]):
            row = pairs[i]
            left = A[i0 + i]
            for j in range(pairs.shape[1]):
                right = B[j0 + j]
                is_above = row.dtype.type(left > right)
                is_below = row.dtype.type(left < right)
                row[j] *= is_above - is_below

    def multiplied(pairs, A, i0, i1, B, j0, j1, scratch):
        wide_vectors()
        n_rows = i1 - i0
        n_columns = j1 - j0
        inner = scratch[: n_rows * n_columns].reshape(n_rows, n_columns)
        left = A[i0:i1]
        right = B[j0:j1]
        np.dot(left, right.T, inner)
        for i in range(pairs.shape[0]):
            for j in range(pairs.shape[1]):
                pairs[i, j] *= inner[i, j]

    return by_sign if A.ndim == 1 else multiplied


def times_cost(cost, derivative, pairs, x, y):
    """Multiply the pairs of a tile by their costs or, for derivative = 1, by the slopes of these;
    leave them for None.
    """
    raise TypeError("for compiled code")


@overload(times_cost, SUM)
def _overload_times_cost(cost, derivative, pairs, x, y):
    if isinstance(derivative, types.NoneType) or isinstance(cost, types.NoneType):
        return lambda cost, derivative, pairs, x, y: None

    def multiplied(cost, derivative, pairs, x, y):
        wide_vectors()
        for i in range(pairs.shape[0]):
            row = pairs[i]
            xi = point(x, i)
            for j in range(pairs.shape[1]):
                zero = row[j] - row[j]
                s = add_terms(cost, zero, xi, point(y, j))
                row[j] *= slope(cost, s) if derivative == 1 else scaled_cost(cost, s)

    return multiplied


@leaf
def row_sum(row):
    """The sum of a row of a tile."""
    wide_vectors()
    total = row.dtype.type(0)
    for j in range(len(row)):
        total += row[j]
    return total
