"""The CPU backend: panels of rows, one task of a thread each.

The panels depend on the sizes alone and each has its own column sums, added up in order:
the result is the same bits for any number of threads.
"""

from contextlib import nullcontext
from functools import lru_cache

import numpy as np

from . import cpu_kernels
from .threads import run, single_threaded_blas
from .tiles import PAD, REGISTER_DIM

MOST_PANELS = 32  # column sums of 8 bytes each: 256 bytes a point
PAIRS_A_PANEL = 2**19  # fewer are not worth a thread's start
INERT = -1e30  # exponent of the points that fill up a cloud


class CpuCloud:
    """Points as the kernels read them: a tuple of coordinates or an array, padded."""

    def __init__(self, points, dtype):
        n, d = points.shape
        self.n = n
        self.size = -(-n // PAD) * PAD
        self.dtype = np.dtype(dtype)
        rows = np.zeros((self.size, d), self.dtype)
        rows[:n] = points
        self.by_product = d > REGISTER_DIM
        self.points = rows if self.by_product else tuple(np.ascontiguousarray(rows.T))

    def pad(self, values, filling=0.0):
        """A vector or the rows of a matrix in the kernels' dtype, continued over the padding."""
        out = np.full((self.size, *values.shape[1:]), filling, self.dtype)
        out[: self.n] = np.clip(values, INERT, -INERT)
        return out


@lru_cache
def rectangle(n_rows, n_columns):
    """Numbered (start, stop) of panels of rows, as equal as multiples of PAD allow."""
    return _bounds(n_rows, np.linspace(0, 1, _n_panels(n_rows * n_columns) + 1))


@lru_cache
def triangle(n_rows):
    """Numbered (start, stop) of panels of rows that hold equal parts of the pairs i <= j."""
    return _bounds(n_rows, 1 - np.sqrt(np.linspace(1, 0, _n_panels(n_rows**2 / 2) + 1)))


def _n_panels(n_pairs):
    return int(np.clip(n_pairs / PAIRS_A_PANEL, 1, MOST_PANELS))


def _bounds(n_rows, fractions):
    bounds = np.unique(np.rint(fractions * (n_rows // PAD)).astype(int)) * PAD
    return tuple(enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)))


class CpuBackend:
    """Compiled loops over tiles of pairs; see `Backend` for what each method answers."""

    def load(self, points, dtype):
        return CpuCloud(points, dtype)

    def sums(self, x, F, a, y, G, b):
        F, a, G, b = x.pad(F, INERT), x.pad(a), y.pad(G, INERT), y.pad(b)
        panels = rectangle(x.size, y.size)
        rows, columns = np.zeros(x.size), np.zeros((len(panels), y.size))

        def task(p, bounds):
            cpu_kernels.panel_sums(x.points, F, a, y.points, G, b, *bounds, rows, columns[p])

        self._run(x, task, panels)
        return rows[: x.n], columns.sum(axis=0)[: y.n]

    def self_sums(self, x, F, a):
        F, a = x.pad(F, INERT), x.pad(a)
        panels = triangle(x.size)
        sums = np.zeros((len(panels), x.size))

        def task(p, bounds):
            cpu_kernels.panel_self_sums(x.points, F, a, *bounds, sums[p])

        self._run(x, task, panels)
        return sums.sum(axis=0)[: x.n]

    def row_sums(self, x, F, y, G, b):
        F, G, b = x.pad(F, INERT), y.pad(G, INERT), y.pad(b)
        unused, rows = np.zeros_like(F), np.zeros(x.size)

        def task(p, bounds):
            cpu_kernels.panel_sums(x.points, F, unused, y.points, G, b, *bounds, rows, None)

        self._run(x, task, rectangle(x.size, y.size))
        return rows[: x.n]

    def log_sum_exp(self, x, y, G):
        F, G = np.zeros(x.size, x.dtype), y.pad(G, INERT)
        maxima, sums = np.full(x.size, INERT, x.dtype), np.zeros(x.size, x.dtype)

        def task(p, bounds):
            cpu_kernels.panel_log_sum_exp(x.points, F, y.points, G, *bounds, maxima, sums)

        self._run(x, task, rectangle(x.size, y.size))
        return maxima[: x.n] + np.log2(sums[: x.n], dtype=np.float64)

    def transport(self, x, F, y, G, V):
        F, G, V = x.pad(F, INERT), y.pad(G, INERT), y.pad(V)
        out = np.zeros((x.size, V.shape[1]))

        def task(p, bounds):
            cpu_kernels.panel_transport(x.points, F, y.points, G, V, *bounds, out)

        with single_threaded_blas():
            run(task, rectangle(x.size, y.size))
        return out[: x.n]

    def _run(self, x, task, panels):
        with single_threaded_blas() if x.by_product else nullcontext():
            run(task, panels)
