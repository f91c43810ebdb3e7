"""Entropic maps from learned arrays: points, weights and a potential."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.pointwise import LOG2E
from ..backends.row_means import softmax_means
from ..common.array_types import Coordinates, Floats
from ..results.solution import Solution


class Potential(NamedTuple):
    """A potential on the points of a measure, with its softmin extension to the whole space.

    Attributes
    ----------
    points : (m, d) array
        Distinct points.
    weights : (m,) array, > 0, of mass 1
    values : (m,) array
    blur : float
    """

    points: Coordinates
    weights: Floats
    values: Floats
    blur: float

    @classmethod
    def of_target(cls, solution: Solution) -> Potential:
        """The potential g of a solution between measures of distinct points."""
        target = solution.problem.target
        return cls(target.points, target.weights, solution.g, solution.problem.blur)

    def images(self, x: Coordinates) -> Floats:
        """The means of the points under the conditional plan at x, row by row."""
        return self._extended(x)[1]

    def softmin(self, x: Coordinates) -> Floats:
        """-eps log sum_j b_j exp((g_j - C(x, y_j)) / eps), row by row."""
        return self._extended(x)[0]

    def _extended(self, x: Coordinates) -> tuple[Floats, Floats]:
        """Both. Costs are never formed: |x|^2 / 2 cancels in the means, and would cost far queries
        all digits.
        """
        center = self.weights @ self.points.astype(np.float64)
        scale = np.sqrt(LOG2E) / self.blur
        x = np.ascontiguousarray((x - center) * scale)
        y = (self.points - center) * scale
        G = LOG2E * (self.values / self.blur**2 + np.log(self.weights)) - (y**2).sum(axis=1) / 2

        logs, means = softmax_means(x, np.ascontiguousarray(y.T), G)
        return ((x**2).sum(axis=1) / 2 - logs) / scale**2, center + means / scale
