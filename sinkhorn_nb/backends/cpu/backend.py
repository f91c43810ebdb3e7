"""The CPU backend: each task of a thread is one panel of rows.

The panels depend on the sizes alone, and no two of them add to the same column sums, which are
summed in order. Therefore the result has the same bits for any number of threads.
"""

from contextlib import nullcontext
from itertools import pairwise

import numpy as np

from ..cluster_sums import HostClusterSums
from ..cost_functions import Function
from ..heavy_pairs import HeavyPairs
from ..tiling import starts_of_pieces
from . import kernels as cpu_kernels
from .heavy_pairs import NOTHING, Found, by_rows, panel_heavy, total
from .kernels import COLUMNS, ROWS, Runs, Side
from .threads import run, single_threaded_blas
from .tiles import PAD, REGISTER_DIM, STRETCH

MOST_PANELS = 32  # each has its own column sums, which take at most 256 bytes per point
PAIRS_A_PANEL = 2**19  # fewer are not worth a thread's start
INERT = -1e30  # exponent of the points that pad a tile


class CpuCloud:
    """Points in the layout of the kernels: a tuple of coordinates or an array, with padded
    tiles.
    """

    def __init__(self, offsets, centres, bounds, cost=None):
        n, d = offsets.shape
        sizes = np.diff(bounds)
        padded_sizes = -(-sizes // PAD) * PAD
        tiles = np.repeat(np.arange(len(sizes)), sizes)
        self.n = n
        self.dtype = offsets.dtype
        self.bounds = np.concatenate([[0], np.cumsum(padded_sizes)])
        self.size = int(self.bounds[-1])
        shifts = self.bounds - bounds
        self._slots = np.arange(n) + shifts[tiles]
        self._tiles = tiles
        self._ends = bounds
        self.starts = bounds[:-1].astype(np.int64)  # of the tiles, without padding
        self._runs = {}
        self._panels = {}
        self.cost = cost

        is_high = d > REGISTER_DIM or isinstance(cost, Function)
        width = _width(d, cost)
        rows = np.zeros((self.size, width), self.dtype)
        rows[self._slots, :d] = offsets
        if isinstance(cost, Function):  # may not be defined at zero
            owners = np.zeros(self.size, np.int64)
            owners[self._slots] = np.arange(n)
            points_before = np.maximum.accumulate(owners)
            rows = rows[self._slots[points_before]]
        self.by_product = is_high and cost is None
        self.points = rows if is_high else _columns(rows)
        self.centres = centres if is_high else _columns(centres)

    def side(self, exponents, weights=None):
        """The cloud with exponents and weights of its points, as an argument of the kernels. The
        weights are zero where a pass does not read them.
        """
        finite = np.clip(exponents, INERT, -INERT)
        exponents = self.pad(finite, INERT, np.float64)
        references = np.maximum.reduceat(exponents, self.bounds[:-1])
        if weights is None:
            weights = np.zeros(self.n)
        weights = self.pad(weights)
        return Side(
            self.points, self.centres, self.bounds, exponents, references, weights, self.cost
        )

    def pad(self, values, filling=0.0, dtype=None):
        """Extend a vector or the rows of a matrix over the padding, in the pairs' dtype."""
        shape = self.size, *values.shape[1:]
        out = np.full(shape, filling, dtype or self.dtype)
        out[self._slots] = values
        return out

    def zeros(self, n):
        """n rows with a zero for each point and the padding, in the pairs' dtype."""
        return np.zeros((n, self.size), self.dtype)

    def cut(self, padded):
        """Remove the padding from the last axis of an array; the inverse of `pad`."""
        if padded.ndim == 1:
            return padded[self._slots]
        starts = self.bounds[:-1]
        stops = starts + np.diff(self._ends)
        ends = zip(starts.tolist(), stops.tolist(), strict=True)
        pieces = [padded[..., start:stop] for start, stop in ends]
        return np.concatenate(pieces, axis=-1)

    def runs(self, bounds=None):
        """Runs of rows that cross neither tiles nor the bounds of groups."""
        key = None if bounds is None else bounds.tobytes()
        if key not in self._runs:  # made once
            cuts = self._ends if bounds is None else np.union1d(self._ends, bounds)
            self._runs[key] = self._cut_at(cuts, bounds)
        return self._runs[key]

    def panels(self, y, bounds=None):
        """Runs of rows, and panels of them with about equal numbers of pairs with another cloud;
        groups of rows are not divided.
        """
        key = y.size, None if bounds is None else bounds.tobytes()
        if key not in self._panels:  # made once
            runs = self.runs(bounds)
            costs = (runs.stops - runs.starts) * y.size
            starts = None
            if bounds is not None:
                starts = np.flatnonzero(np.diff(runs.groups, prepend=-1))
            self._panels[key] = runs, panels(costs, starts)
        return self._panels[key]

    def _cut_at(self, cuts, bounds):
        starts = starts_of_pieces(cuts, ROWS)
        sizes = np.diff(starts, append=self.n)
        first = self._slots[starts]
        tiles = self._tiles[starts]
        groups = (
            np.zeros_like(starts)
            if bounds is None
            else np.searchsorted(bounds, starts, side="right") - 1
        )
        return Runs(first, first + sizes, tiles, groups)


def _width(d, cost):
    """Number of coordinates of the arrays: those without products are read some at a time."""
    if d <= REGISTER_DIM or cost is None or isinstance(cost, Function):
        return d
    return -(-d // STRETCH) * STRETCH


def _parts(x, y, runs, first, last):
    """The side x of a panel of runs with the kind of its cost, and the first and last run; costs of
    a function are computed run by run.
    """
    if not isinstance(x.cost, Function):
        yield x, first, last
        return
    for r in range(first, last):
        start = runs.starts[r]
        stop = runs.stops[r]
        given = x.cost.given(x.points, start, stop, y.points)
        yield x._replace(cost=given), r, r + 1


def _columns(rows):
    return tuple(np.ascontiguousarray(rows.T))


def panels(costs, starts=None):
    """Numbered (first, last) of panels of runs with about equal costs; panels end at some of the
    starts.
    """
    if starts is None:
        starts = np.arange(len(costs))
    ends = np.append(starts, len(costs))
    done = np.concatenate([[0.0], np.cumsum(costs)])[ends]
    whole = done[-1]

    count = int(np.clip(whole / PAIRS_A_PANEL, 1, MOST_PANELS))
    shares = np.linspace(0, whole, count + 1) * (1 - 1e-12)
    chosen = np.unique(np.searchsorted(done, shares))
    bounds = ends[chosen].tolist()
    return list(enumerate(pairwise(bounds)))


class CpuBackend:
    """Compiled loops over tiles of pairs; see `Backend` for the methods."""

    points_a_tile = COLUMNS
    on_device = nullcontext

    def load(self, offsets, centres, bounds, cost=None):
        return CpuCloud(offsets, centres, bounds, cost)

    def sums(self, x, F, a, y, G, b):
        x_side = x.side(F, a)
        y_side = y.side(G, b)
        runs, todo = x.panels(y)
        rows, columns = self._panel_sums(x, x_side, y, y_side, runs, todo)
        return rows, columns.sum(axis=0, dtype=np.float64)

    def cluster_sums(self, x, F, a, y, G, b, bounds):
        x_side = x.side(F, a)
        y_side = y.side(G, b)
        runs, todo = x.panels(y, bounds)
        rows = np.zeros(x.size)
        columns = y.zeros(len(bounds) - 1)
        self._add_sums(x, x_side, y_side, runs, todo, (rows, columns))
        return x.cut(rows), HostClusterSums(y.cut(columns))

    def self_sums(self, x, F, a):
        side = x.side(F, a)
        runs = x.runs()
        n_rows = runs.stops - runs.starts
        n_columns = x.size - runs.starts
        todo = panels(n_rows * n_columns)
        rows, columns = self._panel_sums(x, side, x, side, runs, todo)
        return rows + columns.sum(axis=0, dtype=np.float64)

    def row_sums(self, x, F, y, G, b):
        x_side = x.side(F)
        y_side = y.side(G, b)
        runs, todo = x.panels(y)
        rows = np.zeros(x.size)
        none = np.zeros((1, 0), y.dtype)
        self._add_sums(x, x_side, y_side, runs, todo, (rows, none))
        return x.cut(rows)

    def _panel_sums(self, x, x_side, y, y_side, runs, todo):
        """Row sums, and column sums for each panel."""
        rows = np.zeros(x.size)
        columns = y.zeros(len(todo))
        n_runs = [last - first for _, (first, last) in todo]
        groups = np.repeat(np.arange(len(todo)), n_runs)
        grouped_runs = runs._replace(groups=groups)
        self._add_sums(x, x_side, y_side, grouped_runs, todo, (rows, columns))
        return x.cut(rows), y.cut(columns)

    def _add_sums(self, x, x_side, y_side, runs, todo, sums):
        """Add to the row sums and to the column sums of the runs' groups; one side that is passed
        twice is a cloud with itself, and takes half of the pairs.
        """
        is_half = x_side is y_side

        def task(_, bounds):
            for x_part, *ends in _parts(x_side, y_side, runs, *bounds):
                cpu_kernels.panel_sums(x_part, y_side, is_half, runs, *ends, *sums)

        self._run(x, task, todo)

    def heavy_pairs(self, x, F, a, y, G, b, theta, most):
        x_side = x.side(F, a)
        y_side = y.side(G, b)
        runs, todo = x.panels(y)
        starts = x.starts, y.starts
        threshold = x.dtype.type(theta)
        rows = np.zeros(x.size)
        columns = y.zeros(len(todo))
        found = [NOTHING] * len(todo)

        def task(p, bounds):
            if total(found) <= most:  # the memory for more than that is not taken
                lists = panel_heavy(
                    x_side, y_side, starts, runs, *bounds, threshold, most, rows, columns[p]
                )
                found[p] = Found(*lists)

        self._run(x, task, todo)
        if total(found) > most:
            return None
        light_columns = y.cut(columns.sum(axis=0, dtype=np.float64))
        return HeavyPairs(*by_rows(x.n, found), x.cut(rows), light_columns)

    def log_sum_exp(self, x, F, y, G):
        x_side = x.side(F)
        y_side = y.side(G)
        runs, todo = x.panels(y)
        maxima = np.full(x.size, INERT)
        sums = np.zeros(x.size)

        def task(p, bounds):
            for x_part, *ends in _parts(x_side, y_side, runs, *bounds):
                cpu_kernels.panel_log_sum_exp(x_part, y_side, runs, *ends, maxima, sums)

        self._run(x, task, todo)
        log_sums = np.log2(x.cut(sums))
        return x.cut(maxima) + log_sums

    def transport(self, x, F, y, G, V, factors, derivative=None):
        return self._products(x, F, y, G, V, factors, derivative, 0)

    def slope_sums(self, x, F, y, G, V):
        return self._products(x, F, y, G, V, None, 1, 1)

    def _products(self, x, F, y, G, V, factors, derivative, n_sums):
        """The sums of `panel_transport`, behind n_sums = 0 or 1 columns of sums of p_ij alone."""
        x_side = x.side(F)
        y_side = y.side(G)
        V = y.pad(V)
        A = B = None
        if factors is not None:
            A = x.pad(factors[0])
            B = y.pad(factors[1])
        runs, todo = x.panels(y)
        out = np.zeros((x.size, n_sums + V.shape[1]))

        def task(p, bounds):
            for x_part, *ends in _parts(x_side, y_side, runs, *bounds):
                cpu_kernels.panel_transport(x_part, y_side, runs, *ends, A, B, derivative, V, out)

        with single_threaded_blas():
            run(task, todo)
        return out[x._slots]

    def _run(self, x, task, todo):
        with single_threaded_blas() if x.by_product else nullcontext():
            run(task, todo)
