"""Work that a block of threads shares over the rows and columns of one matrix.

Every function here is called by all threads of a block; `me` is the thread's number. `parts`, in
shared memory, is filled after all have waited for each other, because some may still read it. Sums
are made in an order that the sizes of the problem fix.
"""

from functools import cache

import numpy as np

from ..elementary import exp2
from .device import device, syncthreads

PARTS = 8  # rows of `parts`, which holds a number of each thread in each


@device
def _product(entry, number, _):
    return entry * number


@device
def _exponent(cost, number, coolness):
    return number - coolness * cost


@device
def _sum(x, y):
    return x + y


@device
def _larger(x, y):
    return max(x, y)


@cache
def reducing(team):
    """The function that leaves the sums of the first rows of `parts`, and the maxima of the next,
    in their column 0.
    """
    threads = team.threads

    @device
    def reduce(parts, n_sums, n_maxima, me):
        syncthreads()
        half = threads // 2
        while half > 0:
            if me < half:
                for k in range(n_sums):
                    parts[k, me] += parts[k, me + half]
                for k in range(n_sums, n_sums + n_maxima):
                    parts[k, me] = max(parts[k, me], parts[k, me + half])
            syncthreads()
            half //= 2

    return reduce


def _rowwise(team, term, join, nothing):
    lanes = team.lanes
    groups = team.threads // team.lanes
    threads = team.threads

    @device
    def over_rows(matrix, stride, vector, factor, n, m, out, parts, me):
        """Join term(matrix_ij, vector_j, factor) over j in out_i; some threads go on before all are
        written.
        """
        lane, group = me % lanes, me // lanes
        for first in range(0, n, PARTS * groups):
            syncthreads()
            for r in range(PARTS):
                i = first + r * groups + group
                total = nothing
                if i < n:
                    row = np.uint32(i * stride)
                    for j in range(np.int32(lane), np.int32(m), np.int32(lanes)):
                        entry = matrix[np.uint32(row + np.uint32(j))]
                        number = vector[np.uint32(j)]
                        total = join(total, term(entry, number, factor))
                    parts[r, lane * groups + group] = total
            syncthreads()
            for e in range(me, min(PARTS * groups, n - first), threads):
                r, g = e // groups, e % groups
                total = parts[r, g]
                for k in range(1, lanes):
                    total = join(total, parts[r, k * groups + g])
                out[first + e] = total

    return over_rows


@cache
def adding_rows(team):
    """The function for out_i = sum_j K_ij vector_j."""
    return _rowwise(team, _product, _sum, 0.0)


@cache
def adding_columns(team):
    """The function for out_j = sum_i shares_i K_ij."""
    width = team.columns
    slices = team.threads // team.columns
    threads = team.threads

    @device
    def over_columns(K, stride, shares, n, m, out, parts, me):
        column, own = me % width, me // width
        for first in range(0, m, PARTS * width):
            syncthreads()
            for r in range(PARTS):
                j = first + r * width + column
                total = 0.0
                if j < m:
                    for i in range(np.int32(own), np.int32(n), np.int32(slices)):
                        total += (
                            shares[np.uint32(i)]
                            * K[np.uint32(np.uint32(i) * np.uint32(stride) + np.uint32(j))]
                        )
                    parts[r, me] = total
            syncthreads()
            for e in range(me, min(PARTS * width, m - first), threads):
                r, c = e // width, e % width
                total = parts[r, c]
                for k in range(1, slices):
                    total += parts[r, k * width + c]
                out[first + e] = total

    return over_columns


@cache
def building(team):
    """The function for K_ij = 2^(base_j - coolness C_ij - top_i), the largest entry of each row
    being 1.
    """
    maxima = _rowwise(team, _exponent, _larger, -np.inf)
    width = team.columns
    slices = team.threads // team.columns

    @device
    def build(C, coolness, base, n, m, stride, top, K, parts, me):
        syncthreads()  # K is read no longer, and the base is written
        maxima(C, m, base, coolness, n, m, top, parts, me)
        syncthreads()
        for i in range(me // width, n, slices):
            row = np.uint32(i * stride)
            costs = np.uint32(i * m)
            largest = top[i]
            for j in range(np.int32(me % width), np.int32(m), np.int32(width)):
                exponent = _exponent(
                    C[np.uint32(costs + np.uint32(j))], base[np.uint32(j)], coolness
                )
                K[np.uint32(row + np.uint32(j))] = exp2(exponent - largest)

    return build
