"""A cost that the caller gives as a compiled function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backends import cost_functions
from ..common.array_types import Coordinates, Floats
from .base import Cloud, Cost
from .pair_slopes import GivenSlopes, PairSlopes

SAMPLE = 32  # points of each cloud at which the function is tried
SYMMETRY = 1e-9  # relative difference of c(x, y) and c(y, x) by rounding
MARGIN = 2.0  # costs may be larger than at the sample by this factor


@dataclass(frozen=True)
class GivenCost(Cost):
    """A function c(xi, yj) of two points, compiled by `numba.njit` and symmetric.

    Parameters
    ----------
    function : compiled function
        From two float64 arrays (d,) to a number.
    derivative : compiled function, optional
        From the same arrays to the derivatives of the cost in xi, an array (d,). Without it,
        gradients in the points are NaN.
    """

    function: Any
    derivative: Any = None

    @property
    def formula(self) -> str:
        """The function's name, for display."""
        return f"{self.function.__name__}(x, y)"

    @property
    def is_positive(self) -> None:
        """It is not known whether divergences are positive."""
        return None

    @property
    def has_centroids(self) -> bool:
        """The function may be defined at the given points alone."""
        return False

    @property
    def has_long_pairs(self) -> bool:
        """The function takes the points with all their digits."""
        return True

    def eps(self, blur: float) -> float:
        """The temperature itself: costs have no length."""
        return blur

    def blur(self, eps: float) -> float:
        """The temperature itself: costs have no length."""
        return eps

    def check(self, name: str, points: Coordinates) -> None:
        """Raise an error if a function cannot be compiled or is not finite, if the cost is not
        symmetric, or if its derivative does not have the shape of a point.
        """
        sample = _sample(points)
        if self.derivative is not None:
            cost_functions.check_derivative(self.derivative, sample, sample)
        costs = self.block(sample, sample)
        differences = np.abs(costs - costs.T)
        largest_cost = np.abs(costs).max()
        if differences.max() > SYMMETRY * largest_cost:
            place = int(differences.argmax())
            i, j = np.unravel_index(place, costs.shape)
            raise ValueError(
                f"cost: expected a symmetric function, got {costs[i, j]:.6g} and {costs[j, i]:.6g} "
                f"for the same two points of {name} in both orders; pass c(x, y) + c(y, x), or "
                "another function"
            )

    def embedded(self, points: Floats, origin: Floats) -> Floats:
        """The points themselves."""
        return points

    def kind(self, per_cost: float) -> tuple[float, cost_functions.Function]:
        """The function and its factor."""
        return 1.0, cost_functions.Function(self.function, per_cost, self.derivative)

    def block(self, x: Floats, y: Floats) -> Floats:
        """(n, m) costs between the rows of two arrays of points."""
        costs: Floats = cost_functions.block(self.function, x, y)
        return costs

    @property
    def has_slopes(self) -> bool:
        """Whether the caller gave the derivatives."""
        return self.derivative is not None

    def slopes(self, x: Floats, y: Floats) -> PairSlopes:
        """The derivatives that the caller's second function gives at all pairs of points."""
        on_x = cost_functions.derivatives(self.derivative, x, y)
        on_y = cost_functions.derivatives(self.derivative, y, x)
        return GivenSlopes(on_x, on_y.transpose(0, 2, 1))

    def diameter(self, source: Cloud, target: Cloud) -> float:
        """The largest cost, in size, between samples of both clouds."""
        sample = np.vstack([_sample(source.points), _sample(target.points)])
        costs = self.block(sample, sample)
        return float(np.abs(costs).max())

    def bound(self, diameter: float) -> float:
        """Twice the largest cost between samples."""
        return MARGIN * diameter


def _sample(points: Coordinates) -> Floats:
    step = -(-len(points) // SAMPLE)
    return points[::step].astype(np.float64)
