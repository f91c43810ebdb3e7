"""Sums along the lines of a grid for the city-block distance, by two recursions: exact at any
temperature.

Along one axis, out_i = log2 sum_j 2^(L_j - c |x_i - j|), where x_i = i + offset is the place of
output i between the sources j. The sums over the sources on one side obey

    B_j = log2(2^L_j + 2^(B_(j-1) - c)),

so a line takes two logarithms and exponentials per source. Lines are summed side by side in
vectors.
"""

import numpy as np

from ..elementary import exp2_within, log2
from ..jit import kernel, wide_vectors
from .grid_lines import LOWEST, NOTHING

LINES = 16  # that are summed side by side
BELOW, BOTH, ABOVE = -1, 0, 1  # the sources that count: those before x_i, all, those after it


@kernel
def recursive_lines(L, first, last, c, offset, side, out):
    """Write the sums of the lines L[first:last], transposed, to out (n_out, number of lines)."""
    wide_vectors()
    n = L.shape[1]
    below = np.empty((n, LINES))
    above = np.empty((n, LINES))
    for start in range(first, last, LINES):
        stop = min(start + LINES, last)
        size = stop - start
        below[:] = NOTHING
        for j in range(n):
            for r in range(size):
                log = max(L[start + r, j], NOTHING)
                below[j, r] = log
        above[:] = below
        for j in range(1, n):
            _accumulate(below[j], below[j - 1], c)
        for j in range(n - 2, -1, -1):
            _accumulate(above[j], above[j + 1], c)
        for i in range(out.shape[0]):
            row = out[i, start:stop]
            _write(below, above, i + offset, c, side, row)


@kernel
def _accumulate(sums, before, c):
    for r in range(LINES):
        from_before = before[r] - c
        sums[r] = _log_of_sum(sums[r], from_before)


@kernel
def _log_of_sum(a, b):
    """log2(2^a + 2^b)."""
    top = max(a, b)
    difference = max(min(a, b) - top, LOWEST)
    return top + log2(1.0 + exp2_within(difference))


@kernel
def _write(below, above, x, c, side, out):
    """The sums at the place x."""
    n = len(below)
    on = int(np.floor(x))
    # The last source that counts as below and the first that counts as above; on a source, it is
    # below, unless only one side is summed
    is_on_source = side != 0 and x == on
    last = min(on - 1 if is_on_source else on, n - 1)
    next_one = max(on + 1, 0)
    for r in range(len(out)):
        total = NOTHING
        if side <= 0 and last >= 0:
            total = below[last, r] - c * (x - last)
        if side >= 0 and next_one < n:
            beyond = above[next_one, r] - c * (next_one - x)
            total = _log_of_sum(total, beyond)
        out[r] = max(total, NOTHING)
