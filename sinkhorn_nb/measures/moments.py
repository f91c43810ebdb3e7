"""Moments of the points in the cells of a grid, and nodes with the same moments."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..common.array_types import Floats, Indices

DROP = 0.05  # spreads below this share of a cell's side are taken as 0


def means_and_covariances(sums: Indices, d: int) -> tuple[Floats, Floats, Floats]:
    """Masses (c,), in the unit of the sums, and means and covariances of z, a point's place in its
    cell, from sums of integers: number, mass, sums of w z_k, sums of w z_k z_j for j <= k.
    """
    masses = sums[:, 1].astype(np.float64)
    safe = np.where(masses > 0, masses, 1.0)
    first = sums[:, 2 : 2 + d] / safe[:, None]
    second = np.empty((len(sums), d, d))
    for column, i, j in products_of(d):
        raw = sums[:, column] / safe
        of_means = first[:, i] * first[:, j]
        second[:, i, j] = raw - of_means
        second[:, j, i] = second[:, i, j]
    return masses, first, second


def products_of(d: int) -> Iterator[tuple[int, int, int]]:
    """The columns of the sums of w z_i z_j, with i and j."""
    pairs = zip(*np.tril_indices(d), strict=True)
    for column, (i, j) in enumerate(pairs, start=2 + d):
        yield column, int(i), int(j)


def digits_of(keys: Indices, bits: int, d: int) -> Indices:
    """(c, d) numbers of cells along each axis, from their keys with some bits per axis."""
    mask = (1 << bits) - 1
    return (keys[:, None] >> shifts(bits, d)) & mask


def shifts(bits: int, d: int) -> Indices:
    """(d,) places of the axes in a key."""
    return bits * np.arange(d - 1, -1, -1)


def spreads_and_axes(second: Floats) -> tuple[Floats, Floats, Indices]:
    """Standard deviations along the principal axes of each cell, the axes, and how many of them the
    points spread along.
    """
    variances, axes = np.linalg.eigh(second)
    spreads = np.sqrt(np.maximum(variances, 0))
    return spreads, axes, (spreads > DROP).sum(axis=1)


def legs(spreads: Floats, axes: Floats, k: int) -> Floats:
    """(c, max(2 k, 1), d) offsets +- sqrt(k) s e of the nodes of cells with k axes e and spreads
    s. With equal weights they have mean 0 and the covariance of the cell.
    """
    count, d = spreads.shape
    z = np.zeros((count, max(2 * k, 1), d))
    if k:
        widest = slice(d - k, d)
        scales = math.sqrt(k) * spreads[:, None, widest]
        along = axes[:, :, widest] * scales
        z[:, :k] = np.swapaxes(along, 1, 2)
        z[:, k:] = -z[:, :k]
    return z
