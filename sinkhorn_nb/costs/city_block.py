"""The city-block distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..backends.pointwise import CityBlock as Kind
from ..common.array_types import Floats
from .base import Cloud, Cost, joint_box
from .pair_slopes import CitySlopes, PairSlopes, differences


@dataclass(frozen=True)
class CityBlock(Cost):
    """sum_k |x_k - y_k|; in each coordinate in which points agree the derivative is 0."""

    @property
    def formula(self) -> str:
        """The cost in words of mathematics, for display."""
        return "sum_k |x_k - y_k|"

    @property
    def has_length(self) -> bool:
        """The temperature is a length in the unit of the points."""
        return True

    @property
    def exponent(self) -> float:
        """1: on a line this is the distance."""
        return 1.0

    def eps(self, blur: float) -> float:
        """The temperature of a length is the length."""
        return blur

    def blur(self, eps: float) -> float:
        """The length that belongs to a temperature."""
        return eps

    @property
    def has_sides(self) -> bool:
        """The diameter is the sum of the sides."""
        return True

    def kind(self, per_cost: float) -> tuple[float, Kind]:
        """The factor, and the kind."""
        return per_cost, Kind()

    def block(self, x: Floats, y: Floats) -> Floats:
        """(n, m) costs between the rows of two arrays of points, from their differences."""
        apart = np.abs(x[:, None, :] - y[None, :, :])
        costs: Floats = apart.sum(axis=2)
        return costs

    def slopes(self, x: Floats, y: Floats) -> PairSlopes:
        """The signs of the differences."""
        return CitySlopes(np.sign(differences(x, y)))

    def diameter(self, source: Cloud, target: Cloud) -> float:
        """The sum of the sides of the bounding box of the two clouds."""
        low, high = joint_box(source, target)
        return float((high - low).sum())

    def bound(self, diameter: float) -> float:
        """An upper bound of the cost, the diameter."""
        return diameter
