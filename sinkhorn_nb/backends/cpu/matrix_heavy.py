"""The heavy pairs of a plan whose costs are a matrix, line after line as it lies in memory."""

import numpy as np
from scipy.sparse import csr_array

from ..elementary import exp2
from ..heavy_pairs import HeavyPairs
from ..jit import inner, kernel, wide_vectors
from .heavy_pairs import (
    FIRST_ROOM,
    NOTHING,
    Found,
    by_rows,
    list_columns,
    longer,
    total,
)
from .matrix_kernels import COLUMNS, scaled
from .threads import run


def heavy_lines(lines, todo, sides, theta, most):
    """The heavy pairs of numbered panels of lines, with columns as in memory, and the sums of the
    light pairs; None if there are more than `most` heavy pairs.
    """
    rows = np.zeros(len(lines.rows))
    columns = lines.zeros(len(todo))
    found = [NOTHING] * len(todo)
    limits = lines.per_cost.dtype.type(theta), most

    def task(p, ends):
        if total(found) <= most:  # the memory for more than that is not taken
            lists = panel_heavy_lines(lines, *ends, sides, limits, rows, columns[p])
            found[p] = Found(*lists)

    run(task, todo)
    if total(found) > most:
        return None
    light = rows, columns.sum(axis=0, dtype=np.float64)
    return HeavyPairs(*by_rows(len(rows), found), *light)


def transposed(pairs, n_columns):
    """The same pairs by columns."""
    ones = np.ones(len(pairs.columns), np.int8)
    shape = len(pairs.starts) - 1, n_columns
    matrix = csr_array((ones, pairs.columns, pairs.starts), shape=shape).tocsc()
    return HeavyPairs(matrix.indptr, matrix.indices, pairs.light_columns, pairs.light_rows)


@kernel
def panel_heavy_lines(lines, first, last, sides, limits, row_sums, column_sums):
    """Add the light pairs' b_j p_rj to row_sums_r and their a_r p_rj to column_sums_j; return the
    heavy pairs as the fields of `Found`. If there are too many, the lists end early.
    """
    wide_vectors()
    F, a, G, b = sides
    m = len(G)
    theta, most = limits
    excess = np.empty(COLUMNS, dtype=G.dtype)
    rows = np.empty(last - first, np.int32)
    ends = np.empty(last - first, np.int64)
    columns = np.empty(FIRST_ROOM, np.int32)
    n_done = 0
    count = 0

    for r in range(first, last):
        if count > most:
            break
        own = lines.costs[lines.rows[r]]
        Fr = F[r]
        ar = a[r]
        for j0 in range(0, m, COLUMNS):
            j1 = min(j0 + COLUMNS, m)
            row_sum, above = _split(
                own[j0:j1], lines.per_cost, Fr, ar,
                G[j0:j1], b[j0:j1], theta,
                column_sums[j0:j1], excess,
            )  # fmt: skip
            row_sums[r] += row_sum
            if above > 0:
                for j in range(j1 - j0, COLUMNS):
                    excess[j] = 0
                if count + COLUMNS > len(columns):
                    columns = longer(columns, count, COLUMNS)
                count = list_columns(excess, j0, columns, count)
        rows[n_done] = r
        ends[n_done] = count
        n_done += 1
    return rows[:n_done], ends[:n_done], columns[:count]


@inner
def _split(costs, per_cost, Fr, ar, G, b, theta, partial, excess):
    """The sums over the light pairs of a stretch of a line, and its excess, as `_split` of
    `heavy_pairs` has them.
    """
    wide_vectors()
    zero = ar - ar
    row_sum = zero
    above = zero
    for j in range(len(costs)):
        cost = scaled(costs[j], per_cost)
        exponent = (Fr + G[j]) - cost
        p = exp2(exponent)
        larger = max(ar, b[j])
        more = max(p * larger - theta, zero)
        light = zero if more > zero else p
        above += more
        row_sum += b[j] * light
        partial[j] += ar * light
        excess[j] = more
    return row_sum, above
