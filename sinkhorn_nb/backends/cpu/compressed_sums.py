"""Boxes, sums and products over all points; NumPy takes several passes, on one thread."""

from itertools import pairwise

import numpy as np

from ..jit import exact_kernel
from .threads import count, run

UNIT = 2.0**61  # the integer that stands for all the mass
PIECES_PER_THREAD = 8
ROWS = 32  # of points, whose coordinates are compared at once


def over_pieces(task, n):
    """Call task(start, stop) for pieces of n points, on all threads."""
    run(task, equal_pieces(n, PIECES_PER_THREAD * count()))


def equal_pieces(n, n_pieces):
    """The start and the stop of so many pieces of n points, of about equal sizes."""
    ends = [n * t // n_pieces for t in range(n_pieces + 1)]
    return list(pairwise(ends))


def of_pieces(function, n):
    """The results of function(start, stop) for pieces of n points, in any order."""
    results = []

    def task(start, stop):
        results.append(function(start, stop))

    over_pieces(task, n)
    return results


def bounding_box(points):
    """(2, d) lowest and highest coordinates; NumPy takes ten times as long for few columns."""
    n, d = points.shape
    flat = points.reshape(-1)
    boxes = of_pieces(lambda start, stop: ends(flat, d, start, stop), n)
    low, high = np.swapaxes(boxes, 0, 1)
    return np.stack([low.min(axis=0), high.max(axis=0)])


def weighted_mean(values, probabilities):
    """sum_i a_i v_i, by integers: the same bits for any order of the points."""
    n = len(values)
    sizes = of_pieces(lambda start, stop: largest_size(values, start, stop), n)
    largest = float(np.max(sizes))
    if not np.isfinite(largest):
        return float("nan")
    if largest == 0:
        return 0.0
    unit = UNIT / largest

    def sum_of(start, stop):
        return int(rounded_sum(values, probabilities, unit, start, stop))

    return sum(of_pieces(sum_of, n)) / UNIT * largest


def scaled_rows(rows, weights, factor):
    """factor w_i times row i."""
    out = np.empty(rows.shape)

    def scale(start, stop):
        scale_rows(rows, weights, factor, out, start, stop)

    over_pieces(scale, len(rows))
    return out


@exact_kernel
def ends(flat, d, start, stop):
    """(2, d) lowest and highest coordinates of points start to stop, row by row in one array."""
    width = d * ROWS
    begin = d * start
    end = d * stop
    low = np.full(width, np.inf, flat.dtype)
    high = np.full(width, -np.inf, flat.dtype)
    for first in range(begin, end, width):
        some = flat[first : min(first + width, end)]
        for q in range(len(some)):
            place = some[q]
            lowest = low[q]
            highest = high[q]
            low[q] = place if place < lowest else lowest
            high[q] = place if place > highest else highest
    box = np.empty((2, d))
    for k in range(d):
        box[0, k] = low[k::d].min()
        box[1, k] = high[k::d].max()
    return box


@exact_kernel
def largest_size(values, start, stop):
    """max_i |v_i|; nan if any value is nan."""
    largest = 0.0
    for i in range(start, stop):
        if not abs(values[i]) <= largest:
            largest = abs(values[i])
            if largest != largest:
                return largest
    return largest


@exact_kernel
def rounded_sum(values, weights, unit, start, stop):
    """The sum of `unit` times v_i w_i, where each term is rounded to an integer."""
    total = np.int64(0)
    for i in range(start, stop):
        weight = weights[i] * unit
        rounded = np.rint(values[i] * weight)
        total += np.int64(rounded)
    return total


@exact_kernel
def scale_rows(rows, weights, factor, out, start, stop):
    """out_i = factor w_i times row i."""
    for i in range(start, stop):
        w = factor * weights[i]
        for k in range(rows.shape[1]):
            out[i, k] = w * rows[i, k]
