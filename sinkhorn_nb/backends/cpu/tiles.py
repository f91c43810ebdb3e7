"""One tile of pairs on the CPU: rows i0..i1 of x against columns j0..j1 of y, each within a tile of
its cloud.

Offsets (and centers) are a tuple of d coordinate arrays if d <= REGISTER_DIM (the exponents are
then in registers), and otherwise an (n, d) array. Then a tile of inner products comes from BLAS or,
for a kind of cost other than None, a tile of the sums that the cost depends on is made first. Every
tile is padded with inert points to a multiple of PAD, so that vectors are full.
"""

import numpy as np
from numba import types

from ..elementary import exp2
from ..jit import FORMULA, SUM, overload, wide_vectors
from ..pointwise import Given, add_inner, add_terms, exponent

# The product of a tile takes 1.7 times as long at d = 4, 1.1 times at 6, .85-1.03 times at 8.
REGISTER_DIM = 6
STRETCH = 4  # coordinates that are read together in higher dimensions, if there are no products
PAD = 16


def point(cloud, i):
    """Point i of a tile: a tuple of scalars, or a row of the inner products or the index into
    it.
    """
    return tuple(column[i] for column in cloud)


@overload(point, FORMULA)
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


def along(columns, k):
    """Coordinate k of all points."""
    return columns[k]


@overload(along)
def _overload_along(columns, k):
    if isinstance(columns, types.Array):
        return lambda columns, k: columns[:, k]
    return lambda columns, k: columns[k]


def tile(cost, x, y, i0, i1, j0, j1, scratch):
    """The two operands whose points are passed to `exponent`; scratch holds (i1 - i0) * (j1 - j0)
    numbers.
    """
    return segment(x, i0, i1), segment(y, j0, j1)


@overload(tile)
def _overload_tile(cost, x, y, i0, i1, j0, j1, scratch):
    def given(cost, x, y, i0, i1, j0, j1, scratch):
        first = i0 - cost.first
        last = i1 - cost.first
        return cost.costs[first:last, j0:j1], None

    def segments(cost, x, y, i0, i1, j0, j1, scratch):
        return segment(x, i0, i1), segment(y, j0, j1)

    def products(cost, x, y, i0, i1, j0, j1, scratch):
        n_rows = i1 - i0
        n_columns = j1 - j0
        out = scratch[: n_rows * n_columns].reshape(n_rows, n_columns)
        x_rows = x[i0:i1]
        y_rows = y[j0:j1]
        np.dot(x_rows, y_rows.T, out)
        return out, None

    def differences(cost, x, y, i0, i1, j0, j1, scratch):
        n_rows = i1 - i0
        n_columns = j1 - j0
        out = scratch[: n_rows * n_columns].reshape(n_rows, n_columns)
        x_rows = x[i0:i1]
        y_rows = y[j0:j1]
        sum_terms(cost, x_rows, y_rows, out)
        return out, None

    if getattr(cost, "instance_class", None) is Given:
        return given
    if isinstance(x, types.BaseTuple):
        return segments
    return products if isinstance(cost, types.NoneType) else differences


def sum_terms(cost, x, y, out):
    """out_ij = the sum of `add_terms`, for points whose dimension is a multiple of STRETCH."""
    raise TypeError("for compiled code")


@overload(sum_terms, SUM)
def _overload_sum_terms(cost, x, y, out):
    def sums(cost, x, y, out):
        wide_vectors()
        near = np.empty((STRETCH, len(y)), dtype=y.dtype)
        for k in range(0, x.shape[1], STRETCH):
            for j in range(len(y)):
                for c in range(STRETCH):
                    near[c, j] = y[j, k + c]
            columns = near[0], near[1], near[2], near[3]
            for i in range(len(x)):
                row = out[i]
                xi = (x[i, k], x[i, k + 1], x[i, k + 2], x[i, k + 3])
                for j in range(len(row)):
                    before = row[j] if k > 0 else row.dtype.type(0)
                    yj = point(columns, j)
                    row[j] = add_terms(cost, before, xi, yj)

    return sums


def shift_rows(cost, x, F, d, reference, A):
    """A_i = F_i + reference - |d|^2 / 2 - <d, x_i>: the part of the exponents that belongs to the
    rows. The center is the same for all tiles if the kind of cost is given.
    """
    raise TypeError("for compiled code")


@overload(shift_rows, SUM)
def _overload_shift_rows(cost, x, F, d, reference, A):
    def by_coordinate(cost, x, F, d, reference, A):
        wide_vectors()
        shift = reference - add_inner(0.0, d, d) / 2
        for i in range(len(F)):
            along_d = add_inner(0.0, d, point(x, i))
            A[i] = F[i] + (shift - along_d)

    def by_product(cost, x, F, d, reference, A):
        wide_vectors()
        shift = reference - np.dot(d, d) / 2
        along = np.dot(x, d.astype(x.dtype))  # rounded like the products themselves
        for i in range(len(F)):
            A[i] = F[i] + (shift - along[i])

    def at_one_center(cost, x, F, d, reference, A):
        wide_vectors()
        for i in range(len(F)):
            A[i] = F[i] + reference

    if not isinstance(cost, types.NoneType):
        return at_one_center
    return by_coordinate if isinstance(x, types.BaseTuple) else by_product


def shift_columns(cost, y, G, d, reference, B):
    """B_j = G_j - reference + <d, y_j>: the part that belongs to the columns, small if reference is
    near G.
    """
    raise TypeError("for compiled code")


@overload(shift_columns, SUM)
def _overload_shift_columns(cost, y, G, d, reference, B):
    def by_coordinate(cost, y, G, d, reference, B):
        wide_vectors()
        for j in range(len(G)):
            along_d = add_inner(0.0, d, point(y, j))
            B[j] = (G[j] - reference) + along_d

    def by_product(cost, y, G, d, reference, B):
        wide_vectors()
        along = np.dot(y, d.astype(y.dtype))
        for j in range(len(G)):
            B[j] = (G[j] - reference) + along[j]

    def at_one_center(cost, y, G, d, reference, B):
        wide_vectors()
        for j in range(len(G)):
            B[j] = G[j] - reference

    if not isinstance(cost, types.NoneType):
        return at_one_center
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


def fill(cost, x, F, y, G, out):
    """out_ij = log2 of the Gibbs kernel, where (x, y) are a tile's operands."""
    raise TypeError("for compiled code")


@overload(fill, SUM)
def _overload_fill(cost, x, F, y, G, out):
    def exponents(cost, x, F, y, G, out):
        wide_vectors()
        for i in range(out.shape[0]):
            row = out[i]
            xi = point(x, i)
            Fi = F[i]
            for j in range(out.shape[1]):
                yj = point(y, j)
                row[j] = exponent(cost, Fi, G[j], xi, yj)

    return exponents


def add_sums(cost, x, F, a, y, G, b, partial, row_sums, column_sums):
    """Add sum_j b_j p_ij to row_sums, and sum_i a_i p_ij to column_sums, which may be empty."""
    raise TypeError("for compiled code")


@overload(add_sums, SUM)
def _overload_add_sums(cost, x, F, a, y, G, b, partial, row_sums, column_sums):
    def sums(cost, x, F, a, y, G, b, partial, row_sums, column_sums):
        wide_vectors()
        # A slice assignment would bring error texts into the compiled code
        for j in range(len(partial)):
            partial[j] = 0
        # Rows one by one: four that share each load of a column are as fast in float32, slower in
        # float64 (d = 3).
        for i in range(len(F)):
            xi = point(x, i)
            Fi = F[i]
            ai = a[i]
            row_sum = b.dtype.type(0)
            for j in range(len(G)):
                yj = point(y, j)
                p = exp2(exponent(cost, Fi, G[j], xi, yj))
                row_sum += b[j] * p
                # Also if nobody wants them: without, there would be another variant to compile
                partial[j] += ai * p
            row_sums[i] += row_sum
        for j in range(len(column_sums)):
            column_sums[j] += partial[j]

    return sums
