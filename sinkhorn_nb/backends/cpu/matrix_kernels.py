"""Compiled loops over the entries of a cost matrix, line after line as they lie in memory.

p_rj = 2^(F_r + G_j - cost), where line r of a pass is row rows[r] of the matrix. Columns keep their
order in memory: those that take no part have the weight 0 and an exponent far below all others.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types

from ..elementary import exp2
from ..jit import inner, kernel, leaf, overload, wide_vectors
from .kernels import log_sum
from .tiles import PAD

COLUMNS = 1024  # at a time: their numbers stay in the cache of a core
ROWS = 64  # at a time, of products
APART = 64  # numbers between arrays: as many as a step of a compiled loop treats
# An infinite cost, in units of eps / log2(e)
FORBIDDEN = 1e30


class Lines(NamedTuple):
    """Rows of a matrix in C order, and the factor of its costs in the precision of the pairs."""

    costs: Any
    rows: Any
    per_cost: Any

    @property
    def size(self):
        """The number of entries of a line."""
        return self.costs.shape[1]

    def zeros(self, n):
        """n rows with a zero for each entry of a line, in the precision of the pairs."""
        return np.zeros((n, self.size), self.per_cost.dtype)


def scaled(cost, per_cost):
    """An entry of the matrix in units of eps / log2(e), in the precision of the factor."""
    return min(cost * per_cost, FORBIDDEN)


# Infinite numbers are expected here, and nowhere else
@overload(scaled, {"contract"})
def _overload_scaled(cost, per_cost):
    if per_cost == types.float32:
        return lambda cost, per_cost: min(np.float32(cost) * per_cost, np.float32(FORBIDDEN))
    return lambda cost, per_cost: min(np.float64(cost) * per_cost, FORBIDDEN)


@kernel
def panel_sums(lines, first, last, sides, clusters, row_sums, column_sums, parts):
    """row_sums_r = sum_j b_j p_rj and, unless they are None, column_sums_j += sum_r a_r p_rj and
    parts_lr, the sums of b_j p_rj over the columns of cluster l.
    """
    wide_vectors()
    F, a, G, b = sides
    m = len(G)
    terms = None if parts is None else room_for_terms(G)
    for r in range(first, last):
        own = lines.costs[lines.rows[r]]
        Fr = F[r]
        ar = a[r]
        for j0 in range(0, m, COLUMNS):
            j1 = min(j0 + COLUMNS, m)
            row_sums[r] += add_line(
                own[j0:j1], lines.per_cost, Fr, ar,
                G[j0:j1], b[j0:j1],
                stretch(column_sums, j0, j1), stretch(terms, j0, j1),
            )  # fmt: skip
        if parts is not None:
            order, bounds = clusters
            for k in range(len(bounds) - 1):
                places = order[bounds[k] : bounds[k + 1]]
                parts[k, r] = _gathered(terms, places)


@kernel
def panel_self_sums(lines, first, last, F, a, sums):
    """Add the pairs of row i of a symmetric matrix with itself and the later columns to the sums;
    each pair serves both.
    """
    wide_vectors()
    n = len(F)
    per_cost = lines.per_cost
    for r in range(first, last):
        i = lines.rows[r]
        own = lines.costs[i]
        Fi = F[i]
        ai = a[i]
        cost = scaled(own[i], per_cost)
        p = exp2((Fi + Fi) - cost)
        row_sum = float(ai * p)
        for j0 in range(i + 1, n, COLUMNS):
            j1 = min(j0 + COLUMNS, n)
            row_sum += add_line(
                own[j0:j1], per_cost, Fi, ai,
                F[j0:j1], a[j0:j1],
                sums[j0:j1], None,
            )  # fmt: skip
        sums[i] += row_sum


@leaf
def add_line(costs, per_cost, Fr, ar, G, b, column_sums, terms):
    """sum_j b_j p_rj over a stretch of a line, whose terms are stored unless `terms` is None."""
    wide_vectors()
    total = per_cost - per_cost
    for j in range(len(costs)):
        cost = scaled(costs[j], per_cost)
        exponent = (Fr + G[j]) - cost
        p = exp2(exponent)
        total += b[j] * p
        if column_sums is not None:
            column_sums[j] += ar * p
        if terms is not None:
            terms[j] = b[j] * p
    return total


@inner
def room_for_terms(G):
    """An array like G, apart from all others: a loop that stores and sums adds in another order if
    it stores closely behind an array that it reads.
    """
    return np.empty(APART + len(G), G.dtype)[APART:]


@leaf
def _gathered(terms, places):
    """The sum of the terms at some places."""
    total = terms[0] - terms[0]
    for k in range(len(places)):
        total += terms[places[k]]
    return total


def stretch(values, start, stop):
    """Entries start..stop of an array; None stays None."""
    return None if values is None else values[start:stop]


@overload(stretch)
def _overload_stretch(values, start, stop):
    if isinstance(values, types.NoneType):
        return lambda values, start, stop: None
    return lambda values, start, stop: values[start:stop]


@kernel
def panel_log_sums(lines, first, last, G, maxima, sums):
    """maxima_r = max_j (G_j - cost), and sums_r = sum_j 2^(G_j - cost - maxima_r)."""
    wide_vectors()
    m = len(G)
    padded_size = -(-m // PAD) * PAD
    terms = np.empty(padded_size, dtype=G.dtype)
    half = np.empty_like(terms)
    for j in range(m, len(terms)):
        terms[j] = -2 * FORBIDDEN
    for r in range(first, last):
        own = lines.costs[lines.rows[r]]
        per_cost = lines.per_cost
        for j in range(m):
            cost = scaled(own[j], per_cost)
            terms[j] = G[j] - cost
        maxima[r], sums[r] = log_sum(terms, half)


@kernel
def panel_column_log_sums(lines, start, stop, F, maxima, sums):
    """The maxima and sums of `panel_log_sums` for the columns from start to stop, updated line by
    line.
    """
    wide_vectors()
    own_maxima = maxima[start:stop]
    own_sums = sums[start:stop]
    per_cost = lines.per_cost
    for r in range(len(lines.rows)):
        line = lines.rows[r]
        own = lines.costs[line, start:stop]
        _update_log_sums(own, per_cost, F[r], own_maxima, own_sums)


@leaf
def _update_log_sums(costs, per_cost, Fr, maxima, sums):
    wide_vectors()
    for j in range(len(costs)):
        t = Fr - scaled(costs[j], per_cost)
        before = maxima[j]
        new = max(before, t)
        kept = sums[j] * exp2(before - new)
        sums[j] = kept + exp2(t - new)
        maxima[j] = new


@kernel
def panel_products(lines, bounds, F, G, derivative, V, out):
    """out_r = sum_j p_rj V_j for the lines within bounds; p_rj times its scaled cost unless
    `derivative` is None.
    """
    wide_vectors()
    m = len(G)
    first, last = bounds
    scratch = np.empty(ROWS * COLUMNS, dtype=G.dtype)
    for r0 in range(first, last, ROWS):
        r1 = min(r0 + ROWS, last)
        for j0 in range(0, m, COLUMNS):
            j1 = min(j0 + COLUMNS, m)
            tile = _tile(lines, r0, r1, j0, j1, F, G, derivative, scratch)
            product = np.dot(tile, V[j0:j1])
            for r in range(r1 - r0):
                for k in range(product.shape[1]):
                    out[r0 + r, k] += product[r, k]


@kernel
def panel_column_products(lines, bounds, F, G, derivative, V, out):
    """out_j = sum_r p_rj V_r for the columns j within bounds, at most COLUMNS."""
    wide_vectors()
    n = len(lines.rows)
    j0, j1 = bounds
    scratch = np.empty(ROWS * COLUMNS, dtype=G.dtype)
    for r0 in range(0, n, ROWS):
        r1 = min(r0 + ROWS, n)
        tile = _tile(lines, r0, r1, j0, j1, F, G, derivative, scratch)
        product = np.dot(tile.T, V[r0:r1])
        for j in range(j1 - j0):
            for k in range(product.shape[1]):
                out[j0 + j, k] += product[j, k]


@inner
def _tile(lines, r0, r1, j0, j1, F, G, derivative, scratch):
    """p of the lines r0 to r1 and the columns j0 to j1, times the costs unless `derivative` is
    None; 0 where the cost is infinite.
    """
    wide_vectors()
    n_rows = r1 - r0
    n_columns = j1 - j0
    tile = scratch[: n_rows * n_columns].reshape(n_rows, n_columns)
    of_columns = G[j0:j1]
    per_cost = lines.per_cost
    for r in range(r0, r1):
        line = lines.rows[r]
        own = lines.costs[line, j0:j1]
        row = tile[r - r0]
        _fill_line(own, per_cost, F[r], of_columns, derivative, row)
    return tile


@leaf
def _fill_line(costs, per_cost, Fr, G, derivative, out):
    wide_vectors()
    for j in range(len(costs)):
        cost = scaled(costs[j], per_cost)
        exponent = (Fr + G[j]) - cost
        p = exp2(exponent)
        p = p if cost < FORBIDDEN else p - p
        out[j] = p if derivative is None else p * cost
