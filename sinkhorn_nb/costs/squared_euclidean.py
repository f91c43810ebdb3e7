"""The cost |x - y|^2 / 2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..common.array_types import Floats


@dataclass(frozen=True)
class SquaredEuclidean:
    """|x - y|^2 / 2, the cost of the Wasserstein-2 distance."""

    @property
    def formula(self) -> str:
        """The cost in words of mathematics, for display."""
        return "|x - y|^2 / 2"

    def eps(self, blur: float) -> float:
        """The temperature blur**2 of a blur."""
        return blur**2

    def blur(self, eps: float) -> float:
        """The length sqrt(eps) of a temperature."""
        return float(np.sqrt(eps))

    def block(self, x: Floats, y: Floats) -> Floats:
        """(n, m) costs between the rows of two arrays of points, from their differences."""
        differences = x[:, None, :] - y[None, :, :]
        return (differences**2).sum(axis=2) / 2

    def bound(self, diameter: float) -> float:
        """An upper bound of the cost between points of one set of this diameter."""
        return diameter**2 / 2


SQUARED_EUCLIDEAN = SquaredEuclidean()
