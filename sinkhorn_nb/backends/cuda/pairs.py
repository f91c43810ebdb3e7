"""The pairs of one thread on the GPU: their exponents, factors and sums."""

from functools import cache

import numpy as np

from ..pointwise import add_inner, add_terms, exponent, slope
from .device import EXP2, device, scaled_cost_of, syncthreads
from .tiles import STRETCH, entries


@cache
def exponents_of(dtype, shape, cost=None):
    """The function that computes a thread's tile t of exponents, in step s of the columns.

    For another kind of cost than None, `terms` becomes the tile of the sums that it depends on.
    """
    lanes = shape.lanes
    groups = shape.groups
    rows = shape.rows
    columns = shape.columns
    step, threads, block = shape.step, shape.threads, shape.block
    point = entries(shape.dimension or STRETCH)
    scaled = scaled_cost_of(cost, dtype)

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
                terms[r, c] = add_terms(cost, B - B, point(held, r, 0), yj)
                t[r, c] = (A[r] + B) - scaled(terms[r, c])

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
                    terms[r, c] = add_terms(cost, terms[r, c], xi, yj)
        for c in range(columns):
            B = beside[s * np.uint32(step) + lane + c * lanes, 0]
            for r in range(rows):
                t[r, c] = (A[r] + B) - scaled(terms[r, c])

    if cost is None:
        return by_coordinate if shape.few else by_part
    return by_difference if shape.few else by_part_of_difference


@cache
def shape_of_terms(shape, cost):
    """Shape of a thread's tile of sums; a single number if there is none."""
    return (1, 1) if cost is None else (shape.rows, shape.columns)


@cache
def weighing(dtype, shape, cost, derivative):
    """The function that multiplies a thread's pairs by their costs or, for derivative = 1, by the
    slopes of these.
    """
    rows = shape.rows
    columns = shape.columns
    scaled = scaled_cost_of(cost, dtype)

    @device
    def leave(terms, t):
        pass

    @device
    def by_cost(terms, t):
        for c in range(columns):
            for r in range(rows):
                t[r, c] *= scaled(terms[r, c])

    @device
    def by_slope(terms, t):
        for c in range(columns):
            for r in range(rows):
                t[r, c] *= slope(cost, terms[r, c])

    if cost is None or derivative is None:
        return leave
    return by_slope if derivative == 1 else by_cost


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
    def add_tile(s, terms, t, beside, a, totals, sums, own, me):
        """Add a thread's pairs to its sums of rows and of columns."""
        first = np.uint32(s * np.uint32(step) + me % np.uint32(lanes))
        slot = np.uint32(s * np.uint32(threads) + me)
        for c in range(columns):
            for r in range(rows):
                t[r, c] = exp2(t[r, c])
        weigh(terms, t)
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
