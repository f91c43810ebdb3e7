"""Compiled products with a sparse matrix of positive entries P, which is given by rows: columns and
values of the entries from starts_i to starts_(i + 1).

Panels of rows depend on the sizes alone, so the result has the same bits for any number of threads.
"""

from itertools import pairwise

import numpy as np

from ..jit import kernel
from .threads import run

ENTRIES_A_PANEL = 2**17  # fewer are not worth a thread's start
MOST_PANELS = 16


class SparseRows:
    """A sparse (n, m) matrix by rows."""

    def __init__(self, starts, columns, values, n_columns):
        self.starts = starts
        self.columns = columns
        self.values = values
        self.shape = len(starts) - 1, n_columns

        size = len(columns)
        n_panels = min(max(1, size // ENTRIES_A_PANEL), MOST_PANELS)
        shares = np.linspace(0, size, n_panels + 1)
        ends = np.searchsorted(starts, shares)
        ends[0] = 0
        ends[-1] = self.shape[0]
        self._panels = list(enumerate(pairwise(ends.tolist())))

    def __len__(self):
        return len(self.columns)

    def scaled_rows(self, factors):
        """The matrix with row i multiplied by factors_i."""
        sizes = np.diff(self.starts)
        values = self.values * np.repeat(factors, sizes)
        return SparseRows(self.starts, self.columns, values, self.shape[1])

    def right_product(self, x):
        """(n,) sum_j P_ij x_j."""
        out = np.empty(self.shape[0])

        def task(_, rows):
            panel_product(*self.fields, x, *rows, out)

        run(task, self._panels)
        return out

    def left_product(self, y):
        """(m,) sum_i P_ij y_i."""
        return self._by_columns(panel_left_product, y)

    def left_product_of_squares(self, y):
        """(m,) sum_i P_ij^2 y_i."""
        return self._by_columns(panel_left_product_of_squares, y)

    def product_twice(self, x, weights, parts):
        """parts_pj = sum_i P_ij weights_i sum_l P_il x_l over the rows i of panel p."""

        def task(p, rows):
            panel_product_twice(*self.fields, x, weights, *rows, parts[p])

        run(task, self._panels)

    @property
    def n_panels(self):
        """Number of panels of rows, which may be treated at the same time."""
        return len(self._panels)

    @property
    def fields(self):
        """Starts, columns and values, as the kernels take them."""
        return self.starts, self.columns, self.values

    def _by_columns(self, function, y):
        out = np.zeros((self.n_panels, self.shape[1]))

        def task(p, rows):
            function(*self.fields, y, *rows, out[p])

        run(task, self._panels)
        return out.sum(axis=0)


@kernel
def panel_product(starts, columns, values, x, first, last, out):
    """out_i = sum_j P_ij x_j for the rows from first to last."""
    for i in range(first, last):
        total = 0.0
        start = starts[i]
        stop = starts[i + 1]
        for k in range(start, stop):
            xj = x[columns[k]]
            total += values[k] * xj
        out[i] = total


@kernel
def panel_left_product(starts, columns, values, y, first, last, out):
    """out_j += sum_i P_ij y_i over the rows from first to last."""
    for i in range(first, last):
        yi = y[i]
        start = starts[i]
        stop = starts[i + 1]
        for k in range(start, stop):
            j = columns[k]
            out[j] += values[k] * yi


@kernel
def panel_left_product_of_squares(starts, columns, values, y, first, last, out):
    """out_j += sum_i P_ij^2 y_i over the rows from first to last."""
    for i in range(first, last):
        yi = y[i]
        start = starts[i]
        stop = starts[i + 1]
        for k in range(start, stop):
            j = columns[k]
            value = values[k]
            out[j] += value * value * yi


@kernel
def panel_product_twice(starts, columns, values, x, weights, first, last, out):
    """out_j = sum_i P_ij weights_i sum_l P_il x_l over the rows from first to last."""
    for j in range(len(out)):
        out[j] = 0.0
    for i in range(first, last):
        total = 0.0
        start = starts[i]
        stop = starts[i + 1]
        for k in range(start, stop):
            xj = x[columns[k]]
            total += values[k] * xj
        total *= weights[i]
        for k in range(start, stop):
            j = columns[k]
            out[j] += values[k] * total
