"""The costs |x - y|^p / p."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..backends.pointwise import Distance, Power
from ..common.array_types import Floats
from .base import Cloud, Cost
from .pair_slopes import PairSlopes, power_slopes
from .squared_euclidean import SQUARED_EUCLIDEAN


@dataclass(frozen=True)
class PowerOfDistance(Cost):
    """|x - y|^p / p for p >= 1 other than 2.

    For p = 1 the gradient at equal points is 0, the mean of those around.
    """

    p: float

    @property
    def formula(self) -> str:
        """The cost in words of mathematics, for display."""
        return "|x - y|" if self.p == 1 else f"|x - y|^{self.p:g} / {self.p:g}"

    @property
    def has_length(self) -> bool:
        """A blur is a length."""
        return True

    @property
    def is_positive(self) -> bool:
        """Whether p <= 2: above, exp(-C / eps) is not positive definite."""
        return self.p <= 2

    @property
    def exponent(self) -> float:
        """The exponent p."""
        return self.p

    def eps(self, blur: float) -> float:
        """The temperature blur**p of a blur."""
        return float(blur**self.p)

    def blur(self, eps: float) -> float:
        """The length eps**(1/p) of a temperature."""
        return float(eps ** (1 / self.p))

    def kind(self, per_cost: float) -> tuple[float, Distance | Power]:
        """The scale at which the cost times a factor is |x - y|^p, and the kind."""
        p = self.p
        scale = float((per_cost / p) ** (1 / p))
        return scale, Distance() if p == 1 else Power(p / 2)

    def block(self, x: Floats, y: Floats) -> Floats:
        """(n, m) costs between the rows of two arrays of points, from their differences."""
        apart = x[:, None, :] - y[None, :, :]
        distances = np.linalg.norm(apart, axis=2)
        costs: Floats = distances**self.p / self.p
        return costs

    def slopes(self, x: Floats, y: Floats) -> PairSlopes:
        """The derivatives at all pairs of points."""
        return power_slopes(x, y, self.p)

    def diameter(self, source: Cloud, target: Cloud) -> float:
        """The diagonal of the bounding box of the two clouds."""
        return SQUARED_EUCLIDEAN.diameter(source, target)

    def bound(self, diameter: float) -> float:
        """An upper bound of the cost between points of one set of this diameter."""
        return float(diameter**self.p / self.p)
