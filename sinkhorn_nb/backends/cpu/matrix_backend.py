"""Passes over the entries of a cost matrix, which are read as they lie in memory.

The panels depend on the sizes alone, and no two of them add to the same sums. Therefore the result
has the same bits for any number of threads.
"""

from contextlib import nullcontext
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..cluster_sums import HostClusterSums
from ..tables import are_columns, indices
from . import matrix_kernels
from .backend import INERT, panels
from .matrix_heavy import heavy_lines, transposed
from .matrix_kernels import COLUMNS, Lines
from .threads import panels_of, run, single_threaded_blas

FEW = 1 / 8  # of the rows, whose costs are copied if they are not contiguous


class MatrixSide(NamedTuple):
    """Rows or columns of a matrix that take part in a pass."""

    table: Any
    are_columns: bool
    indices: Any
    dtype: Any

    @property
    def per_cost(self):
        """The factor of the costs in the precision of the pairs."""
        return self.dtype.type(self.table.per_cost)

    def costs_to(self, other):
        """The matrix, with these rows or columns as its rows."""
        return self.table.between(self.are_columns, other.are_columns)

    def lines_to(self, other):
        """The lines in memory that belong to this side."""
        return Lines(self.costs_to(other), self.indices, self.per_cost)

    def copied_lines_to(self, other):
        """The lines of a few rows of this side, where those in memory belong to the other side."""
        own = self.costs_to(other)[self.indices]
        copies = np.ascontiguousarray(own)
        rows = np.arange(len(copies))
        return Lines(copies, rows, self.per_cost)

    def exponents(self, F):
        """F in the precision of the pairs, without infinite numbers."""
        finite = np.clip(F, INERT, -INERT)
        return finite.astype(self.dtype)

    def spread(self, values, size, filling=0.0):
        """Values in the order of a line of the matrix, of this size."""
        shape = size, *values.shape[1:]
        out = np.full(shape, filling, self.dtype)
        out[self.indices] = values
        return out

    def spread_exponents(self, F, size):
        """F in the order of a line."""
        finite = np.clip(F, INERT, -INERT)
        return self.spread(finite, size, INERT)


class MatrixBackend:
    """Compiled loops over the lines of a matrix; see `Backend` for the methods. The points of a
    cloud are those of `tables`.
    """

    points_a_tile = COLUMNS
    on_device = nullcontext

    def load(self, offsets, centres, bounds, cost=None):
        return MatrixSide(cost, are_columns(offsets), indices(offsets), offsets.dtype)

    def sums(self, x, F, a, y, G, b):
        if _is_transposed(x, y):
            return self.sums(y, G, b, x, F, a)[::-1]
        lines = x.lines_to(y)
        sides = _sides(x, F, a, y, G, b)
        todo = _panels(lines)
        columns = lines.zeros(len(todo))
        rows = _sums(lines, todo, columns, sides)
        return rows, columns.sum(axis=0, dtype=np.float64)[y.indices]

    def cluster_sums(self, x, F, a, y, G, b, bounds):
        if _is_transposed(x, y):
            lines = y.lines_to(x)
            sides = _sides(y, G, b, x, F, a)
            todo = _panels(lines)
            columns = lines.zeros(len(todo))
            n_clusters = len(bounds) - 1
            parts = np.empty((n_clusters, len(y.indices)), x.dtype)
            clusters = x.indices, bounds
            _sums(lines, todo, columns, sides, clusters, parts)
            rows = columns.sum(axis=0, dtype=np.float64)[x.indices]
            return rows, HostClusterSums(parts)
        lines = x.lines_to(y)
        sides = _sides(x, F, a, y, G, b)
        todo = list(enumerate(pairwise(bounds.tolist())))
        columns = lines.zeros(len(todo))
        rows = _sums(lines, todo, columns, sides)
        return rows, HostClusterSums(columns[:, y.indices])

    def self_sums(self, x, F, a):
        lines = x.lines_to(x)
        F = x.spread_exponents(F, lines.size)
        a = x.spread(a, lines.size)
        lines = lines._replace(rows=np.sort(x.indices))
        todo = panels(lines.size - lines.rows)
        sums = lines.zeros(len(todo))

        def task(p, ends):
            matrix_kernels.panel_self_sums(lines, *ends, F, a, sums[p])

        run(task, todo)
        return sums.sum(axis=0, dtype=np.float64)[x.indices]

    def row_sums(self, x, F, y, G, b):
        a = np.zeros(len(F))  # for the sums of the columns, which nobody reads
        if _is_transposed(x, y):
            return self.sums(y, G, b, x, F, a)[1]
        lines = x.lines_to(y)
        sides = _sides(x, F, a, y, G, b)
        return _sums(lines, _panels(lines), None, sides)

    def heavy_pairs(self, x, F, a, y, G, b, theta, most):
        is_transposed = _is_transposed(x, y)
        n_rows = x.costs_to(y).shape[0]
        are_few = len(x.indices) <= FEW * n_rows
        if is_transposed and not are_few:
            sides = _sides(y, G, b, x, F, a)
            pairs = _heavy_pairs(y.lines_to(x), sides, x.indices, theta, most)
            return None if pairs is None else transposed(pairs, len(F))
        lines = x.copied_lines_to(y) if is_transposed else x.lines_to(y)
        sides = _sides(x, F, a, y, G, b)
        return _heavy_pairs(lines, sides, y.indices, theta, most)

    def log_sum_exp(self, x, F, y, G):
        F = x.exponents(F)
        if _is_transposed(x, y):
            log_sums = _column_log_sums(y.lines_to(x), y.exponents(G))
            return F + log_sums[x.indices]
        lines = x.lines_to(y)
        G = y.spread_exponents(G, lines.size)
        maxima = np.empty(len(F), x.dtype)
        sums = np.empty(len(F))

        def task(p, ends):
            matrix_kernels.panel_log_sums(lines, *ends, G, maxima, sums)

        run(task, _panels(lines))
        return F + (maxima + np.log2(sums))

    def transport(self, x, F, y, G, V, factors, derivative=None):
        if factors is not None:
            A, B = factors
            products = (B[:, :, None] * V[:, None, :]).reshape(len(V), -1)
            sums = self.transport(x, F, y, G, products, None, derivative)
            return np.einsum("ir,irk->ik", A, sums.reshape(*A.shape, -1))
        if _is_transposed(x, y):
            lines = y.lines_to(x)
            F = x.spread_exponents(F, lines.size)
            G = y.exponents(G)
            out = np.zeros((lines.size, V.shape[1]))
            sides = G, F, derivative, V.astype(x.dtype), out
            todo = panels_of(COLUMNS, lines.size)
            _products(matrix_kernels.panel_column_products, lines, todo, sides)
            return out[x.indices]
        lines = x.lines_to(y)
        F = x.exponents(F)
        G = y.spread_exponents(G, lines.size)
        V = y.spread(V, lines.size)
        out = np.zeros((len(F), V.shape[1]))
        sides = F, G, derivative, V, out
        todo = [ends for _, ends in _panels(lines)]
        _products(matrix_kernels.panel_products, lines, todo, sides)
        return out


def _sums(lines, todo, columns, sides, clusters=None, parts=None):
    """The sums of the lines. Panel p adds to columns[p], and to the parts of the clusters."""
    rows = np.zeros(len(lines.rows))

    def task(p, ends):
        own = None if columns is None else columns[p]
        matrix_kernels.panel_sums(lines, *ends, sides, clusters, rows, own, parts)

    run(task, todo)
    return rows


def _heavy_pairs(lines, sides, indices, theta, most):
    """The heavy pairs of some lines and of the columns with these indices in memory."""
    found = heavy_lines(lines, _panels(lines), sides, theta, most)
    if found is None:
        return None
    places = np.empty(lines.size, np.int32)
    places[indices] = np.arange(len(indices))
    columns = places[found.columns]
    light_columns = found.light_columns[indices]
    return found._replace(columns=columns, light_columns=light_columns)


def _sides(x, F, a, y, G, b):
    """Exponents and weights of both sides, those of y in the order of a line."""
    size = x.costs_to(y).shape[1]
    F = x.exponents(F)
    a = a.astype(x.dtype)
    G = y.spread_exponents(G, size)
    b = y.spread(b, size)
    return F, a, G, b


def _column_log_sums(lines, F):
    """(m,) log2 sum_r 2^(F_r - cost) for all columns of a matrix."""
    maxima = np.full(lines.size, 2 * INERT, F.dtype)
    sums = np.zeros(lines.size, F.dtype)

    def task(start, stop):
        matrix_kernels.panel_column_log_sums(lines, start, stop, F, maxima, sums)

    run(task, panels_of(COLUMNS, lines.size))
    return maxima + np.log2(sums, dtype=np.float64)


def _products(kernel, lines, todo, sides):
    with single_threaded_blas():
        run(lambda *ends: kernel(lines, ends, *sides), todo)


def _is_transposed(x, y):
    """Whether the lines in memory belong to y."""
    return not x.costs_to(y).flags.c_contiguous


def _panels(lines):
    """Numbered panels of lines."""
    return panels(np.full(len(lines.rows), lines.size))
