"""Compiled loops over tiles for panels of rows on the CPU; each panel is one task of a thread.

x and y are `Side`s. Rows come in runs: run r covers the rows starts[r] to stops[r] of x, which lie
in tile tiles[r] and belong to group groups[r].
"""

from typing import Any, NamedTuple

import numpy as np

from ..elementary import exp2
from ..jit import inner, kernel, leaf, wide_vectors
from .tile_weights import row_sum, times_cost, times_inner
from .tiles import (
    add_sums,
    fill,
    minus,
    point,
    segment,
    shift_columns,
    shift_rows,
    tile,
)

ROWS = 128  # per run, at most
COLUMNS = 512  # per tile, at most


class Side(NamedTuple):
    """A padded cloud with the data of its points for a pass."""

    points: Any  # offsets from the tiles' centres
    centres: Any
    bounds: Any  # of the tiles
    exponents: Any  # F or G
    references: Any  # one exponent per tile
    weights: Any  # a or b
    cost: Any  # None, or the kind of the cost


class Runs(NamedTuple):
    """Rows that are treated together."""

    starts: Any
    stops: Any
    tiles: Any
    groups: Any


@kernel
def panel_sums(x, y, is_half, runs, first, last, row_sums, column_sums):
    """row_sums_i = sum_j b_j p_ij, and column_sums_gj += sum_i a_i p_ij over the rows i of group g;
    nothing is added to column sums of length 0.

    If `is_half`, y is x, and only the pairs (i, j >= i) are computed, apart from squares on the
    diagonal: each other pair serves row i and column j.
    """
    wide_vectors()
    scratch, A, B, partial = _scratch(y.weights)

    while first < last:
        stop = _same_tile(runs, first, last)
        own = runs.tiles[first]
        for t in range(own if is_half else 0, len(y.bounds) - 1):
            start = y.bounds[t]
            end = y.bounds[t + 1]
            reference = y.references[t]
            is_diagonal = is_half and t == own
            d = _columns(x, own, y, t, B)
            for r in range(first, stop):
                i0, i1 = _rows(x, runs, r, d, reference, A)
                F = A[: i1 - i0]
                a = x.weights[i0:i1]
                of_rows = row_sums[i0:i1]
                of_group = column_sums[runs.groups[r]]
                j0 = i0 if is_diagonal else start
                while j0 < end:
                    is_square = is_diagonal and j0 == i0
                    j1 = i1 if is_square else end
                    sums_end = j0 if is_square else j1
                    G = B[j0 - start : j1 - start]
                    b = y.weights[j0:j1]
                    x_tile, y_tile = tile(x.cost, x.points, y.points, i0, i1, j0, j1, scratch)
                    add_sums(
                        x.cost, x_tile, F, a, y_tile, G, b,
                        partial[: j1 - j0], of_rows, of_group[j0:sums_end],
                    )  # fmt: skip
                    j0 = j1
        first = stop


@kernel
def panel_log_sum_exp(x, y, runs, first, last, maxima, sums):
    """maxima_i = max_j of the exponents, and sums_i = sum_j 2^(exponent - maxima_i), updated tile
    by tile.
    """
    wide_vectors()
    dtype = y.weights.dtype
    scratch, zeros, B, half = _scratch(y.weights)
    A = np.empty(ROWS)
    for k in range(len(zeros)):
        zeros[k] = 0
    exponents = np.empty(ROWS * COLUMNS, dtype=dtype)

    for r in range(first, last):
        own = runs.tiles[r]
        for t in range(len(y.bounds) - 1):
            j0 = y.bounds[t]
            j1 = y.bounds[t + 1]
            reference = y.references[t]
            d = _columns(x, own, y, t, B)
            i0, i1 = _rows(x, runs, r, d, reference, A)
            n_rows = i1 - i0
            n_columns = j1 - j0
            out = exponents[: n_rows * n_columns].reshape(n_rows, n_columns)
            x_tile, y_tile = tile(x.cost, x.points, y.points, i0, i1, j0, j1, scratch)
            fill(x.cost, x_tile, zeros, y_tile, B, out)
            for i in range(i0, i1):
                largest, total = log_sum(out[i - i0], half)
                new = max(maxima[i], A[i - i0] + largest)
                kept = sums[i] * exp2(maxima[i] - new)
                added = total * exp2(A[i - i0] + largest - new)
                sums[i] = kept + added
                maxima[i] = new


@inner
def log_sum(row, half):
    """max_j row_j and sum_j 2^(row_j - max). The maximum is taken by halves: LLVM does not
    vectorize a plain one.
    """
    wide_vectors()
    size = len(row) // 2
    larger(row[:size], row[size:], half)
    while size > 1:
        if size % 2:
            half[0] = max(half[0], half[size - 1])
        size //= 2
        larger(half[:size], half[size : 2 * size], half)
    largest = half[0]
    total = row[0] - row[0]
    for j in range(len(row)):
        total += exp2(row[j] - largest)
    return largest, total


@leaf
def larger(x, y, out):
    """out_k is the larger of x_k and y_k."""
    wide_vectors()
    for k in range(len(x)):
        out[k] = max(x[k], y[k])


@kernel
def panel_transport(x, y, runs, first, last, left, right, derivative, V, out):
    """out_i = sum_j p_ij <left_i, right_j> V_j; without the inner products if left and right are
    None. Unless `derivative` is None, p_ij is multiplied by the scaled cost or, for 1, its slope.
    If `out` has one more column than V, the first is the sum of p_ij alone.
    """
    wide_vectors()
    dtype = y.weights.dtype
    scratch, A, B, _ = _scratch(y.weights)
    exponents = np.empty(ROWS * COLUMNS, dtype=dtype)
    n_sums = out.shape[1] - V.shape[1]

    for r in range(first, last):
        own = runs.tiles[r]
        for t in range(len(y.bounds) - 1):
            j0 = y.bounds[t]
            j1 = y.bounds[t + 1]
            reference = y.references[t]
            d = _columns(x, own, y, t, B)
            i0, i1 = _rows(x, runs, r, d, reference, A)
            n_rows = i1 - i0
            n_columns = j1 - j0
            flat = exponents[: n_rows * n_columns]
            pairs = flat.reshape(n_rows, n_columns)
            x_tile, y_tile = tile(x.cost, x.points, y.points, i0, i1, j0, j1, scratch)
            fill(x.cost, x_tile, A, y_tile, B, pairs)

            for j in range(len(flat)):
                flat[j] = exp2(flat[j])
            if n_sums:
                for i in range(n_rows):
                    out[i0 + i, 0] += row_sum(pairs[i])

            times_cost(x.cost, derivative, pairs, x_tile, y_tile)
            times_inner(pairs, left, i0, i1, right, j0, j1, scratch)
            product = np.dot(pairs, V[j0:j1])
            # A slice assignment would bring error texts into the compiled code
            for i in range(n_rows):
                for k in range(product.shape[1]):
                    out[i0 + i, n_sums + k] += product[i, k]


@leaf
def _same_tile(runs, first, last):
    """The end of the runs, starting with first, that lie in one tile."""
    own = runs.tiles[first]
    stop = first
    while stop < last and runs.tiles[stop] == own:
        stop += 1
    return stop


@inner
def _columns(x, s, y, t, B):
    """The columns' part of the exponents between tiles s and t, and the vector from t's center to
    s's center.
    """
    x_centre = point(x.centres, s)
    y_centre = point(y.centres, t)
    d = minus(x_centre, y_centre)
    j0 = y.bounds[t]
    j1 = y.bounds[t + 1]
    points = segment(y.points, j0, j1)
    exponents = y.exponents[j0:j1]
    shift_columns(x.cost, points, exponents, d, y.references[t], B)
    return d


@inner
def _rows(x, runs, r, d, reference, A):
    """The rows' part of the exponents for a run, and the start and stop of its rows."""
    i0 = runs.starts[r]
    i1 = runs.stops[r]
    points = segment(x.points, i0, i1)
    exponents = x.exponents[i0:i1]
    shift_rows(x.cost, points, exponents, d, reference, A)
    return i0, i1


@inner
def _scratch(like):
    """Scratch memory for a tile of products, A, B and sums of columns."""
    dtype = like.dtype
    return (
        np.empty(ROWS * COLUMNS, dtype=dtype),
        np.empty(ROWS, dtype=dtype),
        np.empty(COLUMNS, dtype=dtype),
        np.empty(COLUMNS, dtype=dtype),
    )
