"""The cost |x - y|^2 / 2."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..common.array_types import Floats
from .base import Cloud, Cost, joint_box


@dataclass(frozen=True)
class SquaredEuclidean(Cost):
    """|x - y|^2 / 2, the cost of the Wasserstein-2 distance."""

    @property
    def formula(self) -> str:
        """The cost in words of mathematics, for display."""
        return "|x - y|^2 / 2"

    @property
    def has_length(self) -> bool:
        """A blur is a length."""
        return True

    @property
    def exponent(self) -> float:
        """2."""
        return 2.0

    def eps(self, blur: float) -> float:
        """The temperature blur**2 of a blur."""
        return blur**2

    def blur(self, eps: float) -> float:
        """The length sqrt(eps) of a temperature."""
        return math.sqrt(eps)

    def kind(self, per_cost: float) -> tuple[float, None]:
        """The root of the factor, and the kind None, whose products need no differences."""
        return math.sqrt(per_cost), None

    def block(self, x: Floats, y: Floats) -> Floats:
        """(n, m) costs between the rows of two arrays of points, from their differences."""
        differences = x[:, None, :] - y[None, :, :]
        return (differences**2).sum(axis=2) / 2

    def diameter(self, source: Cloud, target: Cloud) -> float:
        """The diagonal of the bounding box of the two clouds."""
        low, high = joint_box(source, target)
        # math.dist does not overflow when it squares lengths
        return math.dist(low.tolist(), high.tolist())

    def bound(self, diameter: float) -> float:
        """An upper bound of the cost between points of one set of this diameter."""
        return diameter**2 / 2


SQUARED_EUCLIDEAN = SquaredEuclidean()
