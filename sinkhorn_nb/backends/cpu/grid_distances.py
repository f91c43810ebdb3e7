"""Sums over the pixels of a grid one pair after another, for the few pixels whose sums a Fourier
transform rounds away.
"""

import numpy as np

from ..elementary import exp2_within, log2
from ..jit import kernel, wide_vectors
from ..pointwise import scaled_cost, slope
from .grid_lines import LOWEST


@kernel
def pair_sums(cost, x, y, L, first, last, out):
    """Write columns of `out` for the rows x_i from first to last: log2 sum_j 2^(L_j - C_ij), and
    the means of C_ij and of its derivatives in x_i. C is the scaled cost; y is (d, m).
    """
    wide_vectors()
    d, m = y.shape
    s = np.empty(m)
    weights = np.empty(m)
    for i in range(first, last):
        for j in range(m):
            s[j] = 0.0
        for k in range(d):
            _add_squares(x[i, k], y[k], s)
        top = -1e300
        for j in range(m):
            exponent = L[j] - scaled_cost(cost, s[j])
            top = max(top, exponent)
            weights[j] = exponent

        total = 0.0
        mean = 0.0
        for j in range(m):
            weight = exp2_within(max(weights[j] - top, LOWEST))
            total += weight
            mean += weight * scaled_cost(cost, s[j])
            weights[j] = weight * slope(cost, s[j])
        out[i, 0] = top + log2(total)
        out[i, 1] = mean / total
        for k in range(d):
            move = _sum_of_moves(x[i, k], y[k], weights)
            out[i, 2 + k] = move / total


@kernel
def _add_squares(x, y, s):
    for j in range(len(y)):
        difference = x - y[j]
        s[j] += difference * difference


@kernel
def _sum_of_moves(x, y, weights):
    total = 0.0
    for j in range(len(y)):
        total += weights[j] * (x - y[j])
    return total
