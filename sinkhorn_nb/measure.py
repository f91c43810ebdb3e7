"""A discrete measure: points and weights."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from . import validation


@dataclass(frozen=True, eq=False)
class Measure:
    """The measure sum_i a_i delta_{x_i}.

    Parameters
    ----------
    points : (n, d) float32 or float64 array
    weights : (n,) float64 array, >= 0, with a positive sum
    """

    points: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, points, weights=None, names=("points", "weights")):
        """Validate user input; weights default to uniform probabilities."""
        points = np.array(validation.points(names[0], points))  # a copy: results read it later
        return cls(points, validation.weights(names[1], weights, len(points)))

    def __len__(self):
        return len(self.points)

    @property
    def dimension(self):
        """d, the number of coordinates."""
        return self.points.shape[1]

    @cached_property
    def mass(self):
        """sum_i a_i."""
        return float(self.weights.sum())

    @cached_property
    def probabilities(self):
        """a_i / mass."""
        return self.weights / self.mass

    @cached_property
    def centroid(self):
        """(d,) mean of the points."""
        return self.probabilities @ self.points

    @cached_property
    def box(self):
        """Corners (2, d) of the bounding box of the points that carry mass."""
        carriers = self.points if self.weights.all() else self.points[self.weights > 0]
        return np.stack([carriers.min(axis=0), carriers.max(axis=0)]).astype(np.float64)

    def equals(self, other):
        """Same points in the same order with the same weights."""
        return self is other or (
            np.array_equal(self.points, other.points) and np.array_equal(self.weights, other.weights)
        )

    def precedes(self, other):
        """A total order of measures: by size, then by the first number in which they differ."""
        if len(self) != len(other):
            return len(self) < len(other)
        for mine, theirs in ((self.points, other.points), (self.weights, other.weights)):
            different = np.flatnonzero(mine.ravel() != theirs.ravel())
            if len(different):
                return bool(mine.ravel()[different[0]] < theirs.ravel()[different[0]])
        return False
