"""A cost between indices, looked up in a matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..backends.tables import Table, are_columns
from ..common.array_types import Coordinates, Floats, Indices, Numbers
from .base import Cloud, Cost

SAMPLE = 16  # rows whose costs are the coordinates of the columns, by which these are clustered
FEW = 1 / 4  # of the rows and of the columns, whose entries are copied
# The last coordinate is the label in this unit: too small for clusters, and exact in float32
UNIT = 2.0**-80


@dataclass(frozen=True, eq=False)
class MatrixCost(Cost):
    """C_ij between the rows and the columns of a matrix, and within each of them if further
    matrices are given.

    The points of a measure are the rows of `rows()` or `columns()`: costs at a few places, from
    which clusters are made, and the label of the row or column, as in `backends.tables`.

    Parameters
    ----------
    costs : (n, m) float32 or float64 array
        In C or F order; infinite entries forbid a pair.
    span : pair of float
        The smallest and the largest of the finite costs.
    has_forbidden : bool
        Whether any cost is infinite.
    of_rows, of_columns : (n, n) and (m, m) arrays, optional
        Symmetric matrices, in C order, of the costs within the rows and within the columns.
    """

    costs: Numbers
    span: tuple[float, float]
    has_forbidden: bool = False
    of_rows: Numbers | None = None
    of_columns: Numbers | None = None
    # Sorted labels of the points that the matrix is between, if these are not all
    chosen: Floats | None = None

    @property
    def formula(self) -> str:
        """The size of the matrix, for display."""
        n, m = self.costs.shape
        return f"a {n} x {m} matrix of costs"

    @property
    def has_points(self) -> bool:
        """Indices have no coordinates."""
        return False

    @property
    def is_positive(self) -> None:
        """It is not known whether divergences are positive."""
        return None

    @property
    def has_centroids(self) -> bool:
        """There is nothing between two indices."""
        return False

    @property
    def is_finite(self) -> bool:
        """Whether no entry is infinite."""
        return not self.has_forbidden

    @property
    def has_long_pairs(self) -> bool:
        """A matrix in float64 is read in float64, which takes most of the time."""
        return bool(self.costs.dtype == np.float64)

    def rows(self) -> Coordinates:
        """(n, SAMPLE + 1) points of the rows."""
        n, m = self.costs.shape
        sampled = self.costs[:, _sample(m)]
        return self._points(sampled, np.arange(n))

    def columns(self) -> Coordinates:
        """(m, SAMPLE + 1) points of the columns."""
        n, m = self.costs.shape
        sampled = self.costs[_sample(n)].T
        return self._points(sampled, ~np.arange(m))

    def _points(self, costs: Numbers, labels: Indices) -> Coordinates:
        """Sampled costs, less their mean, which only changes a potential, and the labels."""
        low, high = self.span
        finite = np.minimum(costs, high)
        centered = finite - finite.mean(axis=1, keepdims=True)
        n, n_sampled = centered.shape
        points: Coordinates = np.zeros((n, SAMPLE + 1), self.costs.dtype)
        points[:, :n_sampled] = centered / max(high - low, 1e-30)
        points[:, SAMPLE] = UNIT * labels
        return points

    def eps(self, blur: float) -> float:
        """The temperature itself: costs have no length."""
        return blur

    def blur(self, eps: float) -> float:
        """The temperature itself: costs have no length."""
        return eps

    def embedded(self, points: Floats, origin: Floats) -> Floats:
        """(n, 1) labels of rows or columns, as in `backends.tables`."""
        last = points[:, SAMPLE:]
        labels: Floats = np.rint(last / UNIT)
        if self.chosen is None:
            return labels
        places = np.searchsorted(self.chosen, labels)
        n_columns = int((self.chosen < 0).sum())  # these come first, the last column at the start
        return (places - n_columns).astype(np.float64)

    def between_some(self, x: Floats, y: Floats) -> MatrixCost:
        """The cost with a copy of the entries between the points x and y if these are few, so that
        passes need not read the others; otherwise the cost itself.
        """
        u = self._labels(x)
        v = self._labels(y)
        (_, table) = self.kind(1.0)
        matrix = table.between(are_columns(u), are_columns(v))
        n, m = matrix.shape
        if max(len(x) / n, len(y) / m) > FEW:
            return self

        chosen = np.unique(np.concatenate([u, v]))
        rows = chosen[chosen >= 0].astype(np.intp)
        negative = chosen[chosen < 0].astype(np.intp)
        columns = ~negative[::-1]
        if are_columns(u) == are_columns(v):
            only = columns if are_columns(u) else rows
            block = np.ascontiguousarray(matrix[np.ix_(only, only)])
            return replace(self, costs=block, of_rows=block, of_columns=block, chosen=chosen)
        block = self.costs[np.ix_(rows, columns)]
        return replace(self, costs=block, of_rows=None, of_columns=None, chosen=chosen)

    def _labels(self, points: Floats) -> Floats:
        return self.embedded(points, points[0])

    def kind(self, per_cost: float) -> tuple[float, Table]:
        """The matrix and the factor."""
        return 1.0, Table(self.costs, self.of_rows, self.of_columns, per_cost)

    def block(self, x: Floats, y: Floats) -> Floats:
        """(n, m) costs between the points of rows and columns, in any order."""
        u = self._labels(x)
        v = self._labels(y)
        (_, table) = self.kind(1.0)
        costs: Floats = table.given(u, 0, len(u), v).costs
        return costs

    def diameter(self, source: Cloud, target: Cloud) -> float:
        """The range of the costs."""
        return self.span[1] - self.span[0]

    def bound(self, diameter: float) -> float:
        """The largest finite cost, in size."""
        return max(map(abs, self.span))


def _sample(size: int) -> Indices:
    """At most SAMPLE indices, from evenly spaced places."""
    count = min(SAMPLE, size)
    middles = 2 * np.arange(count) + 1
    return middles * size // (2 * count)
