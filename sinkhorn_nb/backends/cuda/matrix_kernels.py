"""Passes over the entries of a cost matrix on the GPU, each of which is read once, as it lies in
memory.

A block of threads takes the lines of a panel against the columns of a chunk. Its threads lie along
the columns, so that they read neighboring entries, and each sums LINES lines at a time. Sums over
threads, panels and chunks are made in order, so the result has the same bits each time.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..cpu.matrix_kernels import FORBIDDEN, scaled
from ..elementary import exp2 as clipped_exp2
from .device import EXP2, SIMULATOR, cuda, device, kernel, syncthreads
from .tiles import INERT

THREADS, LINES = (2, 2) if SIMULATOR else (128, 16)


class Side(NamedTuple):
    """The lines or the columns that take part in a pass."""

    places: Any  # their indices in the matrix
    ends: Any  # of the panels of lines or the chunks of columns, from 0
    exponents: Any
    values: Any  # (n, k)

    @property
    def n_parts(self):
        """Number of panels or chunks."""
        return len(self.ends) - 1


@cache
def _placing_lines(dtype):
    """The function that gives each thread the indices and the exponents of some lines."""
    number = np.dtype(dtype).type

    @device
    def place_lines(x, base, last, places, F):
        for r in range(LINES):
            is_there = base + r < last
            i = min(base + r, last - 1)
            places[r] = x.places[i]
            F[r] = x.exponents[i] if is_there else number(INERT)

    return place_lines


@cache
def sums_kernel(dtype, n_line_values, n_column_values, times_cost):
    """line_sums_qr = sum_j p_rj V_j over chunk q, and column_sums_pj = sum_r p_rj W_r over panel p,
    for the values V of the columns and W of the lines; p_rj times its cost if that is wanted.
    """
    number = np.dtype(dtype).type
    exp2 = EXP2[dtype]
    place_lines = _placing_lines(dtype)
    add_lines = _adding_lines(n_column_values)
    totals_shape = LINES, max(1, n_column_values)
    n_sums = max(1, n_line_values)

    @kernel
    def pass_over(costs, per_cost, x, y, line_sums, column_sums):
        parts = cuda.shared.array((LINES, THREADS), number)
        totals = cuda.local.array(totals_shape, number)
        sums = cuda.local.array(n_sums, number)
        places = cuda.local.array(LINES, np.int64)
        F = cuda.local.array(LINES, number)
        panel = cuda.blockIdx.x
        chunk = cuda.blockIdx.y
        me = cuda.threadIdx.x
        first = x.ends[panel]
        last = x.ends[panel + 1]
        j0 = y.ends[chunk]
        j1 = y.ends[chunk + 1]
        for base in range(first, last, LINES):
            place_lines(x, base, last, places, F)
            for r in range(LINES):
                for k in range(n_column_values):
                    totals[r, k] = number(0)
            for j in range(j0 + me, j1, THREADS):
                place = y.places[j]
                G = y.exponents[j]
                for k in range(n_line_values):
                    sums[k] = number(0)
                for r in range(LINES):
                    i = min(base + r, last - 1)
                    cost = scaled(costs[places[r], place], per_cost)
                    is_allowed = cost < FORBIDDEN
                    t = (F[r] + G) - cost
                    p = exp2(t) if is_allowed else number(0)
                    if times_cost:
                        p *= cost if is_allowed else number(0)
                    for k in range(n_column_values):
                        totals[r, k] += y.values[j, k] * p
                    for k in range(n_line_values):
                        sums[k] += x.values[i, k] * p
                for k in range(n_line_values):
                    before = column_sums[panel, j, k] if base > first else 0.0
                    column_sums[panel, j, k] = before + sums[k]
            add_lines(totals, parts, line_sums, chunk, base, last, me)

    return pass_over


def _adding_lines(count):
    @device
    def add_lines(totals, parts, line_sums, chunk, base, last, me):
        """Write the sums of some lines over the threads, in order."""
        for k in range(count):
            syncthreads()
            for r in range(LINES):
                parts[r, me] = totals[r, k]
            syncthreads()
            n_lines = min(LINES, last - base)
            for r in range(me, n_lines, THREADS):
                total = 0.0
                for thread in range(THREADS):
                    total += parts[r, thread]
                line_sums[chunk, base + r, k] = total

    return add_lines


@cache
def log_sums_of_lines(dtype):
    """maxima_qr = max_j (F_r + G_j - cost) over chunk q, and sums_qr = sum_j 2^(F_r + G_j - cost -
    maximum).
    """
    number = np.dtype(dtype).type
    exp2 = EXP2[dtype]
    place_lines = _placing_lines(dtype)

    @kernel
    def pass_over(costs, per_cost, x, y, maxima, sums):
        parts = cuda.shared.array((LINES, THREADS), number)
        largest = cuda.shared.array((LINES, THREADS), number)
        places = cuda.local.array(LINES, np.int64)
        F = cuda.local.array(LINES, number)
        panel = cuda.blockIdx.x
        chunk = cuda.blockIdx.y
        me = cuda.threadIdx.x
        first = x.ends[panel]
        last = x.ends[panel + 1]
        j0 = y.ends[chunk]
        j1 = y.ends[chunk + 1]
        for base in range(first, last, LINES):
            place_lines(x, base, last, places, F)
            for r in range(LINES):
                parts[r, me] = number(0)
                largest[r, me] = number(2 * INERT)
            for j in range(j0 + me, j1, THREADS):
                place = y.places[j]
                for r in range(LINES):
                    cost = scaled(costs[places[r], place], per_cost)
                    t = y.exponents[j] - cost
                    old = largest[r, me]
                    new = max(old, t)
                    parts[r, me] = parts[r, me] * exp2(old - new) + exp2(t - new)
                    largest[r, me] = new
            syncthreads()
            n_lines = min(LINES, last - base)
            for r in range(me, n_lines, THREADS):
                maximum = np.float64(largest[r, 0])
                for thread in range(THREADS):
                    other = np.float64(largest[r, thread])
                    maximum = max(maximum, other)
                total = 0.0
                for thread in range(THREADS):
                    scale = clipped_exp2(largest[r, thread] - maximum)
                    total += parts[r, thread] * scale
                maxima[chunk, base + r] = x.exponents[base + r] + maximum
                sums[chunk, base + r] = total
            syncthreads()

    return pass_over


@cache
def log_sums_of_columns(dtype):
    """The same for the columns: maxima_pj and sums_pj over the lines of panel p."""
    number = np.dtype(dtype).type
    exp2 = EXP2[dtype]

    @kernel
    def pass_over(costs, per_cost, x, y, maxima, sums):
        panel = cuda.blockIdx.x
        chunk = cuda.blockIdx.y
        first = x.ends[panel]
        last = x.ends[panel + 1]
        j0 = y.ends[chunk] + cuda.threadIdx.x
        j1 = y.ends[chunk + 1]
        for j in range(j0, j1, THREADS):
            place = y.places[j]
            maximum = number(2 * INERT)
            total = number(0)
            for i in range(first, last):
                cost = scaled(costs[x.places[i], place], per_cost)
                t = number(x.exponents[i] - cost)
                new = max(maximum, t)
                total = total * exp2(maximum - new) + exp2(t - new)
                maximum = new
            G = np.float64(y.exponents[j])
            maxima[panel, j] = G + maximum
            sums[panel, j] = total

    return pass_over
