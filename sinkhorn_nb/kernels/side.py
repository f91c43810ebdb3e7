"""One cloud of a kernel, scaled for the exponents of its pairs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.base import Backend
from ..backends.pointwise import LOG2E
from ..common.array_types import Floats, Indices
from ..costs import Cost


class PairSettings(NamedTuple):
    """The terms and the precision by which the pairs of a kernel are computed."""

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
        centers: Floats = np.zeros((len(bounds) - 1, points.shape[1]))
        offsets, self._half_squares = points, 0.0
        if kind is None:
            sizes = np.diff(bounds)
            centers = np.add.reduceat(points, bounds[:-1]) / sizes[:, None]
            offsets = points - np.repeat(centers, sizes, axis=0)
        offsets = (offsets * scale).astype(settings.dtype)
        if kind is None:
            # The squares are those of the rounded offsets, so that the exponents belong to exact
            # costs between these.
            self._half_squares = np.einsum("ik,ik->i", offsets, offsets, dtype=np.float64) / 2
        self.cloud = settings.backend.load(offsets, centers * scale, bounds, kind)
        self.least_log_weight = float(np.log(weights[weights > 0].min(initial=1.0)))

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

    def part(self, rows: Indices) -> Side:
        """The side with some of its points, given by increasing indices."""
        bounds = np.unique(np.searchsorted(rows, self._bounds))
        points, weights = self.points[rows], self.weights[rows]
        return Side(self.places[rows], points, weights, bounds, self._settings)

    def at_eps(self, eps: float) -> Side:
        """The side at another temperature."""
        settings = self._settings._replace(eps=eps)
        return Side(self.places, self.points, self.weights, self._bounds, settings)
