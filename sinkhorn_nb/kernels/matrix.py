"""The Gibbs kernel of a cost matrix."""

from __future__ import annotations

import numpy as np

from ..backends.tables import are_columns, indices
from ..common.array_types import Floats
from .pairs import PairKernel

ENTRIES = 2**20  # converted at a time


class MatrixKernel(PairKernel):
    """The kernel between rows and columns of a matrix, which are measures of indices."""

    def mean_cost(self, a: Floats, b: Floats, largest: float) -> float:
        """sum_ij a_i b_j C_ij / sum b, for weights a and b of the same sum; infinite if a forbidden
        pair has mass.
        """
        self._count(1)
        x = self._x.points
        y = self._y.points
        costs = self._kind.between(are_columns(x), are_columns(y))
        rows = indices(x)
        columns = indices(y)
        weights = np.zeros(costs.shape[1])
        weights[columns] = b
        step = max(1, ENTRIES // len(weights))
        total = 0.0
        for start in range(0, len(rows), step):
            own = slice(start, start + step)
            masses = a[own]
            block = np.where(weights > 0, costs[rows[own]], 0)
            means = np.where(masses > 0, block @ weights, 0.0)
            total += float(masses @ means)
        return total / float(b.sum())
