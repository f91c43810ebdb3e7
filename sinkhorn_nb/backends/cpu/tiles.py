"""One tile of pairs on the CPU: rows i0..i1 of x against columns j0..j1 of y, each within a tile of
its cloud.

Offsets (and centers) are a tuple of d coordinate arrays if d <= REGISTER_DIM (the exponents are
then in registers), and otherwise an (n, d) array (the inner products of a tile come from BLAS).
Every tile is padded with inert points to a multiple of PAD, so that vectors are full.
"""

import numpy as np
from numba import types
from numba.extending import overload

from ..jit import FORMULA, SUM, wide_vectors
from ..pointwise import add_inner, exp2, exponent

# The product of a tile takes 1.7 times as long at d = 4, 1.1 times at 6, .85-1.03 times at 8.
REGISTER_DIM = 6
PAD = 16


def point(cloud, i):
    """Point i of a tile: a tuple of scalars, or a row of the inner products or the index into
    it.
    """
    return tuple(column[i] for column in cloud)


@overload(point, jit_options={"fastmath": FORMULA})
def _overload_point(cloud, i):
    if isinstance(cloud, types.NoneType):
        return lambda cloud, i: i
    if isinstance(cloud, types.Array):
        return lambda cloud, i: cloud[i]
    if len(cloud) == 1:
        return lambda cloud, i: (cloud[0][i],)
    return lambda cloud, i: (cloud[0][i],) + point(cloud[1:], i)


def segment(columns, start, stop):
    """Entries start..stop of each array (indices from 0 vectorize, offset ones gather)."""
    return tuple(column[start:stop] for column in columns)


@overload(segment)
def _overload_segment(columns, start, stop):
    if isinstance(columns, types.Array):
        return lambda columns, start, stop: columns[start:stop]
    if len(columns) == 1:
        return lambda columns, start, stop: (columns[0][start:stop],)
    return lambda columns, start, stop: (
        (columns[0][start:stop],) + segment(columns[1:], start, stop)
    )


def group_segment(sums, group, start, stop):
    """Entries start..stop of a row of an array; None stays None."""
    return None if sums is None else sums[group, start:stop]


@overload(group_segment)
def _overload_group_segment(sums, group, start, stop):
    if isinstance(sums, types.NoneType):
        return lambda sums, group, start, stop: None
    return lambda sums, group, start, stop: sums[group, start:stop]


def tile(x, y, i0, i1, j0, j1, scratch):
    """The two operands whose points are passed to `exponent`; scratch holds (i1 - i0) * (j1 - j0)
    numbers.
    """
    return segment(x, i0, i1), segment(y, j0, j1)


@overload(tile)
def _overload_tile(x, y, i0, i1, j0, j1, scratch):
    if isinstance(x, types.BaseTuple):
        return lambda x, y, i0, i1, j0, j1, scratch: (segment(x, i0, i1), segment(y, j0, j1))

    def products(x, y, i0, i1, j0, j1, scratch):
        out = scratch[: (i1 - i0) * (j1 - j0)].reshape(i1 - i0, j1 - j0)
        np.dot(x[i0:i1], y[j0:j1].T, out)
        return out, None

    return products


def shift_rows(x, F, d, reference, A):
    """A_i = F_i + reference - |d|^2 / 2 - <d, x_i>: the part of the exponents that belongs to the
    rows.
    """
    raise TypeError("for compiled code")


@overload(shift_rows, jit_options={"fastmath": SUM})
def _overload_shift_rows(x, F, d, reference, A):
    def by_coordinate(x, F, d, reference, A):
        wide_vectors()
        shift = reference - add_inner(0.0, d, d) / 2
        for i in range(len(F)):
            A[i] = F[i] + (shift - add_inner(0.0, d, point(x, i)))

    def by_product(x, F, d, reference, A):
        wide_vectors()
        shift = reference - np.dot(d, d) / 2
        along = np.dot(x, d.astype(x.dtype))  # rounded like the products themselves
        for i in range(len(F)):
            A[i] = F[i] + (shift - along[i])

    return by_coordinate if isinstance(x, types.BaseTuple) else by_product


def shift_columns(y, G, d, reference, B):
    """B_j = G_j - reference + <d, y_j>: the part that belongs to the columns, small if reference is
    near G.
    """
    raise TypeError("for compiled code")


@overload(shift_columns, jit_options={"fastmath": SUM})
def _overload_shift_columns(y, G, d, reference, B):
    def by_coordinate(y, G, d, reference, B):
        wide_vectors()
        for j in range(len(G)):
            B[j] = (G[j] - reference) + add_inner(0.0, d, point(y, j))

    def by_product(y, G, d, reference, B):
        wide_vectors()
        along = np.dot(y, d.astype(y.dtype))
        for j in range(len(G)):
            B[j] = (G[j] - reference) + along[j]

    return by_coordinate if isinstance(y, types.BaseTuple) else by_product


def minus(x, y):
    """x - y of two points."""
    return tuple(a - b for a, b in zip(x, y, strict=True))


@overload(minus)
def _overload_minus(x, y):
    if isinstance(x, types.Array):
        return lambda x, y: x - y
    if len(x) == 1:
        return lambda x, y: (x[0] - y[0],)
    return lambda x, y: (x[0] - y[0],) + minus(x[1:], y[1:])


def fill(x, F, y, G, out):
    """out_ij = log2 of the Gibbs kernel, where (x, y) are a tile's operands."""
    raise TypeError("for compiled code")


@overload(fill, jit_options={"fastmath": SUM})
def _overload_fill(x, F, y, G, out):
    def exponents(x, F, y, G, out):
        wide_vectors()
        for i in range(out.shape[0]):
            row, xi, Fi = out[i], point(x, i), F[i]
            for j in range(out.shape[1]):
                row[j] = exponent(Fi, G[j], xi, point(y, j))

    return exponents


def add_sums(x, F, a, y, G, b, partial, row_sums, column_sums):
    """Add sum_j b_j p_ij to row_sums and, unless it is None, sum_i a_i p_ij to column_sums."""
    raise TypeError("for compiled code")


@overload(add_sums, jit_options={"fastmath": SUM})
def _overload_add_sums(x, F, a, y, G, b, partial, row_sums, column_sums):
    def sums(x, F, a, y, G, b, partial, row_sums, column_sums):
        wide_vectors()
        # A slice assignment would bring error texts into the compiled code
        for j in range(len(partial)):
            partial[j] = 0
        # Rows one by one: four that share each load of a column are as fast in float32, slower in
        # float64 (d = 3).
        for i in range(len(F)):
            xi, Fi, ai = point(x, i), F[i], a[i]
            row_sum = b.dtype.type(0)
            for j in range(len(G)):
                p = exp2(exponent(Fi, G[j], xi, point(y, j)))
                row_sum += b[j] * p
                if column_sums is not None:
                    partial[j] += ai * p
            row_sums[i] += row_sum
        if column_sums is not None:
            for j in range(len(G)):
                column_sums[j] += partial[j]

    return sums


def times_inner(pairs, A, i0, i1, B, j0, j1, scratch):
    """Multiply the pairs of a tile by <A_i, B_j>; leave them for None."""
    raise TypeError("for compiled code")


@overload(times_inner, jit_options={"fastmath": SUM})
def _overload_times_inner(pairs, A, i0, i1, B, j0, j1, scratch):
    if isinstance(A, types.NoneType):
        return lambda pairs, A, i0, i1, B, j0, j1, scratch: None

    def multiplied(pairs, A, i0, i1, B, j0, j1, scratch):
        wide_vectors()
        inner = scratch[: (i1 - i0) * (j1 - j0)].reshape(i1 - i0, j1 - j0)
        np.dot(A[i0:i1], B[j0:j1].T, inner)
        for i in range(pairs.shape[0]):
            for j in range(pairs.shape[1]):
                pairs[i, j] *= inner[i, j]

    return multiplied
