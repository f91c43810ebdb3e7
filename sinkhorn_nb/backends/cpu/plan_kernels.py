"""Compiled loops that read entries of a plan, rows `first` to `last`: `ROWS` at a time against
`COLUMNS` columns.

An entry has the same bits in all kernels, and in the transposed plan.
"""

from typing import Any, NamedTuple

import numpy as np

from ..jit import kernel, leaf, overload, wide_vectors
from ..pointwise import Given, add_terms, entry, half_cost, log_root
from .plan_selection import count_above, cut_down, invert, keep

COORDINATES = 4  # read together: squares are stored once for this number
ROWS, COLUMNS = 8, 256
# Columns at a time of a row that is read alone: more of them make the start of a loop cheap
DRAWN = 1024
SPARE = 32  # a row of the k largest entries may have 2 k + SPARE candidates before they are reduced


class Exponents(NamedTuple):
    """P_ij = 2^(2 t), t = F_i + G_j - half of the cost <= `highest`; roots are within the range
    of exp2.
    """

    x: Any  # (n, D), D a multiple of COORDINATES
    F: Any  # includes the logarithm of the weight
    y: Any  # (D, m)
    G: Any
    scale: Any
    highest: Any
    cost: Any  # None, or the kind of the cost; then the coordinates are scaled


@kernel
def panel_entries(p, first, last, out):
    """out_ij = P_ij for the rows from first to last."""
    wide_vectors()
    x = p.x
    y = p.y
    m = len(p.G)
    if len(y) == COORDINATES:  # no squares to store: nearly twice as fast
        for j0 in range(0, m, COLUMNS):
            j1 = min(j0 + COLUMNS, m)
            y0 = y[0][j0:j1]
            y1 = y[1][j0:j1]
            y2 = y[2][j0:j1]
            y3 = y[3][j0:j1]
            for i in range(first, last):
                xi = x[i, 0], x[i, 1], x[i, 2], x[i, 3]
                _exponentiate_few(
                    p.cost,
                    xi,
                    y0,
                    y1,
                    y2,
                    y3,
                    p.F[i],
                    p.G[j0:j1],
                    p.scale,
                    p.highest,
                    out[i][j0:j1],
                )
        return

    squares = np.empty((ROWS, COLUMNS))
    for i0 in range(first, last, ROWS):
        i1 = min(i0 + ROWS, last)
        for j0 in range(0, m, COLUMNS):
            j1 = min(j0 + COLUMNS, m)
            _squares(p, i0, i1, j0, j1, squares)
            # Written straight to memory, which is slower than the computation
            for i in range(i0, i1):
                _exponentiate(
                    p.cost, p.F[i], p.G[j0:j1], p.scale,
                    p.highest, squares[i - i0],
                    out[i][j0:j1],
                )  # fmt: skip


@kernel
def panel_sums(p, first, last, sums, logs):
    """sums_i = sum_j P_ij and, unless None, logs_i = sum_j P_ij log2 P_ij for the rows from first
    to last.
    """
    wide_vectors()
    m = len(p.G)
    scale = p.scale
    highest = p.highest
    squares = np.empty((ROWS, COLUMNS))
    for i0 in range(first, last, ROWS):
        i1 = min(i0 + ROWS, last)
        for j0 in range(0, m, COLUMNS):
            j1 = min(j0 + COLUMNS, m)
            _squares(p, i0, i1, j0, j1, squares)
            for i in range(i0, i1):
                F = p.F[i]
                G = p.G[j0:j1]
                row = squares[i - i0]
                sums[i] += _sum_entries(p.cost, F, G, scale, highest, row)
                if logs is not None:
                    logs[i] += _sum_logs(p.cost, F, G, scale, highest, row)


@kernel
def panel_largest(p, first, last, indices, values):
    """The k largest entries of each row from first to last, in the order of their columns; the
    first of equal ones.
    """
    wide_vectors()
    m = len(p.G)
    k = values.shape[1]
    squares = np.empty((ROWS, COLUMNS))
    tile = np.empty((ROWS, COLUMNS))
    counts = np.empty(ROWS, np.int64)
    floors = np.empty(ROWS)
    most = 2 * k + SPARE
    room = most + COLUMNS
    kept = np.empty((ROWS, room))
    where = np.empty((ROWS, room), np.int64)
    scratch = np.empty(room)

    for i0 in range(first, last, ROWS):
        i1 = min(i0 + ROWS, last)
        counts[:] = 0
        floors[:] = -1.0
        for j0 in range(0, m, COLUMNS):
            j1 = min(j0 + COLUMNS, m)
            _fill(p, i0, i1, j0, j1, squares, tile)
            for r in range(i1 - i0):
                row = tile[r][: j1 - j0]
                own_kept = kept[r]
                own_where = where[r]
                floor = floors[r]
                count = counts[r]
                if count_above(row, floor) > 0:
                    count = keep(row, j0, floor, own_kept, own_where, count)
                if count > most:
                    floors[r] = cut_down(own_kept, own_where, count, k, scratch)
                    count = k
                counts[r] = count

        for r in range(i1 - i0):
            own_kept = kept[r]
            own_where = where[r]
            cut_down(own_kept, own_where, counts[r], k, scratch)
            for c in range(k):  # assigned slices would bring error texts into the compiled code
                indices[i0 + r, c] = own_where[c]
                values[i0 + r, c] = own_kept[c]


@kernel
def panel_draws(p, first, last, starts, targets, columns):
    """Columns of the draws starts_i to starts_i+1 of row i: the first at which its running sum
    exceeds the target.

    The targets of a row ascend. Columns are read as far as the last draw needs. A target that
    exceeds the whole sum gets the last column with an entry above 0.
    """
    wide_vectors()
    m = len(p.G)
    squares = np.empty((1, DRAWN))
    tile = np.empty((1, DRAWN))
    scale = p.scale
    highest = p.highest
    done = np.empty(ROWS)
    heads = np.empty(ROWS, np.int64)

    for i0 in range(first, last, ROWS):
        i1 = min(i0 + ROWS, last)
        done[:] = 0
        for i in range(i0, i1):
            heads[i - i0] = starts[i]
        left = starts[i1] - starts[i0]

        j0 = 0
        while left > 0 and j0 < m:
            j1 = min(j0 + DRAWN, m)
            for i in range(i0, i1):
                r = i - i0
                head = heads[r]
                stop = starts[i + 1]
                if head < stop:
                    F = p.F[i]
                    G = p.G[j0:j1]
                    own = squares[0]
                    _squares(p, i, i + 1, j0, j1, squares)
                    before = done[r]
                    after = before + _sum_entries(p.cost, F, G, scale, highest, own)
                    # Few tiles have draws; others are only summed, not stored
                    if targets[head] < after:
                        row = tile[0][: j1 - j0]
                        _exponentiate(p.cost, F, G, scale, highest, own, row)
                        next_head = invert(row, j0, before, after, targets, columns, head, stop)
                        left -= next_head - head
                        heads[r] = next_head
                    done[r] = after
            j0 = j1

        for i in range(i0, i1):
            head = heads[i - i0]
            stop = starts[i + 1]
            if head < stop:
                columns[head:stop] = _last_positive(p, i, squares, tile)


@leaf
def _last_positive(p, i, squares, tile):
    """The last column of row i whose entry is above 0; 0 if there is none."""
    m = len(p.G)
    last_tile = (m - 1) // DRAWN * DRAWN
    for j0 in range(last_tile, -1, -DRAWN):
        j1 = min(j0 + DRAWN, m)
        _fill(p, i, i + 1, j0, j1, squares, tile)
        for j in range(j1 - 1, j0 - 1, -1):
            if tile[0, j - j0] > 0:
                return j
    return 0


@leaf
def _fill(p, i0, i1, j0, j1, squares, tile):
    """tile_ij = P_ij for the rows i0 to i1 and the columns j0 to j1."""
    _squares(p, i0, i1, j0, j1, squares)
    G = p.G[j0:j1]
    for i in range(i0, i1):
        r = i - i0
        _exponentiate(
            p.cost, p.F[i], G, p.scale,
            p.highest, squares[r], tile[r],
        )  # fmt: skip


@leaf
def _squares(p, i0, i1, j0, j1, squares):
    """squares_ij = |x_i - y_j|^2, or the sum that the kind of cost depends on."""
    x = p.x
    y = p.y
    copy_given(p.cost, i0, i1, j0, j1, squares)
    for k in range(0, len(y), COORDINATES):
        y0 = y[k][j0:j1]
        y1 = y[k + 1][j0:j1]
        y2 = y[k + 2][j0:j1]
        y3 = y[k + 3][j0:j1]
        for i in range(i0, i1):
            xi = x[i, k], x[i, k + 1], x[i, k + 2], x[i, k + 3]
            row = squares[i - i0]
            if k == 0:
                _set_squares(p.cost, xi, y0, y1, y2, y3, row)
            else:
                _add_squares(p.cost, xi, y0, y1, y2, y3, row)


def copy_given(cost, i0, i1, j0, j1, sums):
    """Copy the sums of a tile from costs that were computed before."""
    raise TypeError("for compiled code")


@overload(copy_given)
def _overload_copy_given(cost, i0, i1, j0, j1, sums):
    def copy(cost, i0, i1, j0, j1, sums):
        for i in range(i0, i1):
            own = i - cost.first
            for j in range(j0, j1):
                sums[i - i0, j - j0] = cost.costs[own, j]

    if getattr(cost, "instance_class", None) is Given:
        return copy
    return lambda cost, i0, i1, j0, j1, sums: None


@leaf
def _set_squares(cost, xi, y0, y1, y2, y3, row):
    wide_vectors()
    for j in range(len(y0)):
        row[j] = add_terms(cost, 0.0, xi, (y0[j], y1[j], y2[j], y3[j]))


@leaf
def _add_squares(cost, xi, y0, y1, y2, y3, row):
    wide_vectors()
    for j in range(len(y0)):
        row[j] = add_terms(cost, row[j], xi, (y0[j], y1[j], y2[j], y3[j]))


@leaf
def _exponentiate(cost, Fi, G, scale, highest, squares, out):
    wide_vectors()
    for j in range(len(G)):
        half = half_cost(cost, scale, squares[j])
        t = log_root(Fi, G[j], half)
        out[j] = entry(t, highest)


@leaf
def _exponentiate_few(cost, xi, y0, y1, y2, y3, Fi, G, scale, highest, out):
    """The entries of `_exponentiate` from the points, without stored squares."""
    wide_vectors()
    for j in range(len(G)):
        square = add_terms(cost, 0.0, xi, (y0[j], y1[j], y2[j], y3[j]))
        half = half_cost(cost, scale, square)
        t = log_root(Fi, G[j], half)
        out[j] = entry(t, highest)


@leaf
def _sum_entries(cost, Fi, G, scale, highest, squares):
    wide_vectors()
    total = 0.0
    for j in range(len(G)):
        half = half_cost(cost, scale, squares[j])
        t = log_root(Fi, G[j], half)
        total += entry(t, highest)
    return total


@leaf
def _sum_logs(cost, Fi, G, scale, highest, squares):
    wide_vectors()
    total = 0.0
    for j in range(len(G)):
        half = half_cost(cost, scale, squares[j])
        t = log_root(Fi, G[j], half)
        total += entry(t, highest) * min(t, highest)
    return 2 * total
