"""Measures of more points than fit in memory: read once in chunks, kept as moments of cells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import validation
from ..backends.cpu.compressed_moments import moments_of_cells
from ..backends.cpu.compressed_sums import UNIT, bounding_box
from ..common.array_types import ArrayLike, Coordinates, Floats, Indices
from ..common.representation import Represented
from .moments import (
    digits_of,
    legs,
    means_and_covariances,
    products_of,
    shifts,
    spreads_and_axes,
)

HIGHEST_DIMENSION = 4  # the keys of cells have 63 bits
# The integer that stands for the largest weight: 2^34 points of this weight fit in the sums
OF_LARGEST = 2.0**28
# Mean weight, as a share of the largest, below which rounding loses too many digits of the mass
LEAST_MEAN = 2.0**-10
MOST_BITS = 24  # cells from 0 to the end of the grid: places in them are known to 4e-9 of the side


@dataclass(frozen=True, eq=False, repr=False)
class CellSums(Represented):
    """Sums of mass, places and their products over the points in each cell of a grid, as integers.

    Sums of different points add: `CellSums.of(some) + CellSums.of(others)` has the same bits as
    `CellSums.of(all)`, however the points are divided.

    Attributes
    ----------
    side, largest_weight : float
    origin : (d,) array
        A corner of the grid.
    keys : (c,) int64 array
        Numbers of the occupied cells.
    sums : (c, 2 + d + d (d + 1) / 2) int64 array
    has_weights : bool
    """

    side: float
    largest_weight: float
    origin: Floats
    keys: Indices
    sums: Indices
    has_weights: bool

    @classmethod
    def of(
        cls,
        points: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        side: float,
        largest_weight: float = 1.0,
    ) -> CellSums:
        """The sums over some points; without weights, all points weigh the same."""
        side = validation.positive("side", side)
        largest = validation.positive("largest_weight", largest_weight)
        array, _ = validation.cloud("points", points)
        n, d = array.shape
        if d > HIGHEST_DIMENSION:
            raise ValueError(
                f"points: expected at most {HIGHEST_DIMENSION} coordinates, got {d}; project the "
                "points, or pass all of them as one array to a function"
            )
        origin = _origin(array, side)
        unit = OF_LARGEST / UNIT
        if weights is None:
            shares = np.full(n, unit)
        else:
            shares = _shares(weights, n, largest) * unit
        keys, sums = moments_of_cells(array, shares, origin, side)
        return cls(side, largest, origin, keys, sums, weights is not None)

    def __add__(self, other: CellSums) -> CellSums:
        """The sums over the points of both."""
        if self._grid != other._grid:
            raise ValueError(
                f"chunks: expected the grid and the kind of weights {self._grid} of the first "
                f"chunk, got {other._grid}; use one side and one largest_weight, and weights in "
                "all chunks or in none"
            )
        new = self._new(other.keys)
        keys = self.keys
        if len(new):
            # A stable sort merges two sorted parts in one pass
            keys = np.sort(np.append(keys, new), kind="stable")
        n_moments = self.sums.shape[1]
        sums = np.zeros((len(keys), n_moments), np.int64)
        for own in (self, other):
            place = np.searchsorted(keys, own.keys)
            sums[place] += own.sums
        return replace(self, keys=keys, sums=sums)

    def _new(self, keys: Indices) -> Indices:
        """The keys that are not here; after the first chunks, few of them."""
        last = len(self.keys) - 1
        place = np.searchsorted(self.keys, keys)
        place = np.minimum(place, last)
        return keys[self.keys[place] != keys]

    @property
    def n_points(self) -> int:
        """Number of points with mass."""
        return int(self.sums[:, 0].sum())

    @property
    def mass_rounding(self) -> float:
        """The relative error that rounding of the weights makes in the mass."""
        return 1 / (self._mean_share * OF_LARGEST)

    @property
    def _mean_share(self) -> float:
        """The mean weight, as a share of the largest one that was announced."""
        masses = self.sums[:, 1].astype(np.float64)
        mass = float(masses.sum())
        return mass / OF_LARGEST / max(self.n_points, 1)

    def coarser(self) -> CellSums:
        """The sums in cells twice as wide. How much a value changes between the two is an estimate,
        from above, of its error in the narrow cells.
        """
        d = len(self.origin)
        bits = 63 // d
        digits = digits_of(self.keys, bits, d)
        places = digits % 2 - 0.5  # of the narrow cell's center, in units of its side
        moved = self.sums.astype(np.float64)
        mass = moved[:, 1]
        first = moved[:, 2 : 2 + d]
        for column, i, j in products_of(d):
            along_i = places[:, i]
            along_j = places[:, j]
            crossed = along_i * first[:, j] + along_j * first[:, i]
            squared = along_i * along_j
            moved[:, column] += crossed + squared * mass
            moved[:, column] /= 4
        moved_first = first + places * mass[:, None]
        moved[:, 2 : 2 + d] = moved_first / 2

        wide = (digits // 2 << shifts(bits, d)).sum(axis=1)
        keys, place = np.unique(wide, return_inverse=True)
        rounded = np.rint(moved).astype(np.int64)
        n_moments = moved.shape[1]
        sums = np.zeros((len(keys), n_moments), np.int64)
        np.add.at(sums, place, rounded)
        return replace(self, side=2 * self.side, keys=keys, sums=sums)

    def nodes(self) -> tuple[Floats, Floats]:
        """Points and weights of nodes with the mass, mean and covariance of each cell. Without
        weights they are probabilities.
        """
        d = len(self.origin)
        carries = self.sums[:, 1] > 0
        keys = self.keys[carries]
        masses, first, second = means_and_covariances(self.sums[carries], d)
        unit = self.largest_weight / OF_LARGEST
        masses *= unit if self.has_weights else 1 / masses.sum()
        spreads, axes, n_axes = spreads_and_axes(second)
        places = digits_of(keys, 63 // d, d) + 0.5 + first
        centers = self.origin + self.side * places

        points = []
        weights = []
        for k in range(d + 1):
            rows = n_axes == k
            offsets = legs(spreads[rows], axes[rows], k)
            nodes = centers[rows, None] + self.side * offsets
            count = offsets.shape[1]
            shares = masses[rows] / count
            points.append(nodes.reshape(-1, d))
            weights.append(np.repeat(shares, count))
        return np.concatenate(points), np.concatenate(weights)

    @property
    def _grid(self) -> tuple[object, ...]:
        return self.side, self.largest_weight, self.origin.tolist(), self.has_weights

    def _facts(self) -> dict[str, object]:
        return {"n_points": self.n_points, "cells": len(self.keys), "side": self.side}


def summed(chunks: Iterable[Any], side: float, largest_weight: float) -> CellSums:
    """The sums over all chunks: arrays of points, pairs of points and weights, or `CellSums`."""
    total: CellSums | None = None
    for chunk in chunks:
        if isinstance(chunk, CellSums):
            own = chunk
        else:
            points, weights = chunk if isinstance(chunk, tuple) else (chunk, None)
            own = CellSums.of(points, weights, side=side, largest_weight=largest_weight)
        total = own if total is None else total + own
    if total is None:
        raise ValueError("chunks: expected at least one chunk, got none; pass arrays of points")
    if total.has_weights and total._mean_share < LEAST_MEAN:
        mean = total._mean_share * total.largest_weight
        raise ValueError(
            f"largest_weight: expected at most {1 / LEAST_MEAN:g} times the mean weight, got "
            f"{total.largest_weight:g} and a mean of {mean:.3g}, which rounding would change; pass "
            "the largest weight of all chunks, and split points that are much heavier than others"
        )
    return total


def _shares(weights: ArrayLike, n: int, largest: float) -> Floats:
    """Weights as shares of the largest one."""
    shares = validation.weights("weights", weights, n) / largest
    if shares.max() > 1:
        raise ValueError(
            f"weights: expected at most largest_weight={largest:g}, got "
            f"{shares.max() * largest:g}; pass the largest weight of all chunks"
        )
    return shares


def _origin(points: Coordinates, side: float) -> Floats:
    """The corner of a grid about 0 whose cells the keys can number; the same for all chunks."""
    d = points.shape[1]
    half = 2.0 ** min(63 // d - 1, MOST_BITS)
    largest = np.abs(bounding_box(points)).max()
    if largest >= half * side:
        raise ValueError(
            f"side: expected coordinates within {half:.3g} cells of 0, got {largest:.6g} "
            f"at side={side:g}; shift the points, or pass a larger side"
        )
    return np.full(d, -half * side)
