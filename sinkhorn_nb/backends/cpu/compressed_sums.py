"""Sums and products over all points of a cloud; NumPy takes several passes, on one thread."""

from itertools import pairwise

import numpy as np

from ..jit import exact_kernel
from .compressed_moments import UNIT
from .threads import count, run

PIECES_PER_THREAD = 8


def over_pieces(task, n):
    """Call task(start, stop) for pieces of n points, on all threads."""
    pieces = PIECES_PER_THREAD * count()
    run(task, list(pairwise(n * t // pieces for t in range(pieces + 1))))


def weighted_mean(values, probabilities):
    """sum_i a_i v_i, by integers: the same bits for any order of the points."""
    largest = float(largest_size(values))
    if not np.isfinite(largest):
        return float("nan")
    if largest == 0:
        return 0.0
    sums = []

    def add(start, stop):
        sums.append(int(rounded_sum(values, probabilities, UNIT / largest, start, stop)))

    over_pieces(add, len(values))
    return sum(sums) / UNIT * largest


def scaled_rows(rows, weights, factor):
    """factor w_i times row i."""
    out = np.empty(rows.shape)
    over_pieces(lambda start, stop: scale_rows(rows, weights, factor, out, start, stop), len(rows))
    return out


@exact_kernel
def largest_size(values):
    """max_i |v_i|; nan if any value is nan."""
    largest = 0.0
    for i in range(len(values)):
        if not abs(values[i]) <= largest:
            largest = abs(values[i])
            if largest != largest:
                return largest
    return largest


@exact_kernel
def rounded_sum(values, weights, unit, start, stop):
    """The sum of v_i w_i / unit, each rounded to an integer."""
    total = np.int64(0)
    for i in range(start, stop):
        total += np.int64(np.rint(values[i] * (weights[i] * unit)))
    return total


@exact_kernel
def scale_rows(rows, weights, factor, out, start, stop):
    """out_i = factor w_i times row i."""
    for i in range(start, stop):
        w = factor * weights[i]
        for k in range(rows.shape[1]):
            out[i, k] = w * rows[i, k]
