"""Compiled loops that separate the heavy pairs of a plan from the light ones.

A pair is heavy if P_ij = a_i b_j p_ij exceeds theta min(a_i, b_j), that is if p_ij max(a_i, b_j)
exceeds theta. Heavy pairs are listed; light ones are summed.
"""

from typing import Any, NamedTuple

import numpy as np

from ..bit_masks import LANES, lowest_bit, positive_bits
from ..elementary import exp2
from ..jit import inner, kernel, leaf, wide_vectors
from ..pointwise import exponent
from .kernels import _columns, _rows, _same_tile, _scratch
from .threads import run
from .tiles import point, tile

FIRST_ROOM = 1024  # heavy pairs of a panel; the room is doubled when it is full


class Found(NamedTuple):
    """The columns of a panel's heavy pairs, in pieces of one row each: piece k ends before
    ends[k].
    """

    rows: Any
    ends: Any
    columns: Any


NOTHING = Found(
    rows=np.empty(0, np.int32),
    ends=np.empty(0, np.int64),
    columns=np.empty(0, np.int32),
)


def total(found):
    """The number of pairs that all panels have found so far."""
    return sum(len(one.columns) for one in found)


def by_rows(n, found):
    """The starts of the rows and the columns, from what the panels have found."""
    counts = np.zeros(n + 1, np.int64)
    for one in found:
        sizes = np.diff(one.ends, prepend=0)
        np.add.at(counts, one.rows + 1, sizes)
    starts = np.cumsum(counts)
    columns = np.empty(starts[-1], np.int32)
    places = starts[:-1].copy()
    # Different panels have different rows
    run(lambda *one: sort_by_rows(*one, places, columns), found)
    return starts, columns


@kernel
def panel_heavy(x, y, starts, runs, first, last, theta, most, row_sums, column_sums):
    """Add the light pairs' b_j p_ij to row_sums_i and their a_i p_ij to column_sums_j; return the
    heavy pairs as the fields of `Found`.

    `starts` has the first points of the tiles of x and of y, without padding. If there are more
    than `most` heavy pairs, the lists end early.
    """
    wide_vectors()
    scratch, A, B, partial = _scratch(y.weights)
    excess = np.empty(len(B), dtype=y.weights.dtype)
    rows = np.empty(FIRST_ROOM, np.int32)
    ends = np.empty(FIRST_ROOM, np.int64)
    columns = np.empty(FIRST_ROOM, np.int32)
    n_pieces = 0
    count = 0

    while first < last and count <= most:
        stop = _same_tile(runs, first, last)
        own = runs.tiles[first]
        padding = x.bounds[own] - starts[0][own]  # of the tiles before
        for t in range(len(y.bounds) - 1):
            j0 = y.bounds[t]
            j1 = y.bounds[t + 1]
            size = j1 - j0
            b = y.weights[j0:j1]
            reference = y.references[t]
            d = _columns(x, own, y, t, B)
            G = B[:size]
            of_columns = partial[:size]
            for r in range(first, stop):
                i0, i1 = _rows(x, runs, r, d, reference, A)
                x_tile, y_tile = tile(x.cost, x.points, y.points, i0, i1, j0, j1, scratch)

                for j in range(size):
                    of_columns[j] = 0
                for i in range(i1 - i0):
                    xi = point(x_tile, i)
                    ai = x.weights[i0 + i]
                    row_sum, above = _split(
                        x.cost, xi, A[i], ai, y_tile, G, b, theta, of_columns, excess
                    )
                    row_sums[i0 + i] += row_sum
                    if above == 0 or count > most:
                        continue
                    if count + size > len(columns):
                        columns = longer(columns, count, size)
                    if n_pieces == len(rows):
                        rows = longer(rows, n_pieces, 1)
                        ends = longer(ends, n_pieces, 1)
                    count = list_columns(excess[:size], starts[1][t], columns, count)
                    rows[n_pieces] = i0 + i - padding
                    ends[n_pieces] = count
                    n_pieces += 1
                for j in range(size):
                    column_sums[j0 + j] += of_columns[j]
        first = stop
    return rows[:n_pieces], ends[:n_pieces], columns[:count]


@inner
def _split(cost, xi, Fi, ai, y, G, b, theta, partial, excess):
    """Sums over the light pairs of one row of a tile, also by column. excess_j becomes p_ij
    max(a_i, b_j) - theta where this is positive, and 0 elsewhere.

    Returns the row's sum and the sum of the excess; a count of heavy pairs would double the time.
    """
    wide_vectors()
    zero = ai - ai
    total = zero
    above = zero
    for j in range(len(G)):
        yj = point(y, j)
        p = exp2(exponent(cost, Fi, G[j], xi, yj))
        larger = max(ai, b[j])
        more = max(p * larger - theta, zero)
        light = zero if more > zero else p
        above += more
        total += b[j] * light
        partial[j] += ai * light
        excess[j] = more
    return total, above


@leaf
def list_columns(excess, start, columns, count):
    """Append the columns of heavy pairs, of a padded tile, to a list; return its new length."""
    for j in range(0, len(excess), LANES):
        bits = positive_bits(excess, j)
        while bits != 0:
            columns[count] = start + j + lowest_bit(bits)
            count += 1
            bits &= bits - 1
    return count


@inner
def longer(values, count, more):
    """A copy of the first values of a list, with twice the room for them and some more."""
    out = np.empty(2 * (count + more), values.dtype)
    for k in range(count):
        out[k] = values[k]
    return out


@kernel
def sort_by_rows(rows, ends, columns, places, out):
    """Copy the pieces of a list to the next places of their rows, which move along."""
    start = 0
    for piece in range(len(rows)):
        i = rows[piece]
        end = ends[piece]
        shift = places[i] - start
        for k in range(start, end):
            out[shift + k] = columns[k]
        places[i] += end - start
        start = end
