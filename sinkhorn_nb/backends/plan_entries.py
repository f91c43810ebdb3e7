"""Entries of a plan in float64, by rows: dense, the largest, sums, draws. The CPU reads them, in
the caller's order.

The panels depend on the sizes alone and share nothing, so the result has the same bits for any
number of threads.
"""

import numpy as np

from .cost_functions import Function
from .cpu import plan_kernels
from .cpu.plan_kernels import COORDINATES, ROWS, Exponents
from .cpu.threads import run
from .tables import Table

PAIRS_A_PANEL = 2**18
BY_BLOCKS = Function, Table  # kinds whose costs are computed or looked up before a panel
LARGEST = 1e290  # of F and G, so that sums of two are finite; its negative means a weight of zero


class PlanEntries:
    """P_ij = 2^(F_i + G_j - scale |x_i - y_j|^2), or with another kind of cost of scaled points.

    Differences are taken of the caller's numbers, which are not centered, and no square is
    expanded. Therefore an entry is right to the rounding of its exponent.

    Parameters
    ----------
    x, y : (n, d) and (m, d) float64 arrays
    F, G : (n,) and (m,) float64 arrays
        -inf for entries that are exactly zero.
    scale : float
    highest : float
        Exponents are clipped here, so that no entry is infinite, for any potentials.
    cost : kind of `pointwise`, optional
    """

    def __init__(self, x, F, y, G, scale, highest, cost=None):
        F = np.clip(F, -LARGEST, LARGEST)
        G = np.clip(G, -LARGEST, LARGEST)
        self._points = x, y
        if isinstance(cost, BY_BLOCKS):
            x = np.empty((len(x), 0))
            y = np.empty((len(y), 0))
        half_scale = float(scale / 2)
        half_highest = float(highest / 2)
        x = _padded(x)
        y = np.ascontiguousarray(_padded(y).T)
        self._exponents = Exponents(x, F / 2, y, G / 2, half_scale, half_highest, cost)
        self.shape = len(F), len(G)

    def dense(self):
        """All entries, (n, m)."""
        out = np.empty(self.shape)
        self._run(plan_kernels.panel_entries, out)
        return out

    def largest(self, k):
        """Columns and values, both (n, k), of the k largest of each row, largest first; of equal
        ones the first.
        """
        shape = self.shape[0], k
        columns = np.empty(shape, np.int64)
        values = np.empty(shape)
        self._run(plan_kernels.panel_largest, columns, values)
        order = np.argsort(-values, axis=1, kind="stable")
        columns = np.take_along_axis(columns, order, axis=1)
        values = np.take_along_axis(values, order, axis=1)
        return columns, values

    def sums(self):
        """(n,) sum_j P_ij."""
        sums = np.zeros(self.shape[0])
        self._run(plan_kernels.panel_sums, sums, None)
        return sums

    def sums_with_logs(self):
        """sum_j P_ij and sum_j P_ij log2 P_ij, both (n,)."""
        sums, logs = np.zeros((2, self.shape[0]))
        self._run(plan_kernels.panel_sums, sums, logs)
        return sums, logs

    def draws(self, starts, targets):
        """Columns at which the running sum of row i exceeds each of targets[starts[i] : starts[i +
        1]].

        Targets ascend. A target that rounding puts at or above the sum gets the last column with an
        entry above 0.
        """
        columns = np.zeros(len(targets), np.int64)
        self._run(plan_kernels.panel_draws, starts, targets, columns)
        return columns

    def _run(self, kernel, *arrays):
        n, m = self.shape
        pairs_of_rows = max(m, 1) * ROWS
        size = -(-PAIRS_A_PANEL // pairs_of_rows) * ROWS

        def task(first):
            exponents = self._exponents
            last = min(first + size, n)
            cost = exponents.cost
            if isinstance(cost, BY_BLOCKS):
                x, y = self._points
                block = cost.given(x, first, last, y)
                exponents = exponents._replace(cost=block)
            kernel(exponents, first, last, *arrays)

        run(task, [(first,) for first in range(0, n, size)])


def _padded(points):
    """Pad points with zero coordinates to a multiple of COORDINATES, which the kernels read
    together.
    """
    n, d = points.shape
    width = -(-d // COORDINATES) * COORDINATES
    out = np.zeros((n, width))
    out[:, :d] = points
    return out
