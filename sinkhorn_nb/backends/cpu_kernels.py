"""Panels of rows on the CPU: the compiled loops over tiles, one task of a thread each."""

import numpy as np

from .jit import kernel, wide_vectors
from .pointwise import exp2
from .tiles import add_sums, fill, segment, tile

ROWS = 128
COLUMNS = 512


@kernel
def panel_sums(x, F, a, y, G, b, start, stop, row_sums, column_sums):
    """row_sums_i = sum_j b_j p_ij, column_sums_j += sum_i a_i p_ij (unless None), start <= i < stop."""
    wide_vectors()
    scratch = np.empty(ROWS * COLUMNS, dtype=F.dtype)
    partial = np.empty(COLUMNS, dtype=F.dtype)
    for i0 in range(start, stop, ROWS):
        i1 = min(i0 + ROWS, stop)
        for j0 in range(0, len(G), COLUMNS):
            j1 = min(j0 + COLUMNS, len(G))
            x_tile, y_tile = tile(x, y, i0, i1, j0, j1, scratch)
            add_sums(
                x_tile, F[i0:i1], a[i0:i1], y_tile, G[j0:j1], b[j0:j1],
                partial[: j1 - j0], row_sums[i0:i1], segment(column_sums, j0, j1),
            )  # fmt: skip


@kernel
def panel_self_sums(x, F, a, start, stop, sums):
    """Add to sums what the pairs (i, j >= i) of rows start..stop give: each serves row i and row j."""
    wide_vectors()
    scratch = np.empty(ROWS * COLUMNS, dtype=F.dtype)
    partial = np.empty(COLUMNS, dtype=F.dtype)
    for i0 in range(start, stop, ROWS):
        i1 = min(i0 + ROWS, stop)
        Fi, ai, row_sums = F[i0:i1], a[i0:i1], sums[i0:i1]
        x_tile, y_tile = tile(x, x, i0, i1, i0, i1, scratch)
        add_sums(x_tile, Fi, ai, y_tile, Fi, ai, partial[: i1 - i0], row_sums, None)
        for j0 in range(i1, len(F), COLUMNS):
            j1 = min(j0 + COLUMNS, len(F))
            x_tile, y_tile = tile(x, x, i0, i1, j0, j1, scratch)
            add_sums(
                x_tile, Fi, ai, y_tile, F[j0:j1], a[j0:j1],
                partial[: j1 - j0], row_sums, sums[j0:j1],
            )  # fmt: skip


@kernel
def panel_log_sum_exp(x, F, y, G, start, stop, maxima, sums):
    """Online: maxima_i = max_j of the exponents, sums_i = sum_j 2^(exponent - maxima_i)."""
    wide_vectors()
    scratch = np.empty(ROWS * COLUMNS, dtype=F.dtype)
    exponents = np.empty(ROWS * COLUMNS, dtype=F.dtype)
    for i0 in range(start, stop, ROWS):
        i1 = min(i0 + ROWS, stop)
        for j0 in range(0, len(G), COLUMNS):
            j1 = min(j0 + COLUMNS, len(G))
            out = exponents[: (i1 - i0) * (j1 - j0)].reshape(i1 - i0, j1 - j0)
            x_tile, y_tile = tile(x, y, i0, i1, j0, j1, scratch)
            fill(x_tile, F[i0:i1], y_tile, G[j0:j1], out)
            for i in range(i0, i1):
                row = out[i - i0]
                largest = maxima[i]
                for j in range(len(row)):
                    largest = max(largest, row[j])
                total = F.dtype.type(0)
                for j in range(len(row)):
                    total += exp2(row[j] - largest)
                sums[i] = sums[i] * exp2(maxima[i] - largest) + total
                maxima[i] = largest


@kernel
def panel_transport(x, F, y, G, V, start, stop, out):
    """out_i = sum_j 2^exponent_ij V_j, start <= i < stop."""
    wide_vectors()
    scratch = np.empty(ROWS * COLUMNS, dtype=F.dtype)
    exponents = np.empty(ROWS * COLUMNS, dtype=F.dtype)
    for i0 in range(start, stop, ROWS):
        i1 = min(i0 + ROWS, stop)
        for j0 in range(0, len(G), COLUMNS):
            j1 = min(j0 + COLUMNS, len(G))
            flat = exponents[: (i1 - i0) * (j1 - j0)]
            pairs = flat.reshape(i1 - i0, j1 - j0)
            x_tile, y_tile = tile(x, y, i0, i1, j0, j1, scratch)
            fill(x_tile, F[i0:i1], y_tile, G[j0:j1], pairs)
            for j in range(len(flat)):
                flat[j] = exp2(flat[j])
            out[i0:i1] += np.dot(pairs, V[j0:j1])
