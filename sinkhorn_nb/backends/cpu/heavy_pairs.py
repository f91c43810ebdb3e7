"""Compiled loops that separate the heavy pairs of a plan from the light ones.

A pair is heavy if P_ij = a_i b_j p_ij exceeds theta min(a_i, b_j), that is if p_ij max(a_i, b_j)
exceeds theta. Heavy pairs are listed; light ones are summed.
"""

import numpy as np

from ..elementary import exp2, log2
from ..jit import kernel, wide_vectors
from ..pointwise import add_terms, entry, exponent, half_cost, log_root
from .kernels import _columns, _rows, _same_tile, _scratch
from .threads import run
from .tiles import point, tile

BLOCK = 32  # columns that are searched together for heavy pairs
FIRST_ROOM = 1024  # heavy pairs of a panel; the room is doubled when it is full
NONE = (np.empty(0, np.int32), np.empty(0, np.int32), 0)  # pairs that a panel has found
PAIRS_A_TASK = 2**14


def total(found):
    """The number of pairs that all panels have found so far."""
    return sum(count for *_, count in found)


def by_rows(n, found):
    """The starts of the rows and the columns, from the lists of the panels."""
    counts = np.zeros(n + 1, np.int64)
    for rows, *_ in found:
        counts[1:] += np.bincount(rows, minlength=n)
    starts = np.cumsum(counts)
    columns = np.empty(starts[-1], np.int32)
    places = starts[:-1].copy()
    # Different panels have different rows
    run(lambda rows, listed, _: sort_by_rows(rows, listed, places, columns), found)
    return starts, columns


def pair_values(entries, starts, columns):
    """P_ij of the pairs of a list in float64, for the arguments of `panel_values`."""
    out = np.empty(len(columns))
    n = len(starts) - 1
    count = max(1, len(columns) // PAIRS_A_TASK)
    cuts = np.searchsorted(starts, np.linspace(0, len(columns), count + 1)[1:-1])
    bounds = np.concatenate([[0], cuts, [n]])
    tasks = list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
    run(lambda first, last: panel_values(*entries, starts, columns, first, last, out), tasks)
    return out


@kernel
def panel_heavy(x, y, starts, runs, first, last, theta, most, row_sums, column_sums):
    """Add the light pairs' b_j p_ij to row_sums_i and their a_i p_ij to column_sums_j; return the
    rows and the columns of the heavy pairs, and their number.

    `starts` has the first points of the tiles of x and of y, without padding. If there are more
    than `most` heavy pairs, the lists end early.
    """
    wide_vectors()
    scratch, A, B, partial = _scratch(y.weights)
    line = np.empty(len(B), dtype=y.weights.dtype)
    rows = np.empty(FIRST_ROOM, np.int32)
    columns = np.empty(FIRST_ROOM, np.int32)
    count = 0
    while first < last and count <= most:
        stop = _same_tile(runs, first, last)
        own = runs.tiles[first]
        for t in range(len(y.bounds) - 1):
            j0 = y.bounds[t]
            j1 = y.bounds[t + 1]
            size = j1 - j0
            d = _columns(x, own, y, t, B)
            b = y.weights[j0:j1]
            largest = _largest(b)
            for r in range(first, stop):
                i0, i1 = _rows(x, runs, r, d, y.references[t], A)
                x_tile, y_tile = tile(x.cost, x.points, y.points, i0, i1, j0, j1, scratch)
                for j in range(size):
                    partial[j] = 0
                for i in range(i1 - i0):
                    ai = x.weights[i0 + i]
                    exponents = line[:size]
                    floor = log2(theta / max(ai, largest))
                    xi = point(x_tile, i)
                    if not _fill(x.cost, xi, A[i], y_tile, B[:size], floor, exponents):
                        row_sums[i0 + i] += _add_light(ai, b, exponents, partial[:size])
                        continue
                    row_sums[i0 + i] += _split(ai, b, theta, exponents, partial[:size])
                    if count > most:
                        continue
                    if count + size > len(rows):
                        rows = _longer(rows, count, size)
                        columns = _longer(columns, count, size)
                    row = starts[0][own] + i0 + i - x.bounds[own]
                    before = count
                    count = _list(exponents, theta, starts[1][t], columns, count)
                    for k in range(before, count):
                        rows[k] = row
                for j in range(size):
                    column_sums[j0 + j] += partial[j]
        first = stop
    return rows[:count], columns[:count], count


@kernel
def _largest(values):
    largest = values[0]
    for k in range(1, len(values)):
        largest = max(largest, values[k])
    return largest


@kernel
def _fill(cost, xi, Fi, y, G, floor, exponents):
    """The exponents of one row of a tile; returns whether some of them are above the floor."""
    wide_vectors()
    zero = Fi - Fi
    one = zero + 1
    found = zero
    for j in range(len(G)):
        t = exponent(cost, Fi, G[j], xi, point(y, j))
        found += one if t > floor else zero
        exponents[j] = t
    return found > 0


@kernel
def _add_light(ai, b, exponents, partial):
    """Sums over one row of a tile without heavy pairs, also by column."""
    wide_vectors()
    total = ai - ai
    for j in range(len(b)):
        p = exp2(exponents[j])
        total += b[j] * p
        partial[j] += ai * p
    return total


@kernel
def _split(ai, b, theta, exponents, partial):
    """The same sums over the light pairs of a row; exponents_j becomes p_ij max(a_i, b_j)."""
    wide_vectors()
    zero = ai - ai
    total = zero
    for j in range(len(b)):
        p = exp2(exponents[j])
        weight = p * max(ai, b[j])
        light = zero if weight > theta else p
        total += b[j] * light
        partial[j] += ai * light
        exponents[j] = weight
    return total


@kernel
def _list(weights, theta, start, columns, count):
    """Append the columns of heavy pairs to a list; return its new length."""
    for j in range(0, len(weights), BLOCK):
        block = weights[j : j + BLOCK]
        if _any_above(block, theta):
            for k in range(len(block)):  # without a branch, which would be mispredicted
                columns[count] = start + j + k
                count += np.int64(block[k] > theta)
    return count


@kernel
def _any_above(values, floor):
    wide_vectors()
    zero = floor - floor
    found = zero
    for k in range(len(values)):
        found += zero + 1 if values[k] > floor else zero
    return found > 0


@kernel
def _longer(values, count, more):
    longer = np.empty(2 * (count + more), values.dtype)
    for k in range(count):
        longer[k] = values[k]
    return longer


@kernel
def sort_by_rows(rows, columns, places, out):
    """Put the columns of listed pairs in the order of their rows, whose next places move along."""
    for k in range(len(rows)):
        i = rows[k]
        out[places[i]] = columns[k]
        places[i] += 1


@kernel
def panel_values(x, F, y, G, scale, highest, cost, starts, columns, first, last, out):
    """out_k = P_ij of the listed pairs of the rows from first to last, by differences of an even
    number of coordinates, from halves of F and G.
    """
    for i in range(first, last):
        for k in range(starts[i], starts[i + 1]):
            j = columns[k]
            even = 0.0
            odd = 0.0
            for c in range(0, x.shape[1], 2):  # two sums at a time: each waits for its last term
                even = add_terms(cost, even, (x[i, c],), (y[j, c],))
                odd = add_terms(cost, odd, (x[i, c + 1],), (y[j, c + 1],))
            out[k] = entry(log_root(F[i], G[j], half_cost(cost, scale, even + odd)), highest)
