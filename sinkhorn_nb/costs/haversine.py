"""The distance along great circles of the sphere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..backends.pointwise import Arc
from ..common.array_types import Coordinates, Floats
from .base import Cloud, Cost
from .pair_slopes import PairSlopes, arc_slopes

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
        latitudes = np.abs(points[:, 0])
        largest = float(latitudes.max())
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
            [
                radii * np.cos(longitudes),
                radii * np.sin(longitudes),
                np.sin(latitudes),
            ]
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
        axes = _Axes.at(points)
        radii = np.cos(points[:, 0])
        on_north = _along(axes.north, gradients)
        on_east = _along(axes.east, gradients)
        return np.column_stack([on_north, radii * on_east])

    def pushed(self, points: Floats, moves: Floats) -> Floats:
        """Velocities on the sphere, from those of latitude and longitude."""
        axes = _Axes.at(points)
        radii = np.cos(points[:, :1])
        to_north = moves[:, :1] * axes.north
        to_east = radii * moves[:, 1:] * axes.east
        return to_north + to_east

    def bent(self, points: Floats, gradients: Floats, moves: Floats) -> Floats:
        """The change of `pulled` as north and east turn."""
        up, north, east = (_along(axis, gradients) for axis in _Axes.at(points))
        (to_north, to_east) = moves.T
        latitudes = points[:, 0]
        cosines = np.cos(latitudes)
        sines = np.sin(latitudes)
        outward = cosines * up - sines * north
        turned_east = sines * to_east
        bent_north = -to_north * up - turned_east * east
        bent_east = -sines * to_north * east - cosines * to_east * outward
        return np.column_stack([bent_north, bent_east])

    def slopes(self, x: Floats, y: Floats) -> PairSlopes:
        """The derivatives at all pairs of points of the sphere."""
        return arc_slopes(x, y)

    def kind(self, per_cost: float) -> tuple[float, Arc]:
        """A sphere on which arcs have the length of the angle times the factor."""
        return per_cost, Arc(2 * per_cost)

    def block(self, x: Floats, y: Floats) -> Floats:
        """(n, m) costs between the rows of two arrays of points, from their differences."""
        u = self.embedded(x, x[0])
        v = self.embedded(y, y[0])
        apart = u[:, None, :] - v[None, :, :]
        chords = np.linalg.norm(apart, axis=2)
        return 2 * np.arcsin(np.minimum(chords / 2, 1.0))

    def diameter(self, source: Cloud, target: Cloud) -> float:
        """Half of a great circle."""
        return math.pi

    def bound(self, diameter: float) -> float:
        """An upper bound of the cost, the diameter."""
        return diameter


class _Axes(NamedTuple):
    """(n, 3) unit vectors up, to the north and to the east at points (latitude, longitude)."""

    up: Floats
    north: Floats
    east: Floats

    @classmethod
    def at(cls, points: Floats) -> _Axes:
        """The axes at points, from the pole and the two directions in the plane of the equator."""
        (latitudes, longitudes) = points.T
        zeros = np.zeros(len(points))
        along = np.cos(longitudes)
        across = np.sin(longitudes)
        outward = np.column_stack([along, across, zeros])
        east = np.column_stack([-across, along, zeros])

        pole = np.array([0.0, 0.0, 1.0])
        cosines = np.cos(latitudes)[:, None]
        sines = np.sin(latitudes)[:, None]
        up = cosines * outward + sines * pole
        north = cosines * pole - sines * outward
        return cls(up, north, east)


def _along(axis: Floats, vectors: Floats) -> Floats:
    """(n,) parts of vectors along unit vectors."""
    parts: Floats = np.einsum("ik,ik->i", axis, vectors)
    return parts
