"""The pass for sums of exponents of any size on the GPU: each thread keeps the maximum of a row and
the sum relative to it.

It walks over the pairs as the passes of `kernels` do.
"""

from functools import cache

import numpy as np

from ..elementary import exp2 as clipped_exp2
from . import tiles
from .device import EXP2, cuda, device, kernel, syncthreads
from .pairs import exponents_of, shape_of_terms


@cache
def log_sums_kernel(dtype, shape, kind=None):
    """maxima_qi = max of the exponents of row i over chunk q, and sums_qi = sum_j 2^(exponent -
    maximum).
    """
    number = np.dtype(dtype).type
    rows = shape.rows
    columns = shape.columns
    block = shape.block
    step = shape.step
    lanes = shape.lanes
    tile = shape.tile
    in_registers = shape.few
    near_shape = shape.near
    held_shape = shape.held
    (place, place_parts) = tiles.placing(dtype, shape, 0)
    (hold, _) = tiles.holding(dtype, shape)
    exponents = exponents_of(dtype, shape, kind)
    go_on = _going_on(dtype, shape)
    merge = _merging(shape)
    clear = tiles.clearing(shape)
    inert = number(tiles.INERT)
    terms_shape = shape_of_terms(shape, kind)

    @kernel
    def pass_over(x, y, maxima, sums, start, stop):
        near = cuda.shared.array(near_shape, number)
        beside = cuda.shared.array((tile, 1), number)
        shared = cuda.shared.array(block, number)
        parts = cuda.shared.array((2, lanes, block), number)
        held = (
            cuda.local.array(held_shape, number)
            if in_registers
            else cuda.shared.array(held_shape, number)
        )
        t = cuda.local.array((rows, columns), number)
        A = cuda.local.array(rows, number)
        largest = cuda.local.array(rows, number)
        totals = cuda.local.array(rows, number)
        terms = cuda.local.array(terms_shape, number)
        p = cuda.blockIdx.x
        q = cuda.blockIdx.y
        me = np.uint32(cuda.threadIdx.x)
        if start == 0:
            clear(x, p, maxima, q, inert, me)
            clear(x, p, sums, q, number(0), me)
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
                syncthreads()
                place_parts(x, of_x, y, of_y, j0, j1, beside, me)
                for base in range(i0, i1, block):
                    hold(x, of_x, y, of_y, base, i1, shared, held, A, me)
                    # The rows' part of the exponents may be of any size, and is added in float64
                    for r in range(rows):
                        A[r] = number(0)
                        largest[r] = inert
                        totals[r] = number(0)
                    for s in range(np.int32((j1 - j0 + step - 1) // step)):
                        exponents(
                            x, base, i1, y, j0, j1, np.uint32(s), held, near, beside,
                            A, terms, t, me,
                        )  # fmt: skip
                        go_on(t, largest, totals)
                    merge(x, of_x, y, of_y, base, i1, largest, totals, parts, maxima, sums, q, me)

    return pass_over


def _going_on(dtype, shape):
    exp2 = EXP2[dtype]
    rows = shape.rows
    columns = shape.columns

    @device
    def go_on(t, largest, totals):
        """Update a thread's maxima and sums with another tile."""
        for r in range(rows):
            new = largest[r]
            for c in range(columns):
                new = max(new, t[r, c])
            total = totals[r] * exp2(largest[r] - new)
            for c in range(columns):
                total += exp2(t[r, c] - new)
            largest[r], totals[r] = new, total

    return go_on


def _merging(shape):
    threads = shape.threads
    lanes = shape.lanes
    groups = shape.groups
    rows = shape.rows
    block = shape.block

    @device
    def merge(x, s, y, t, base, i1, largest, totals, parts, maxima, sums, q, me):
        """Merge the maxima and sums of a block, lane by lane, in float64."""
        syncthreads()
        for r in range(rows):
            parts[0, me % lanes, me // lanes + r * groups] = largest[r]
            parts[1, me % lanes, me // lanes + r * groups] = totals[r]
        syncthreads()
        for r in range(me, min(block, i1 - base), threads):
            i = base + r
            A = tiles.row_part(x, s, y, t, i)
            maximum = maxima[q, i, 0]
            total = sums[q, i, 0]
            for lane in range(lanes):
                other = A + np.float64(parts[0, lane, r])
                new = max(maximum, other)
                total = total * clipped_exp2(maximum - new) + parts[1, lane, r] * clipped_exp2(
                    other - new
                )
                maximum = new
            maxima[q, i, 0], sums[q, i, 0] = maximum, total

    return merge
