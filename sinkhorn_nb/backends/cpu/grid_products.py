"""Exponentials before and logarithms after a product of matrices that sums the lines of a grid.

The largest logarithm of each line is taken out. Sums far below it underflow; they are noticed, and
their lines take tilted blocks.
"""

from ..elementary import exp2_within, log2
from ..jit import kernel, wide_vectors
from .grid_lines import EMPTY, LOWEST, NOTHING

SMALLEST = 1e-250  # terms below 1e-300 are lost, which changes smaller sums


@kernel
def exponentials(L, first, tops, E):
    """E = 2^(L - top) for the lines from `first` on, and the largest logarithms of these lines."""
    wide_vectors()
    n = L.shape[1]
    for r in range(len(E)):
        line = L[first + r]
        row = E[r]
        top = EMPTY
        for j in range(n):
            top = max(top, line[j])
        tops[r] = top
        for j in range(n):
            exponent = line[j] - top
            power = exp2_within(max(exponent, LOWEST))
            row[j] = power if exponent > LOWEST else 0.0


@kernel
def logarithms(sums, tops, first, out):
    """Write the logarithms of the sums (n_out, lines) to the columns of `out` from `first` on.
    Returns whether none of the sums underflowed.
    """
    wide_vectors()
    n_lines = len(tops)
    is_exact = True
    for i in range(len(sums)):
        column = sums[i]
        row = out[i, first : first + n_lines]
        for r in range(n_lines):
            total = column[r]
            is_empty = tops[r] <= EMPTY
            if total < SMALLEST and not is_empty:
                is_exact = False
            log_sum = log2(max(total, SMALLEST)) + tops[r]
            row[r] = NOTHING if is_empty else log_sum
    return is_exact
