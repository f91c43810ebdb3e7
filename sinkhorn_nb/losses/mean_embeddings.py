"""Energy distances and MMD between the two sides of many labelings of one pooled cloud."""

from __future__ import annotations

import numpy as np

from ..backends.cpu.threads import run, single_threaded_blas
from ..common.array_types import Booleans, Floats

ROWS = 256  # of the matrix of distances that are in memory at a time, for each thread


def embedding_values(points: Floats, labels: Booleans, blur: float | None) -> Floats:
    """|a - b|_k^2 / 2 = w' k w / 2, w = a - b, for each labeling.

    Parameters
    ----------
    points : (N, d) float64 array
    labels : (B, N) bool array
        Rows with the same number of points on each side.
    blur : float or None
        The Gaussian kernel exp(-|x - y|^2 / (2 blur^2)); None for
        the kernel -|x - y| of the energy distance.
    """
    n = labels[0].sum()
    w = np.where(labels.T, 1 / n, -1 / (labels.shape[1] - n))
    z = points - points.mean(axis=0)
    half_squares = (z**2).sum(axis=1) / 2
    bounds = [(first, min(first + ROWS, len(z))) for first in range(0, len(z), ROWS)]
    parts = np.empty((len(bounds), len(labels)))

    def task(number: int, first: int, last: int) -> None:
        costs = half_squares[first:last, None] + half_squares - z[first:last] @ z.T
        costs[np.arange(last - first), np.arange(first, last)] = 0.0
        costs = np.maximum(costs, 0.0)
        k = -np.sqrt(2 * costs) if blur is None else np.exp(-costs / blur**2)
        parts[number] = np.einsum("ij,ij->j", w[first:last], k @ w) / 2

    with single_threaded_blas():
        run(task, [(number, *rows) for number, rows in enumerate(bounds)])
    return parts.sum(axis=0)
