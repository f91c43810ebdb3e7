"""The Gibbs kernel of one pooled cloud, scaled so that the problem of any split of the cloud starts
near its solution.

Entries are k_ij = exp(h_i + h_j - C_ij / eps) for i != j, and 0 on the diagonal. The scaling h is a
rough solution of the self problem of the cloud without pairs of a point with itself: sum_j k_ij / N
is about 1. Two sides of a split share no point, so they never see the diagonal; self problems add
its logarithm, 2 h_i, on their own.
"""

from __future__ import annotations

import numpy as np

from ..backends.cpu.threads import run
from ..common.array_types import Floats, Numbers
from ..common.spans import spans

LARGEST = 2**30  # bytes of a kernel that is stored; larger ones are computed again for each product
ROWS = 256  # of a block
# Logarithms of the smallest entries and factors; smaller ones are 0, because denormal numbers take
# ten times as long.
SMALLEST_LOG = {"float32": -60.0, "float64": -500.0}
# Rounds of the scaling, at most, for outliers, whose errors are halved in each; and the largest
# error of the logarithms of the sums that ends it
ROUNDS, ROUGH = 64, 1.0


class PooledKernel:
    """The scaled kernel as an operator: `kernel.product(V)` is k @ V.

    Parameters
    ----------
    points : (N, d) float64 array
        At least two.
    eps : float
    dtype : {"float32", "float64"}
        Precision of the entries and of products.
    """

    def __init__(self, points: Floats, eps: float, dtype: str) -> None:
        centered = points - points.mean(axis=0)
        self._points = centered / np.sqrt(eps)
        self._half_squares = (self._points**2).sum(axis=1) / 2
        self.dtype = dtype
        size = len(points)
        self._blocks = spans(size, ROWS)
        self._h = np.zeros(size)
        self._stored = None
        self._rescale()
        n_bytes = size * size * np.dtype(dtype).itemsize
        if n_bytes <= LARGEST:
            self._stored = np.empty((size, size), dtype)
            run(self._store, self._blocks)

    def __len__(self) -> int:
        return len(self._points)

    @property
    def log_diagonal(self) -> Floats:
        """(N,) logarithms of the entries of points with themselves, which are left out."""
        return 2 * self._h

    def product(self, V: Floats) -> Floats:
        """k @ V for an (N, c) array, computed in the kernel's precision."""
        V = V.astype(self.dtype)
        smallest = np.exp(1.3 * SMALLEST_LOG[self.dtype])
        V[V < smallest] = 0.0
        if self._stored is not None:
            return (self._stored @ V).astype(np.float64)
        out = np.empty(V.shape)
        for first, last in self._blocks:
            entries = self._entries(first, last).astype(self.dtype)
            out[first:last] = entries @ V
        return out

    def _store(self, first: int, last: int) -> None:
        self._stored[first:last] = self._entries(first, last)  # type: ignore[index]

    def _entries(self, first: int, last: int) -> Numbers:
        exponents = self._exponents(first, last)
        smallest = SMALLEST_LOG[self.dtype]
        exponents[exponents < smallest] = -np.inf
        return np.exp(exponents)

    def _exponents(self, first: int, last: int) -> Numbers:
        """h_i + h_j - C_ij / eps of some rows, -inf on the diagonal."""
        rows = slice(first, last)
        costs = (
            self._half_squares[rows, None]
            + self._half_squares
            - self._points[rows] @ self._points.T
        )
        scalings = self._h[rows, None] + self._h
        exponents = scalings - np.maximum(costs, 0.0)
        np.fill_diagonal(exponents[:, rows], -np.inf)
        return exponents

    def _rescale(self) -> None:
        """Averaged symmetric updates of h, until the sums are roughly 1."""
        logs = np.empty(len(self._points))

        def task(first: int, last: int) -> None:
            exponents = self._exponents(first, last)
            largest = exponents.max(axis=1)
            shares = np.exp(exponents - largest[:, None])
            means = shares.mean(axis=1)
            logs[first:last] = largest + np.log(means)

        for _ in range(ROUNDS):
            run(task, self._blocks)
            self._h = self._h - logs / 2
            if np.abs(logs).max() < ROUGH:
                break
