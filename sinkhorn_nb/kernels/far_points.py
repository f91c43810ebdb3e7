"""Softmin and means of a cloud as seen from points so far away that squared distances lose the
differences.
"""

from __future__ import annotations

import numpy as np

from ..common.array_types import Booleans, Coordinates, Floats
from .trust import log

FAR = 1e4  # blurs: from there, the rounding of the squared distance is above 1e-8 eps
PAIRS_A_BLOCK = 2**20


def seen_from_afar(
    x: Coordinates, y: Floats, b: Floats, g: Floats, eps: float
) -> tuple[Floats, Floats]:
    """-eps log sum_j b_j exp((g_j - |x_i - y_j|^2 / 2) / eps), and the means of the y_j with these
    weights.

    Only <x_i, y_j> is formed, because |x_i|^2 is the same for all j. The means are those of a point
    within the rounding of x_i, at any distance.
    """
    center = y.mean(axis=0)
    offsets = y - center
    half_squares = (offsets**2).sum(axis=1) / 2
    constant = log(b) + (g - half_squares) / eps
    softmin = np.empty(len(x))
    means = np.empty((len(x), y.shape[1]))
    step = max(1, PAIRS_A_BLOCK // len(y))
    for i in range(0, len(x), step):
        rows = slice(i, i + step)
        there = x[rows] - center
        exponents = constant + there @ (offsets / eps).T
        largest = exponents.max(axis=1)
        weights = np.exp(exponents - largest[:, None])
        sums = weights.sum(axis=1)

        log_sums = largest + np.log(sums)
        half_squares_there = (there**2).sum(axis=1) / 2
        softmin[rows] = half_squares_there - eps * log_sums
        moments = weights @ offsets
        means[rows] = center + moments / sums[:, None]
    return softmin, means


def are_far(x: Coordinates, y: Floats, eps: float) -> Booleans:
    """Tell which of the x are far from the box of the y."""
    above = x - y.max(axis=0)
    below = y.min(axis=0) - x
    beyond = np.maximum(above, below).max(axis=1)
    return beyond > FAR * np.sqrt(eps)
