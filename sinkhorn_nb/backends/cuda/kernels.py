"""Passes over all pairs on the GPU: a block of threads takes the rows of a panel against the
columns of a chunk.

A block walks over the tiles of its columns, which it keeps in shared memory, and over the rows of
its panel. Thread (group, lane) treats `rows` x `columns` pairs at a time in registers: rows group,
group + groups, ... and columns lane, lane + lanes, ... It has its own place for its sums of each
column. All sums over threads, panels and chunks are made in order, so the result has the same bits
each time.

One launch takes the pieces `start` to `stop` of each chunk and adds to the sums of earlier
launches. A long pass is made in several launches, and gives the same bits.
"""

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..elementary import exp2 as clipped_exp2
from . import tiles
from .device import SIMULATOR, cuda, kernel, syncthreads
from .pairs import LIGHT, SIGN, adding_tile, exponents_of, shape_of_terms, weighing

SHARERS = 4 if SIMULATOR else 128  # threads that sum one group of cluster sums


class Side(NamedTuple):
    """A cloud with the data of its points for a pass."""

    points: Any  # (n, d) offsets from the tiles' centres
    centres: Any  # (tiles, d)
    pieces: Any  # (count, 3): first and last point, and tile; no piece crosses a tile
    ends: Any  # numbers of the pieces at which the panels or chunks end, from 0
    exponents: Any  # F or G
    references: Any  # one exponent per tile
    values: Any  # (n, k): weights, or the rows of a matrix
    number: Any  # that the kind of cost depends on
    limit: Any  # above which p_ij max(a_i, b_j) is heavy
    failed: Any  # (1,): whether a caller's cost was not finite; 0 for other costs

    @property
    def n_parts(self):
        """Number of panels or chunks."""
        return len(self.ends) - 1


class Reduction(NamedTuple):
    """The sums or lists that a pass makes of its pairs, tile by tile of a thread."""

    n_placed: Any  # values of a column in shared memory
    n_totals: Any  # numbers that a thread keeps of each row
    total: Any  # their type
    n_parts: Any  # of them that all threads put in shared memory at a time
    columns_too: Any  # whether each thread has sums of columns
    clear: Any  # fills what a block adds to, before the first launch does
    is_open: Any  # whether a block of rows takes part
    begin: Any  # gives a thread the weights of its rows, and clears what it keeps of them
    add_tile: Any
    add_rows: Any  # adds what the threads have kept

    @property
    def steps(self):
        """The functions that the walk calls."""
        return self.clear, self.is_open, self.begin, self.add_tile, self.add_rows


@cache
def sums_kernel(dtype, shape, n_values, columns_too, is_self, kind=None, factor=None):
    """row_sums_qi = sum_j p_ij V_j over chunk q and, if requested, column_sums_pj = sum_i a_i p_ij
    over panel p.

    For a cloud with itself only columns of later tiles are taken, because each pair serves row i
    and row j. p_ij is multiplied by a `factor` of `pairs`, unless it is None; for LIGHT the numbers
    of heavy pairs are further sums of rows.
    """
    weigh = weighing(dtype, shape, n_values, kind, factor)
    reduction = Reduction(
        n_placed=n_values + (factor == SIGN),
        n_totals=n_values + (factor == LIGHT),
        total=np.dtype(dtype).type,
        n_parts=1,
        columns_too=columns_too,
        clear=tiles.clearing_sums(dtype, shape, columns_too),
        is_open=tiles.always_open,
        begin=tiles.beginning(shape),
        add_tile=adding_tile(dtype, shape, n_values, columns_too, weigh),
        add_rows=tiles.adding_rows(shape),
    )
    return walking(dtype, shape, is_self, kind, reduction)


def walking(dtype, shape, is_self, kind, reduction):
    """The kernel that walks over the pairs and reduces them."""
    number = np.dtype(dtype).type
    block = shape.block
    step = shape.step
    tile_shape = shape.rows, shape.columns
    rows, columns = tile_shape
    in_registers = shape.few
    near_shape = shape.near
    held_shape = shape.held
    terms_shape = shape_of_terms(shape, kind)
    beside_shape = shape.tile, 1 + reduction.n_placed
    totals_shape = rows, reduction.n_totals
    parts_shape = reduction.n_parts * shape.lanes, block
    columns_too = reduction.columns_too
    slots = shape.tile // step * shape.threads if columns_too else 1
    total = reduction.total

    place, place_parts = tiles.placing(dtype, shape, reduction.n_placed)
    hold = tiles.holding(dtype, shape)
    exponents = exponents_of(dtype, shape, kind)
    empty, add_columns = tiles.adding_columns(shape)
    clear, is_open, begin, add_tile, add_rows = reduction.steps

    @kernel
    def pass_over(x, y, row_sums, column_sums, start, stop):
        # One per line: the simulator distinguishes arrays by lines
        near = cuda.shared.array(near_shape, number)
        beside = cuda.shared.array(beside_shape, number)
        shared = cuda.shared.array(block, number)
        parts = cuda.shared.array(parts_shape, total)
        own = cuda.shared.array((slots, columns), number)
        held = (
            cuda.local.array(held_shape, number)
            if in_registers
            else cuda.shared.array(held_shape, number)
        )
        t = cuda.local.array(tile_shape, number)
        totals = cuda.local.array(totals_shape, total)
        A = cuda.local.array(rows, number)
        a = cuda.local.array(rows, number)
        terms = cuda.local.array(terms_shape, number)
        sums = cuda.local.array(columns, number)
        p = cuda.blockIdx.x
        q = cuda.blockIdx.y
        me = np.uint32(cuda.threadIdx.x)
        if start == 0:
            clear(x, p, y, q, row_sums, column_sums, me)
        for v in range(y.ends[q] + start, min(y.ends[q] + stop, y.ends[q + 1])):
            j0 = y.pieces[v, 0]
            j1 = y.pieces[v, 1]
            of_y = y.pieces[v, 2]
            syncthreads()
            place(y, j0, j1, near, beside, me)
            for u in range(x.ends[p], x.ends[p + 1]):
                i0 = x.pieces[u, 0]
                i1 = x.pieces[u, 1]
                of_x = x.pieces[u, 2]
                if is_self and of_y < of_x:
                    continue
                syncthreads()
                place_parts(x, of_x, y, of_y, j0, j1, beside, me)
                if columns_too:
                    empty(own, me)
                for base in range(i0, i1, block):
                    if not is_open(row_sums, q, base, i1, shared, me):
                        continue
                    hold(x, of_x, y, of_y, base, i1, shared, held, A, me)
                    begin(x, base, i1, A, a, totals, me)
                    for s in range(np.int32((j1 - j0 + step - 1) // step)):
                        exponents(
                            x, base, i1, y, j0, j1, np.uint32(s), held, near, beside,
                            A, terms, t, me,
                        )  # fmt: skip
                        add_tile(x, np.uint32(s), terms, t, beside, a, totals, sums, own, me)
                    add_rows(
                        x, of_x, y, of_y, base, i1, j0, totals, parts, row_sums, column_sums, q, me
                    )
                if columns_too and not (is_self and of_x == of_y):
                    add_columns(own, column_sums, p, j0, j1, me)

    return pass_over


@kernel
def total_kernel(parts, scales, out):
    """out_i = sum_q scales_q parts_qi, in order."""
    for i in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        total = 0.0
        for q in range(parts.shape[0]):
            total += scales[q] * parts[q, i]
        out[i] = total


@kernel
def share_kernel(sums, weights, size, out):
    """out_kg = sum of sums_kj weights_j over group g of `size` columns; one block per sum, halves
    added to halves.
    """
    parts = cuda.shared.array(SHARERS, np.float64)
    g = cuda.blockIdx.x
    k = cuda.blockIdx.y
    me = cuda.threadIdx.x
    total = 0.0
    for j in range(g * size + me, (g + 1) * size, SHARERS):
        total += sums[k, j] * weights[j]
    parts[me] = total
    syncthreads()
    half = SHARERS // 2
    while half > 0:
        if me < half:
            parts[me] += parts[me + half]
        syncthreads()
        half //= 2
    if me == 0:
        out[k, g] = parts[0]


@kernel
def log_total_kernel(maxima, sums, out):
    """out_i = log2 sum_q sums_qi 2^maxima_qi."""
    for i in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        maximum = maxima[0, i]
        total = 0.0
        for q in range(maxima.shape[0]):
            maximum = max(maximum, maxima[q, i])
        for q in range(maxima.shape[0]):
            total += sums[q, i] * clipped_exp2(maxima[q, i] - maximum)
        out[i] = maximum + math.log2(total)
