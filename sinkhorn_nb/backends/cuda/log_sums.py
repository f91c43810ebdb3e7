"""Sums of exponents of any size on the GPU: each thread keeps the maximum of a row and the sum
relative to it.
"""

from functools import cache

import numpy as np

from ..elementary import exp2 as clipped_exp2
from . import tiles
from .device import EXP2, device, syncthreads
from .kernels import Reduction, walking

LARGEST, TOTAL = 0, 1  # of a row, relative to its part of the exponents


@cache
def log_sums_kernel(dtype, shape, kind=None):
    """maxima_qi = max of the exponents of row i over chunk q, and sums_qi = sum_j 2^(exponent -
    maximum).
    """
    reduction = Reduction(
        n_placed=0,
        n_totals=2,
        total=np.dtype(dtype).type,
        n_parts=2,
        columns_too=False,
        clear=_clearing(dtype, shape),
        is_open=tiles.always_open,
        begin=_beginning(dtype, shape),
        add_tile=_going_on(dtype, shape),
        add_rows=_merging(shape),
    )
    return walking(dtype, shape, False, kind, reduction)


def _clearing(dtype, shape):
    number = np.dtype(dtype).type
    clear_side = tiles.clearing(shape)
    inert = number(tiles.INERT)

    @device
    def clear(x, p, y, q, maxima, sums, me):
        clear_side(x, p, maxima, q, inert, me)
        clear_side(x, p, sums, q, number(0), me)

    return clear


def _beginning(dtype, shape):
    number = np.dtype(dtype).type
    rows = shape.rows
    inert = number(tiles.INERT)

    @device
    def begin(x, base, i1, A, a, totals, me):
        # The rows' part of the exponents may be of any size, and is added in float64
        for r in range(rows):
            A[r] = number(0)
            totals[r, LARGEST] = inert
            totals[r, TOTAL] = number(0)

    return begin


def _going_on(dtype, shape):
    exp2 = EXP2[dtype]
    rows = shape.rows
    columns = shape.columns

    @device
    def go_on(x, s, terms, t, beside, a, totals, sums, own, me):
        """Update a thread's maxima and sums with another tile."""
        for r in range(rows):
            new = totals[r, LARGEST]
            for c in range(columns):
                new = max(new, t[r, c])
            total = totals[r, TOTAL] * exp2(totals[r, LARGEST] - new)
            for c in range(columns):
                total += exp2(t[r, c] - new)
            totals[r, LARGEST] = new
            totals[r, TOTAL] = total

    return go_on


def _merging(shape):
    threads = shape.threads
    lanes = shape.lanes
    groups = shape.groups
    rows = shape.rows
    block = shape.block

    @device
    def merge(x, s, y, t, base, i1, j0, totals, parts, maxima, sums, q, me):
        """Merge the maxima and sums of a block, lane by lane, in float64."""
        syncthreads()
        for r in range(rows):
            own = me // lanes + r * groups
            parts[LARGEST * lanes + me % lanes, own] = totals[r, LARGEST]
            parts[TOTAL * lanes + me % lanes, own] = totals[r, TOTAL]
        syncthreads()
        for r in range(me, min(block, i1 - base), threads):
            i = base + r
            A = tiles.row_part(x, s, y, t, i)
            maximum = maxima[q, i, 0]
            total = sums[q, i, 0]
            for lane in range(lanes):
                other = A + np.float64(parts[LARGEST * lanes + lane, r])
                new = max(maximum, other)
                added = parts[TOTAL * lanes + lane, r] * clipped_exp2(other - new)
                total = total * clipped_exp2(maximum - new) + added
                maximum = new
            maxima[q, i, 0] = maximum
            sums[q, i, 0] = total

    return merge
