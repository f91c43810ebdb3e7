"""Softmax means, row by row: the barycentric map at any points, near the data or far from it.

The result of a row depends on this row alone, to the bit: no tile has a center that other rows
move.
"""

import numpy as np

from .cpu.threads import run
from .elementary import LOW64, exp2_within
from .jit import kernel, leaf, wide_vectors
from .pointwise import scaled_cost

COLUMNS = 512  # at a time: their exponents and coordinates stay in the cache of a core
NEGLIGIBLE = 120.0  # powers of 2 below the largest term so far
ROWS = 64  # of a panel, at most


def softmax_means(x, y, G, cost=None):
    """log2 sum_j 2^t_ij, and the means of the y_j with weights 2^t_ij, for t_ij = G_j + <x_i, y_j>,
    or G_j minus the cost of a kind in `pointwise`.

    Parameters
    ----------
    x : (n, d) float64 array
    y : (d, m) float64 array, contiguous
    G : (m,) float64 array
    cost : Distance or Power, optional

    Returns
    -------
    (n,) and (n, d) float64 arrays
    """
    logs = np.empty(len(x))
    means = np.empty(x.shape)
    n = len(x)

    def task(first):
        last = min(first + ROWS, n)
        panel_means(x, y, G, cost, first, last, logs, means)

    run(task, [(first,) for first in range(0, n, ROWS)])
    return logs, means


@kernel
def panel_means(x, y, G, cost, first, last, logs, means):
    """The rows from first to last. A block far below the largest term so far is left out."""
    wide_vectors()
    t = np.empty(COLUMNS)
    for i in range(first, last):
        top = -np.inf
        total = 0.0
        moments = means[i]
        moments[:] = 0.0
        for j0 in range(0, len(G), COLUMNS):
            j1 = min(j0 + COLUMNS, len(G))
            row = t[: j1 - j0]
            if cost is None:
                highest = _exponents(x[i], y, G, j0, j1, row)
            else:
                highest = _exponents_of_cost(x[i], y, G, cost, j0, j1, row)
            if highest < top - NEGLIGIBLE:
                continue
            if highest > top:
                shrink = 0.0
                if total > 0.0:
                    shrink = exp2_within(max(top - highest, LOW64))
                total *= shrink
                for k in range(len(y)):
                    moments[k] *= shrink
                top = highest
            total += _exponentiate(top, row)
            for k in range(len(y)):
                yk = y[k][j0:j1]
                moments[k] += _inner(row, yk)
        logs[i] = top + np.log2(total)
        for k in range(len(y)):
            moments[k] /= total


@leaf
def _exponents(x, y, G, j0, j1, row):
    """row_j = G_j + <x, y_j>; their maximum."""
    for j in range(len(row)):
        row[j] = G[j0 + j]
    for k in range(len(y)):
        xk = x[k]
        yk = y[k][j0:j1]
        for j in range(len(row)):
            row[j] += xk * yk[j]
    highest = row[0]
    for j in range(len(row)):
        highest = max(highest, row[j])
    return highest


@leaf
def _exponents_of_cost(x, y, G, cost, j0, j1, row):
    """row_j = G_j - cost(|x - y_j|^2); their maximum."""
    row[:] = 0.0
    for k in range(len(y)):
        xk = x[k]
        yk = y[k][j0:j1]
        for j in range(len(row)):
            difference = xk - yk[j]
            row[j] += difference * difference
    highest = -np.inf
    for j in range(len(row)):
        scaled = scaled_cost(cost, row[j])
        row[j] = G[j0 + j] - scaled
        highest = max(highest, row[j])
    return highest


@leaf
def _exponentiate(top, row):
    """row_j = 2^(row_j - top); their sum."""
    for j in range(len(row)):
        exponent = max(row[j] - top, LOW64)
        row[j] = exp2_within(exponent)
    total = 0.0
    for j in range(len(row)):
        total += row[j]
    return total


@leaf
def _inner(a, b):
    total = 0.0
    for j in range(len(a)):
        total += a[j] * b[j]
    return total
