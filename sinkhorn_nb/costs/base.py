"""The protocol of a cost C(x, y) between points."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ..common.array_types import Coordinates, Floats
from .pair_slopes import PairSlopes, power_slopes


class Cloud(Protocol):
    """The points of a measure, (n, d), and the corners of their bounding box."""

    @property
    def points(self) -> Any:
        """(n, d) points."""

    @property
    def box(self) -> Floats:
        """(2, d) lowest and highest corners."""


def joint_box(source: Cloud, target: Cloud) -> tuple[Floats, Floats]:
    """The lowest and the highest corner of the bounding box of two clouds."""
    (low_x, high_x) = source.box
    (low_y, high_y) = target.box
    return np.minimum(low_x, low_y), np.maximum(high_x, high_y)


class Cost(Protocol):
    """A cost between points, as a function of a sum over the coordinates of embedded points.

    By default the points are not embedded, all of them are valid, and the cost has no exponent.
    """

    @property
    def formula(self) -> str:
        """The cost in words of mathematics, for display."""

    @property
    def has_length(self) -> bool:
        """Whether a blur is a length in the unit of the points."""
        return False

    @property
    def is_positive(self) -> bool | None:
        """Whether Sinkhorn divergences are positive, as they are if exp(-C / eps) is positive
        definite; None if this is not known.
        """
        return True

    @property
    def has_centroids(self) -> bool:
        """Whether means of points may stand for these points."""
        return True

    @property
    def has_points(self) -> bool:
        """Whether the cost is between points, so that there are maps and derivatives in points."""
        return True

    @property
    def is_finite(self) -> bool:
        """Whether no pair is forbidden by an infinite cost."""
        return True

    @property
    def has_long_pairs(self) -> bool:
        """Whether pairs have float64 precision in all passes."""
        return False

    @property
    def exponent(self) -> float | None:
        """The p of |x - y|^p / p for points on a line, or None."""
        return None

    def eps(self, blur: float) -> float:
        """The temperature, in units of cost, of a blur, which is a length."""

    def blur(self, eps: float) -> float:
        """The length of a temperature, in the unit of `diameter`."""

    def check(self, name: str, points: Coordinates) -> None:
        """Raise a ValueError if the cost is not defined at some of the points."""
        return None

    def embedded(self, points: Floats, origin: Floats) -> Floats:
        """(n, D) points that the pairs' formula takes; relative to the origin where only
        differences matter.
        """
        return points - origin

    def places(self, points: Floats) -> Floats:
        """(n, D) embedded points of which only differences matter; the points themselves, if they
        are not embedded.
        """
        return points

    @property
    def widest(self) -> float:
        """The diameter of all sets of points, or 0 if it depends on them."""
        return 0.0

    @property
    def has_sides(self) -> bool:
        """Whether the diameter of a box is the sum of its sides, not its diagonal."""
        return False

    def pulled(self, points: Floats, gradients: Floats) -> Floats:
        """(n, d) derivatives in the points from those in the embedded points."""
        return gradients

    def pushed(self, points: Floats, moves: Floats) -> Floats:
        """(n, D) velocities of the embedded points, from velocities (n, d) of the points."""
        return moves

    def bent(self, points: Floats, gradients: Floats, moves: Floats) -> Floats:
        """(n, d) change of `pulled` along velocities of the points, at the same gradients."""
        return np.zeros_like(moves)

    def slopes(self, x: Floats, y: Floats) -> PairSlopes:
        """The derivatives of the cost at all pairs of embedded points; by default those of |x -
        y|^2 / 2.
        """
        return power_slopes(x, y, 2.0)

    @property
    def has_slopes(self) -> bool:
        """Whether derivatives in the points are known."""
        return True

    def kind(self, per_cost: float) -> tuple[float, Any]:
        """The scale of the embedded points and the kind of cost in `backends.pointwise`, for which
        the formula gives `per_cost` times the cost.
        """

    def block(self, x: Floats, y: Floats) -> Floats:
        """(n, m) costs between the rows of two arrays of points, from their differences."""

    def diameter(self, source: Cloud, target: Cloud) -> float:
        """An upper bound of the distances between all points, in the unit of `blur`."""

    def bound(self, diameter: float) -> float:
        """An upper bound of the cost between points of one set of this diameter."""
