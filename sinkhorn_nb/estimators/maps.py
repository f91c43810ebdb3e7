"""Entropic maps from learned arrays: points, weights and a potential."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.pointwise import LOG2E
from ..backends.row_means import softmax_means
from ..common.array_types import Coordinates, Floats
from ..results.solution import Solution
from ..terms import Terms

FURTHEST = 1e140  # coordinates in units of the blur, whose squares are finite


class Potential(NamedTuple):
    """A potential on the points of a measure, with its softmin extension to the whole space.

    Attributes
    ----------
    points : (m, d) array
        Distinct points.
    weights : (m,) array, > 0, of mass 1
    values : (m,) array
    terms : Terms
        The temperature, the cost and the prices.
    """

    points: Coordinates
    weights: Floats
    values: Floats
    terms: Terms

    @classmethod
    def of_target(cls, solution: Solution) -> Potential:
        """The potential g of a solution between measures of distinct points."""
        target = solution.problem.target
        return cls(target.points, target.weights, solution.g, solution.problem.terms)

    def images(self, x: Coordinates) -> Floats:
        """The means of the points under the conditional plan at x, row by row."""
        _, images = self._extended(x)
        return images

    def softmin(self, x: Coordinates) -> Floats:
        """-eps log sum_j b_j exp((g_j - C(x, y_j)) / eps), row by row."""
        softmin, _ = self._extended(x)
        return softmin

    def displacements(self, x: Coordinates) -> Floats:
        """r (T(x) - x) for the images T(x) and the ratios r of the marginal at x, row by row: minus
        the gradient of OT_eps for |x - y|^2 / 2, per unit of mass. r is 0 far beyond the reach.
        """
        softmin, images = self._extended(x)
        rho = self.terms.marginals.source
        ratios = np.exp(-softmin / (rho + self.terms.eps))
        return ratios[:, None] * (images - x)

    def _extended(self, x: Coordinates) -> tuple[Floats, Floats]:
        """The softmin and the images."""
        center = self.weights @ self.points.astype(np.float64)
        eps = self.terms.eps
        scale, kind = self.terms.cost.kind(LOG2E / eps)
        x = np.ascontiguousarray((x - center) * scale)
        y = (self.points - center) * scale
        columns = np.ascontiguousarray(y.T)
        G = LOG2E * (self.values / eps + np.log(self.weights))
        if kind is not None:
            logs, means = softmax_means(x.clip(-FURTHEST, FURTHEST), columns, G, kind)
            return -logs * (eps / LOG2E), center + means / scale

        # |x|^2 / 2 cancels in the means, and would cost far queries all digits
        G -= (y**2).sum(axis=1) / 2
        logs, means = softmax_means(x, columns, G)
        half_squares = (x**2).sum(axis=1) / 2
        return (half_squares - logs) / scale**2, center + means / scale
