"""Separable sums over grids on the GPU, in the log domain, by the definition: each thread sums one
output of a line, with one exponential per source.

A line has few sources, so this takes less time than the copies of the grid, and nothing underflows
at any blur.
"""

import numpy as np

from ..cpu.grid_lines import LOWEST, NOTHING
from ..elementary import exp2_within, log2
from .device import SIMULATOR, cuda, device, kernel, on_device, starting, telling_shortage
from .passes import COST, MOST_A_LAUNCH

THREADS = 2 if SIMULATOR else 64
MOST_BLOCKS = 2**15  # of lines in a launch
A_SOURCE = 40  # instructions, about


class CudaSweeps:
    """log2 sum_j 2^L_j k_ij over all sources j of a grid, at all outputs i of another grid; see
    `Sweeps` of the CPU.
    """

    def __init__(self, axes, number=0):
        self._axes = axes
        self._number = number

    @telling_shortage
    def __call__(self, L):
        """The sums at the outputs; each axis is read as lines and written transposed."""
        shape = L.shape
        with on_device(self._number):
            flat = np.ascontiguousarray(L).ravel()
            values = cuda.to_device(flat)
            for axis in self._axes[::-1]:
                lines = values.reshape(values.size // axis.n, axis.n)
                values = _along(axis, lines)
                shape = (axis.n_out, *shape[:-1])
            return values.copy_to_host().reshape(shape)


def _along(axis, lines):
    """The sums of all lines, transposed, in launches that are short enough."""
    n_lines = lines.shape[0]
    out = cuda.device_array((axis.n_out, n_lines), np.float64)
    offset = float(axis.offset)
    pairs = axis.n * axis.n_out
    instructions = pairs * A_SOURCE * COST["float64"]
    step = int(np.clip(MOST_A_LAUNCH // instructions, 1, MOST_BLOCKS))
    blocks_a_line = -(-axis.n_out // THREADS)
    for first in range(0, n_lines, step):
        blocks = blocks_a_line, min(step, n_lines - first)
        with starting:
            lines_kernel[blocks, THREADS](lines, first, axis.c, offset, out)
    return out.reshape(out.size)


@device
def _exponent(L, c, x, r, j):
    """L_rj - c (x - j)^2 / 2; at least NOTHING stands for L_rj."""
    return max(L[r, j], NOTHING) - 0.5 * c * (x - j) * (x - j)


@kernel
def lines_kernel(L, first, c, offset, out):
    """out_ir = log2 sum_j 2^(L_rj - c (i + offset - j)^2 / 2) for the lines r from `first` on."""
    i = cuda.grid(1)
    r = first + cuda.blockIdx.y
    if i < out.shape[0]:
        x = i + offset
        top = -1e300
        for j in range(L.shape[1]):
            top = max(top, _exponent(L, c, x, r, j))
        total = 0.0
        for j in range(L.shape[1]):
            exponent = _exponent(L, c, x, r, j) - top
            total += exp2_within(max(exponent, LOWEST))
        out[i, r] = log2(total) + top
