"""One cloud of a kernel, scaled for the exponents of its pairs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.base import Backend, Cloud
from ..backends.pointwise import LOG2E
from ..common.array_types import Floats, Indices
from ..costs import Cost


class PairSettings(NamedTuple):
    """The cost, temperature, precision and backend of all pairs of a kernel."""

    cost: Cost
    eps: float
    dtype: str
    backend: Backend


class Side:
    """One cloud, scaled so that exponents are powers of 2.

    For the cost |x - y|^2 / 2, each tile is on its own center, and half of the squares of the
    offsets is part of the exponents. For other costs all tiles are on the same center, the origin.

    Attributes
    ----------
    points : (n, D) array
        Embedded points, relative to the origin.
    places : (n, d) array
        The points themselves, relative to their origin.
    """

    def __init__(
        self,
        places: Floats,
        points: Floats,
        weights: Floats,
        bounds: Indices,
        settings: PairSettings,
    ) -> None:
        self.places = places
        self.points = points
        self.weights = weights
        self._bounds = bounds
        self._settings = settings
        self._to_exponent = LOG2E / settings.eps
        scale, kind = settings.cost.kind(self._to_exponent)
        self._scale = scale
        n_tiles = len(bounds) - 1
        centers: Floats = np.zeros((n_tiles, points.shape[1]))
        offsets = points
        self._half_squares = 0.0
        if kind is None:
            sizes = np.diff(bounds)
            sums = np.add.reduceat(points, bounds[:-1])
            centers = sums / sizes[:, None]
            offsets = points - np.repeat(centers, sizes, axis=0)
        offsets = (offsets * scale).astype(settings.dtype)
        if kind is None:
            # The squares are those of the rounded offsets, so that the exponents belong to exact
            # costs between these.
            squares = np.einsum("ik,ik->i", offsets, offsets, dtype=np.float64)
            self._half_squares = squares / 2

        self.cloud = settings.backend.load(offsets, centers * scale, bounds, kind)
        positive = weights[weights > 0]
        self.least_log_weight = float(np.log(positive.min(initial=1.0)))

    @property
    def scaled(self) -> Floats:
        """(n, D) points in the unit of the exponents."""
        return self.points * self._scale

    def in_bits(self, potential: Floats | float) -> Floats:
        """A potential in the unit of the exponents."""
        bits: Floats = np.asarray(self._to_exponent * potential)
        return bits

    def exponents(self, potential: Floats | float) -> Floats:
        """F or G, for a potential in units of cost."""
        exponents = self.in_bits(potential) - self._half_squares
        return np.broadcast_to(exponents, len(self.points))

    def at(self, potential: Floats | float) -> tuple[Cloud, Floats]:
        """The cloud and its exponents, as a backend takes them."""
        return self.cloud, self.exponents(potential)

    def weighted(self, potential: Floats | float) -> tuple[Cloud, Floats, Floats]:
        """The cloud, its exponents and its weights, as a backend takes them."""
        return self.cloud, self.exponents(potential), self.weights

    def part(self, rows: Indices) -> Side:
        """The side with some of its points, given by increasing indices."""
        bounds = np.unique(np.searchsorted(rows, self._bounds))
        return Side(
            self.places[rows],
            self.points[rows],
            self.weights[rows],
            bounds,
            self._settings,
        )

    def at_eps(self, eps: float) -> Side:
        """The side at another temperature."""
        return Side(
            self.places,
            self.points,
            self.weights,
            self._bounds,
            self._settings._replace(eps=eps),
        )
