"""A discrete measure: points and weights."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from . import validation
from .caching import cached_property
from .partition import Partition
from .representation import Represented

QUERIES = 1000  # points whose neighbours are looked for


class Cells(NamedTuple):
    """Groups of neighbouring points: the measure of their centroids, and the cell of each point of the partition."""

    measure: "Measure"
    owner: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Measure(Represented):
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
        """sum_i a_i, the same for any order of the points."""
        return math.fsum(self.weights)

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

    @cached_property
    def partition(self):
        """The order of the points in which everything is computed; made once."""
        return Partition(self.points, self.probabilities)

    @cached_property
    def spacing(self):
        """Median distance from a point to its nearest neighbour."""
        if len(self) < 2:
            return 0.0
        sample = self.partition.points[:: -(-len(self) // QUERIES)]
        return float(np.median(cKDTree(self.points).query(sample, k=2)[0][:, 1]))

    def cells(self, count, resolution):
        """At most so many cells, none finer than needed for the resolution; made once."""
        if (count, resolution) not in self._cells:
            bounds = self.partition.cells(count, resolution)
            centroids, masses = self.partition.centroids(bounds)
            owner = np.repeat(np.arange(len(masses)), np.diff(bounds))
            self._cells[count, resolution] = Cells(Measure(centroids, masses), owner)
        return self._cells[count, resolution]

    @cached_property
    def _cells(self):
        return {}

    def equals(self, other):
        """Same points with the same weights, in any order."""
        if self is other:
            return True
        return len(self) == len(other) and self.mass == other.mass and self._first_difference(other) is None

    def precedes(self, other):
        """A total order of measures: by size, then by the first number in which their partitions differ."""
        if len(self) != len(other):
            return len(self) < len(other)
        first = self._first_difference(other)
        return first is not None and first[0] < first[1]

    def _facts(self):
        mass = float(self.weights.sum())  # the exact sum of `mass` takes a while
        return {"n": len(self), "d": self.dimension, "mass": mass, "dtype": self.points.dtype}

    def _first_difference(self, other):
        mine, theirs = self.partition, other.partition
        for a, b in ((mine.points, theirs.points), (mine.probabilities, theirs.probabilities)):
            different = np.flatnonzero(a.ravel() != b.ravel())
            if len(different):
                return a.ravel()[different[0]], b.ravel()[different[0]]
        return None
