"""One cloud of a kernel, scaled for the exponents of its pairs."""

from __future__ import annotations

import numpy as np

from ..backends.base import Backend
from ..backends.pointwise import LOG2E
from ..common.array_types import Floats, Indices
from ..costs import Cost


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
        settings: tuple[Cost, float, str, Backend],
    ) -> None:
        self.places, self.points, self.weights, self._bounds = places, points, weights, bounds
        self._settings = settings
        cost, eps, dtype, backend = settings
        self._to_exponent = LOG2E / eps
        scale, kind = cost.kind(self._to_exponent)
        centers: Floats = np.zeros((len(bounds) - 1, points.shape[1]))
        offsets, self._half_squares = points, 0.0
        if kind is None:
            sizes = np.diff(bounds)
            centers = np.add.reduceat(points, bounds[:-1]) / sizes[:, None]
            offsets = points - np.repeat(centers, sizes, axis=0)
        offsets = (offsets * scale).astype(dtype)
        if kind is None:
            # The squares are those of the rounded offsets, so that the exponents belong to exact
            # costs between these.
            self._half_squares = np.einsum("ik,ik->i", offsets, offsets, dtype=np.float64) / 2
        self.cloud = backend.load(offsets, centers * scale, bounds, kind)
        self.least_log_weight = float(np.log(weights[weights > 0].min(initial=1.0)))

    def exponents(self, potential: Floats | float) -> Floats:
        """F or G, for a potential in units of cost."""
        exponents = self._to_exponent * potential - self._half_squares
        return np.broadcast_to(exponents, len(self.points))

    def part(self, rows: Indices) -> Side:
        """The side with some of its points, given by increasing indices."""
        bounds = np.unique(np.searchsorted(rows, self._bounds))
        points, weights = self.points[rows], self.weights[rows]
        return Side(self.places[rows], points, weights, bounds, self._settings)

    def at_eps(self, eps: float) -> Side:
        """The side at another temperature."""
        cost, _, dtype, backend = self._settings
        settings = cost, eps, dtype, backend
        return Side(self.places, self.points, self.weights, self._bounds, settings)
