"""The distance along great circles of the sphere."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..backends.pointwise import Arc
from ..common.array_types import Coordinates, Floats
from .base import Cloud, Cost

POLE = math.pi / 2 * (1 + 1e-6)  # the largest latitude, rounded to float32


@dataclass(frozen=True)
class Haversine(Cost):
    """The angle between points (latitude, longitude) of the unit sphere; all angles in radians.

    Times 6371 it is a distance on Earth in km. In space the angle is 2 arcsin(chord / 2).
    """

    @property
    def formula(self) -> str:
        """The cost in words of mathematics, for display."""
        return "the angle between (latitude, longitude) in radians"

    def eps(self, blur: float) -> float:
        """The temperature of an angle is the angle."""
        return blur

    def blur(self, eps: float) -> float:
        """The angle that belongs to a temperature."""
        return eps

    def check(self, name: str, points: Coordinates) -> None:
        """Raise a ValueError if the points are no latitudes and longitudes in radians."""
        if points.shape[1] != 2:
            raise ValueError(
                f'{name}: expected columns (latitude, longitude) for cost="haversine", got '
                f"{points.shape[1]} columns; pass an (n, 2) array in radians"
            )
        largest = float(np.abs(points[:, 0]).max())
        if largest > POLE:
            raise ValueError(
                f'{name}: expected latitudes from -pi/2 to pi/2 for cost="haversine", got one of '
                f"size {largest:.6g}; pass numpy.radians({name}) if the columns (latitude, "
                "longitude) are in degrees"
            )

    def embedded(self, points: Floats, origin: Floats) -> Floats:
        """(n, 3) points of the unit sphere."""
        latitudes, longitudes = points.T
        radii = np.cos(latitudes)
        return np.column_stack(
            [radii * np.cos(longitudes), radii * np.sin(longitudes), np.sin(latitudes)]
        )

    def places(self, points: Floats) -> Floats:
        """The embedded points."""
        return self.embedded(points, points[0])

    @property
    def widest(self) -> float:
        """The diameter of the sphere."""
        return math.pi

    def pulled(self, points: Floats, gradients: Floats) -> Floats:
        """The derivatives in latitude and longitude."""
        latitudes, longitudes = points.T
        east = gradients[:, 1] * np.cos(longitudes) - gradients[:, 0] * np.sin(longitudes)
        outward = gradients[:, 0] * np.cos(longitudes) + gradients[:, 1] * np.sin(longitudes)
        north = gradients[:, 2] * np.cos(latitudes) - outward * np.sin(latitudes)
        return np.column_stack([north, np.cos(latitudes) * east])

    def kind(self, per_cost: float) -> tuple[float, Arc]:
        """A sphere on which arcs have the length of the angle times the factor."""
        return per_cost, Arc(2 * per_cost)

    def block(self, x: Floats, y: Floats) -> Floats:
        """(n, m) costs between the rows of two arrays of points, from their differences."""
        u = self.embedded(x, x[0])
        v = self.embedded(y, y[0])
        chords = np.linalg.norm(u[:, None, :] - v[None, :, :], axis=2)
        return 2 * np.arcsin(np.minimum(chords / 2, 1.0))

    def diameter(self, source: Cloud, target: Cloud) -> float:
        """Half of a great circle."""
        return math.pi

    def bound(self, diameter: float) -> float:
        """An upper bound of the cost, the diameter."""
        return diameter
