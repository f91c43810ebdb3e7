"""The pairs of one thread on the GPU: their exponents, factors and sums."""

from functools import cache

import numpy as np

from ..cost_functions import is_compiled
from ..pointwise import add_inner, add_terms, exponent
from .costs import given_cost, made, scaled_cost_of, slope_of
from .device import EXP2, device, syncthreads
from .tiles import STRETCH, entries

# Factors of the pairs: their costs, the slopes of these, the signs of A_i - B_j, or 0 for heavy
# pairs and 1 for light ones
COST, SLOPE, SIGN, LIGHT = 0, 1, 2, 3


@cache
def exponents_of(dtype, shape, kind=None):
    """The function that computes a thread's tile t of exponents, in step s of the columns.

    For another kind of cost than None, `terms` becomes the tile of the sums that it depends on.
    """
    if is_compiled(kind):
        return _exponents_of_function(shape, kind)
    return (
        _exponents_in_registers(dtype, shape, kind) if shape.few else _by_parts(dtype, shape, kind)
    )


def _exponents_in_registers(dtype, shape, kind):
    """The same for short points."""
    lanes = shape.lanes
    rows = shape.rows
    columns = shape.columns
    step = shape.step
    point = entries(shape.dimension or STRETCH)
    make = made(kind)
    scaled = scaled_cost_of(kind, dtype)

    @device
    def by_coordinate(x, base, i1, y, j0, j1, s, held, near, beside, A, terms, t, me):
        first = np.uint32(s * np.uint32(step) + me % np.uint32(lanes))
        for c in range(columns):
            yj = point(near, first + c * lanes, 0)
            B = beside[first + c * lanes, 0]
            for r in range(rows):
                t[r, c] = exponent(None, A[r], B, point(held, r, 0), yj)

    @device
    def by_difference(x, base, i1, y, j0, j1, s, held, near, beside, A, terms, t, me):
        first = np.uint32(s * np.uint32(step) + me % np.uint32(lanes))
        for c in range(columns):
            yj = point(near, first + c * lanes, 0)
            B = beside[first + c * lanes, 0]
            for r in range(rows):
                terms[r, c] = add_terms(make(x.number), B - B, point(held, r, 0), yj)
                t[r, c] = (A[r] + B) - scaled(terms[r, c], x.number)

    return by_coordinate if kind is None else by_difference


def _by_parts(dtype, shape, kind):
    """The same for long points, whose coordinates are fetched some at a time."""
    lanes = shape.lanes
    groups = shape.groups
    rows = shape.rows
    columns = shape.columns
    step, threads, block = shape.step, shape.threads, shape.block
    point = entries(shape.dimension or STRETCH)
    make = made(kind)
    scaled = scaled_cost_of(kind, dtype)

    @device
    def fetch(points, start, stop, begin, count, out, me):
        k = np.uint32(me % np.uint32(STRETCH))
        first = np.uint32(me // np.uint32(STRETCH))
        for e in range(count * STRETCH // threads):
            i = first + np.uint32(e * (threads // STRETCH))
            # The last point, beyond: its exponents are inert
            out[i, k] = points[min(start + i, stop - 1), begin + k]

    @device
    def by_part(x, base, i1, y, j0, j1, s, held, near, beside, A, terms, t, me):
        group = np.uint32(me // np.uint32(lanes))
        lane = np.uint32(me % np.uint32(lanes))
        for c in range(columns):
            for r in range(rows):
                t[r, c] = A[r] + beside[s * np.uint32(step) + lane + c * lanes, 0]
        for begin in range(0, x.points.shape[1], STRETCH):
            syncthreads()
            fetch(x.points, base, i1, begin, block, held, me)
            fetch(y.points, j0 + s * step, j1, begin, step, near, me)
            syncthreads()
            for c in range(columns):
                yj = point(near, lane + c * lanes, 0)
                for r in range(rows):
                    t[r, c] = add_inner(t[r, c], point(held, group + r * groups, 0), yj)

    @device
    def by_part_of_difference(x, base, i1, y, j0, j1, s, held, near, beside, A, terms, t, me):
        group = np.uint32(me // np.uint32(lanes))
        lane = np.uint32(me % np.uint32(lanes))
        for c in range(columns):
            for r in range(rows):
                terms[r, c] = 0
        for begin in range(0, x.points.shape[1], STRETCH):
            syncthreads()
            fetch(x.points, base, i1, begin, block, held, me)
            fetch(y.points, j0 + s * step, j1, begin, step, near, me)
            syncthreads()
            for c in range(columns):
                yj = point(near, lane + c * lanes, 0)
                for r in range(rows):
                    xi = point(held, group + r * groups, 0)
                    terms[r, c] = add_terms(make(x.number), terms[r, c], xi, yj)
        for c in range(columns):
            B = beside[s * np.uint32(step) + lane + c * lanes, 0]
            for r in range(rows):
                t[r, c] = (A[r] + B) - scaled(terms[r, c], x.number)

    return by_part if kind is None else by_part_of_difference


def _exponents_of_function(shape, function):
    """The same for a caller's function, which reads the points where they are."""
    lanes = shape.lanes
    groups = shape.groups
    rows = shape.rows
    columns = shape.columns
    step = shape.step
    cost = given_cost(function)

    @device
    def by_function(x, base, i1, y, j0, j1, s, held, near, beside, A, terms, t, me):
        first = np.uint32(s * np.uint32(step) + me % np.uint32(lanes))
        for c in range(columns):
            k = first + c * lanes
            j = min(j0 + k, j1 - 1)  # the last point, beyond: its exponents are inert
            for r in range(rows):
                i = min(base + me // lanes + r * groups, i1 - 1)
                terms[r, c] = cost(x, i, y, j)
                t[r, c] = (A[r] + beside[k, 0]) - terms[r, c]

    return by_function


@cache
def shape_of_terms(shape, kind):
    """Shape of a thread's tile of sums; a single number if there is none."""
    return (1, 1) if kind is None else (shape.rows, shape.columns)


@cache
def weighing(dtype, shape, n_values, kind, factor):
    """The function that multiplies a thread's pairs by a factor: None, COST, SLOPE, SIGN or LIGHT.

    For SIGN the values of the rows are A, and the last values of the columns are B. For LIGHT the
    last sums of the rows count the heavy pairs.
    """
    number_type = np.dtype(dtype).type
    rows = shape.rows
    columns = shape.columns
    lanes = shape.lanes
    scaled = scaled_cost_of(kind, dtype)
    slope = slope_of(kind, dtype)

    @device
    def leave(x, terms, t, A, beside, first, totals):
        pass

    @device
    def by_cost(x, terms, t, A, beside, first, totals):
        for c in range(columns):
            for r in range(rows):
                t[r, c] *= scaled(terms[r, c], x.number)

    @device
    def by_slope(x, terms, t, A, beside, first, totals):
        for c in range(columns):
            for r in range(rows):
                t[r, c] *= slope(terms[r, c], x.number)

    @device
    def by_sign(x, terms, t, A, beside, first, totals):
        for c in range(columns):
            B = beside[first + c * lanes, 1 + n_values]
            for r in range(rows):
                t[r, c] *= number_type(A[r] > B) - number_type(A[r] < B)

    @device
    def if_light(x, terms, t, A, beside, first, totals):
        for c in range(columns):
            B = beside[first + c * lanes, 1]
            for r in range(rows):
                is_heavy = t[r, c] * max(A[r], B) > x.limit
                totals[r, n_values] += number_type(is_heavy)
                t[r, c] = number_type(0) if is_heavy else t[r, c]

    return {None: leave, COST: by_cost, SLOPE: by_slope, SIGN: by_sign, LIGHT: if_light}[factor]


@cache
def adding_tile(dtype, shape, n_values, columns_too, weigh):
    """The function that adds a thread's pairs, weighed, to its sums of rows and of columns."""
    exp2 = EXP2[dtype]
    threads = shape.threads
    lanes = shape.lanes
    rows = shape.rows
    columns = shape.columns
    step = shape.step

    @device
    def add_tile(x, s, terms, t, beside, a, totals, sums, own, me):
        """Add a thread's pairs to its sums of rows and of columns."""
        first = np.uint32(s * np.uint32(step) + me % np.uint32(lanes))
        slot = np.uint32(s * np.uint32(threads) + me)
        for c in range(columns):
            for r in range(rows):
                t[r, c] = exp2(t[r, c])
        weigh(x, terms, t, a, beside, first, totals)
        for k in range(n_values):
            for c in range(columns):
                for r in range(rows):
                    totals[r, k] += beside[first + c * lanes, 1 + k] * t[r, c]
        if columns_too:
            for c in range(columns):
                sums[c] = own[slot, c]
                for r in range(rows):
                    sums[c] += a[r] * t[r, c]
            for c in range(columns):
                own[slot, c] = sums[c]

    return add_tile
