"""Costs that are looked up in matrices: a kind of cost between indices of rows and columns.

The point of row i is the number i, and the point of column j is ~j = -1 - j. So a pair of them, in
either order, tells its place: in the matrix between rows and columns, or in the symmetric matrix of
the costs within one side.
"""

from typing import Any, NamedTuple

import numpy as np

from .pointwise import Given

LARGEST = 1e250  # stands for infinite costs in entries of a plan, which are then 0


class Table(NamedTuple):
    """c_ij times a factor, as a kind of cost."""

    costs: Any  # (n, m), of rows or columns that are contiguous in memory
    of_rows: Any  # (n, n) and (m, m), symmetric and in C order, or None
    of_columns: Any
    per_cost: float

    def given(self, x, first, last, y):
        """The kind of cost of the points from first to last, with the block of their costs."""
        rows = indices(x[first:last])
        costs = self._costs_between(x, y)
        block = costs[np.ix_(rows, indices(y))] * self.per_cost
        block = np.minimum(block, LARGEST, dtype=np.float64)
        return Given(block, first)

    def costs_of(self, x, rows, y, columns):
        """The costs of the pairs of the points x[rows_k] and y[columns_k], in float64."""
        i = indices(x)[rows]
        j = indices(y)[columns]
        costs = self._costs_between(x, y)
        return costs[i, j].astype(np.float64)

    def _costs_between(self, x, y):
        """The matrix with the indices of x as rows and those of y as columns."""
        return self.between(are_columns(x), are_columns(y))

    def between(self, are_columns, are_other_columns):
        """The matrix with one side's indices as rows and the other's as columns."""
        if are_columns != are_other_columns:
            return self.costs.T if are_columns else self.costs
        return self.of_columns if are_columns else self.of_rows


def are_columns(points):
    """Tell whether points (n, 1) are those of columns."""
    return bool(points[0, 0] < 0)


def indices(points):
    """(n,) indices of the rows or columns from their points."""
    labels = points[:, 0].astype(np.int64)
    return ~labels if are_columns(points) else labels
