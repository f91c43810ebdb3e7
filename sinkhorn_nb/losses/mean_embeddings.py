"""Energy distances and MMD between the two sides of many labelings of one pooled cloud."""

from __future__ import annotations

import numpy as np

from ..backends.cpu.threads import run, single_threaded_blas
from ..common.array_types import Booleans, Floats
from ..common.spans import spans

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
    size = len(points)
    n = labels[0].sum()
    m = size - n
    w = np.where(labels.T, 1 / n, -1 / m)
    z = points - points.mean(axis=0)
    half_squares = (z**2).sum(axis=1) / 2
    blocks = spans(size, ROWS)
    parts = np.empty((len(blocks), len(labels)))

    def task(number: int, first: int, last: int) -> None:
        rows = slice(first, last)
        products = z[rows] @ z.T
        costs = half_squares[rows, None] + half_squares - products
        np.fill_diagonal(costs[:, rows], 0.0)
        k = _kernel(np.maximum(costs, 0.0), blur)
        parts[number] = np.einsum("ij,ij->j", w[rows], k @ w) / 2

    tasks = [(number, *block) for number, block in enumerate(blocks)]
    with single_threaded_blas():
        run(task, tasks)
    return parts.sum(axis=0)


def embedding_rounding(values: Floats, points: Floats, blur: float | None) -> float:
    """A bound of the rounding of values, relative to them and to the entries of the kernel."""
    largest_entry = 1.0 if blur is not None else np.ptp(points, axis=0).sum()
    return max(1e-12 * float(np.abs(values).max()), 1e-15 * float(largest_entry))


def _kernel(costs: Floats, blur: float | None) -> Floats:
    """The entries for costs |x - y|^2 / 2."""
    if blur is None:
        return -np.sqrt(2 * costs)
    entries: Floats = np.exp(-costs / blur**2)
    return entries
