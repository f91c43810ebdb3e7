"""One tile of pairs on the GPU, and the steps of a block of threads around it.

All threads of a block call each function here; `me` is the number of the thread.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from .device import SIMULATOR, device, syncthreads

INERT = -1e30  # exponent of the padding of a tile
REGISTER_DIM = 6  # up to this dimension the coordinates of a thread's rows are in registers
STRETCH = 4  # coordinates that are multiplied at a time in higher dimensions


class Shape(NamedTuple):
    """Shape of a thread block: `lanes` of its `threads` lie along the columns; each takes `rows` x
    `columns` pairs.
    """

    dimension: int  # of the points; 0 means more than REGISTER_DIM
    threads: int
    lanes: int
    rows: int
    columns: int
    tile: int  # columns in shared memory, a multiple of step

    @property
    def groups(self):
        """Number of groups of threads along the rows."""
        return self.threads // self.lanes

    @property
    def block(self):
        """Number of rows of all threads."""
        return self.groups * self.rows

    @property
    def step(self):
        """Number of columns of all threads."""
        return self.lanes * self.columns

    @property
    def few(self):
        """Whether the coordinates are few enough for registers."""
        return self.dimension > 0

    @property
    def held(self):
        """Shape of the coordinates of rows: those of one thread in registers, or a part of all in
        shared memory.
        """
        return (self.rows, self.dimension) if self.few else (self.block, STRETCH)

    @property
    def near(self):
        """Shape of the coordinates of columns; the widths suit vector loads without bank
        conflicts.
        """
        if not self.few:
            return self.step, STRETCH
        return self.tile, next(w for w in (1, 2, 4, 8) if w >= self.dimension)


def shape_of(dtype, dimension):
    """The shape for points of a dimension: at most 48 KB of shared memory and about 128 registers
    per thread.
    """
    dimension = dimension if dimension <= REGISTER_DIM else 0
    if SIMULATOR:
        return Shape(dimension, 4, 2, 2, 2, 8)
    if dtype == "float64":
        return Shape(dimension, 128, 8, 4, 4 if dimension == 0 else 2, 128)
    if dimension == 0:
        return Shape(dimension, 128, 8, 8, 8, 256)
    return Shape(dimension, 64, 8, 8, 4, 512 if dimension <= 4 else 256)


def shape_of_function(dtype):
    """The shape for a caller's cost, which reads the points in memory. Its code is repeated for
    each pair of a thread, so these are few.
    """
    return shape_of(dtype, REGISTER_DIM + 1)._replace(rows=2, columns=2)


@cache
def entries(count):
    """The function (array, i, k) -> (array[i, k], ..., array[i, k + count - 1])."""
    if count == 1:
        return device(lambda array, i, k: (array[i, k],))
    before = entries(count - 1)
    last = count - 1
    return device(lambda array, i, k: before(array, i, k) + (array[i, k + last],))


@device
def _along(x, s, y, t, points, i):
    """<d, point i> in float64, where d is the vector from the center of y's tile t to the center of
    x's tile s.
    """
    total = 0.0
    for k in range(points.shape[1]):
        total += (x.centres[s, k] - y.centres[t, k]) * points[i, k]
    return total


@device
def row_part(x, s, y, t, i):
    """F_i + reference - |d|^2 / 2 - <d, x_i>: the part of the exponents that belongs to row i."""
    square = 0.0
    for k in range(x.points.shape[1]):
        square += (x.centres[s, k] - y.centres[t, k]) ** 2
    return x.exponents[i] + (y.references[t] - square / 2 - _along(x, s, y, t, x.points, i))


@device
def column_part(x, s, y, t, j):
    """G_j - reference + <d, y_j>: the part that belongs to column j."""
    return (y.exponents[j] - y.references[t]) + _along(x, s, y, t, y.points, j)


@cache
def placing(dtype, shape, n_values):
    """Functions that place a tile of columns, and their part of the exponents, in shared memory."""
    number = np.dtype(dtype).type
    threads = shape.threads
    tile = shape.tile
    dimension = shape.dimension

    @device
    def place_columns(y, j0, j1, near, beside, me):
        """Place coordinates (if they are few) and values of the columns j0 to j1, and zeros after
        j1.
        """
        for j in range(me, tile, threads):
            for k in range(dimension):
                near[j, k] = y.points[j0 + j, k] if j < j1 - j0 else number(0)
            for k in range(n_values):
                beside[j, 1 + k] = y.values[j0 + j, k] if j < j1 - j0 else number(0)

    @device
    def place_column_parts(x, s, y, t, j0, j1, beside, me):
        for j in range(me, tile, threads):
            beside[j, 0] = number(column_part(x, s, y, t, j0 + j)) if j < j1 - j0 else number(INERT)

    return place_columns, place_column_parts


@cache
def holding(dtype, shape):
    """The function that gives each thread its rows: part A of the exponents, and coordinates if
    they are few.
    """
    number = np.dtype(dtype).type
    threads = shape.threads
    lanes = shape.lanes
    groups = shape.groups
    rows, block, dimension = shape.rows, shape.block, shape.dimension

    @device
    def hold(x, s, y, t, base, i1, shared, held, A, me):
        for r in range(me, block, threads):
            shared[r] = number(row_part(x, s, y, t, base + r)) if base + r < i1 else number(INERT)
        syncthreads()
        for r in range(rows):
            own = me // lanes + r * groups
            A[r] = shared[own]
            for k in range(dimension):
                held[r, k] = x.points[min(base + own, i1 - 1), k]

    return hold


@cache
def beginning(shape):
    """The function that gives each thread the weights of its rows, and clears its totals."""
    lanes = shape.lanes
    groups = shape.groups
    rows = shape.rows

    @device
    def begin(x, base, i1, A, a, totals, me):
        for r in range(rows):
            a[r] = x.values[min(base + me // lanes + r * groups, i1 - 1), 0]
            for k in range(totals.shape[1]):
                totals[r, k] = 0

    return begin


@cache
def clearing(shape):
    """The function that fills a block's part of the sums over panels or chunks."""
    threads = shape.threads

    @device
    def clear(side, panel, sums, chunk, value, me):
        first = side.pieces[side.ends[panel], 0]
        stop = side.pieces[side.ends[panel + 1] - 1, 1]
        for i in range(first + me, stop, threads):
            for k in range(sums.shape[2]):
                sums[chunk, i, k] = value

    return clear


@cache
def clearing_sums(dtype, shape, columns_too):
    """The function that clears a block's sums of rows and, if there are any, of columns."""
    zero = np.dtype(dtype).type(0)
    clear = clearing(shape)

    @device
    def clear_sums(x, p, y, q, row_sums, column_sums, me):
        clear(x, p, row_sums, q, zero, me)
        if columns_too:
            clear(y, q, column_sums, p, zero, me)

    return clear_sums


@device
def always_open(sums, chunk, base, i1, shared, me):
    """All blocks of rows take part."""
    return True


@cache
def adding_rows(shape):
    """A function that adds the row sums of a block over its lanes, in order."""
    threads = shape.threads
    lanes = shape.lanes
    groups = shape.groups
    rows = shape.rows
    block = shape.block

    @device
    def add_rows(x, s, y, t, base, i1, j0, totals, parts, row_sums, column_sums, chunk, me):
        for k in range(totals.shape[1]):
            syncthreads()
            for r in range(rows):
                parts[me % lanes, me // lanes + r * groups] = totals[r, k]
            syncthreads()
            for r in range(me, min(block, i1 - base), threads):
                total = 0.0
                for lane in range(lanes):
                    total += parts[lane, r]
                row_sums[chunk, base + r, k] += total

    return add_rows


@cache
def adding_columns(shape):
    """The functions that clear the threads' own column sums, and sum them in order."""
    threads = shape.threads
    lanes = shape.lanes
    groups = shape.groups
    columns = shape.columns
    step = shape.step

    @device
    def empty(own, me):
        for slot in range(me, own.shape[0], threads):
            for c in range(columns):
                own[slot, c] = 0

    @device
    def add_columns(own, column_sums, panel, j0, j1, me):
        for j in range(me, j1 - j0, threads):
            s = j // step
            c = j % step // lanes
            lane = j % lanes
            total = 0.0
            for group in range(groups):
                total += own[s * threads + group * lanes + lane, c]
            column_sums[panel, j0 + j, 0] += total

    return empty, add_columns
