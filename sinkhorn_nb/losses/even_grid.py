"""The even grid onto which numbers are sorted smoothly."""

from __future__ import annotations

import numpy as np

from ..common.array_types import Floats
from ..measures.measure import Measure

WIDTH = np.sqrt(12)  # of the interval on which the uniform distribution has variance 1


class EvenGrid:
    """Evenly spaced numbers, as many as x has, with its mean and standard deviation (1 if all are
    equal).

    Parameters
    ----------
    source : Measure
        The numbers x, as points on a line, and their weights.

    Attributes
    ----------
    mean, scale : float
        The mean and the standard deviation.
    """

    def __init__(self, source: Measure) -> None:
        # Same bits for any order
        ordered = source.partition.points[:, 0]
        weights = source.partition.probabilities
        self.mean = float(weights @ ordered)
        variance = weights @ (ordered - self.mean) ** 2
        deviation = float(np.sqrt(variance))
        self.scale = deviation or 1.0

        self._weights = source.probabilities
        slopes = self._weights * (source.points[:, 0] - self.mean) / self.scale
        self._slopes = slopes * (deviation > 0)  # of the standard deviation, in x
        self._count = len(source)
        levels = (np.arange(self._count) + 0.5) / self._count
        self._unit = WIDTH * (levels - 0.5)

    @property
    def points(self) -> Floats:
        """(n,) the numbers, in ascending order."""
        return self.mean + self.scale * self._unit

    @property
    def step(self) -> float:
        """The distance of neighbors."""
        return self.scale * WIDTH / self._count

    def pull(self, on_points: Floats, on_mean: float = 0.0, on_scale: float = 0.0) -> Floats:
        """The gradient with respect to x from derivatives with respect to the points, the mean and
        the scale.
        """
        on_mean = on_points.sum() + on_mean
        on_scale = on_points @ self._unit + on_scale
        return self._weights * on_mean + self._slopes * on_scale
