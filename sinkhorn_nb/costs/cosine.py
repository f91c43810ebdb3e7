"""The cosine distance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..common.array_types import Coordinates, Floats
from .base import Cloud, Cost


@dataclass(frozen=True)
class Cosine(Cost):
    """1 - <x, y> / (|x| |y|), which is |u - v|^2 / 2 between points normalized to length 1."""

    @property
    def formula(self) -> str:
        """The cost in words of mathematics, for display."""
        return "1 - cos(x, y)"

    def eps(self, blur: float) -> float:
        """The temperature of a distance between normalized points."""
        return blur**2

    def blur(self, eps: float) -> float:
        """The distance between normalized points that belongs to a temperature."""
        return math.sqrt(eps)

    def check(self, name: str, points: Coordinates) -> None:
        """Raise a ValueError if a point is zero."""
        zeros = np.flatnonzero(~points.any(axis=1))
        if len(zeros):
            raise ValueError(
                f'{name}: expected points other than zero for cost="cosine", got zero in row '
                f"{zeros[0]}; leave out such rows"
            )

    def embedded(self, points: Floats, origin: Floats) -> Floats:
        """The points, normalized."""
        # Without overflow or underflow in the squares
        largest = np.abs(points).max(axis=1, keepdims=True)
        scaled = points / np.where(largest > 0, largest, 1.0)
        norms = np.linalg.norm(scaled, axis=1, keepdims=True)
        safe = np.where(norms > 0, norms, 1.0)  # a centroid may be zero
        units: Floats = scaled / safe
        return units

    def places(self, points: Floats) -> Floats:
        """The embedded points."""
        return self.embedded(points, points[0])

    @property
    def widest(self) -> float:
        """The diameter of the sphere."""
        return 2.0

    def pulled(self, points: Floats, gradients: Floats) -> Floats:
        """The parts of the derivatives along the sphere, over the lengths of the points."""
        units = self.embedded(points, points[0])
        along = _inner(units, gradients) * units
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        pulled: Floats = (gradients - along) / lengths
        return pulled

    def pushed(self, points: Floats, moves: Floats) -> Floats:
        """The velocities along the sphere, over the lengths of the points."""
        return self.pulled(points, moves)  # the derivative of the embedding is symmetric

    def bent(self, points: Floats, gradients: Floats, moves: Floats) -> Floats:
        """The change of `pulled` as the directions and the lengths of the points change."""
        units = self.embedded(points, points[0])
        turns = self.pulled(points, moves)
        slopes = self.pulled(points, gradients)
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        stretch = _inner(units, moves)
        change = _inner(turns, gradients) * units
        change += _inner(units, gradients) * turns
        bent: Floats = -(change + slopes * stretch) / lengths
        return bent

    def kind(self, per_cost: float) -> tuple[float, None]:
        """The root of the factor, and the kind None of |u - v|^2 / 2."""
        return math.sqrt(per_cost), None

    def block(self, x: Floats, y: Floats) -> Floats:
        """(n, m) costs between the rows of two arrays of points, from their differences."""
        u = self.embedded(x, x[0])
        v = self.embedded(y, y[0])
        apart = u[:, None, :] - v[None, :, :]
        costs: Floats = (apart**2).sum(axis=2) / 2
        return costs

    def diameter(self, source: Cloud, target: Cloud) -> float:
        """2, the diameter of the sphere."""
        return 2.0

    def bound(self, diameter: float) -> float:
        """An upper bound of the cost, diameter**2 / 2."""
        return diameter**2 / 2


def _inner(u: Floats, v: Floats) -> Floats:
    """(n, 1) inner products of rows."""
    inner: Floats = np.einsum("ik,ik->i", u, v)[:, None]
    return inner
