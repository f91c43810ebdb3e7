"""First and second derivatives of costs at pairs of points, as dense blocks with one axis after
another: small blocks are made, used and dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..common.array_types import Booleans, Floats

SECOND = (
    "cost: expected a cost with known second derivatives, one by p or by name, got a function and "
    "its first derivatives; use differences of gradient(), or pass p=2"
)


class PairSlopes(Protocol):
    """The derivatives of C_ij in the (embedded) points of a block of pairs (i, j)."""

    @property
    def on_x(self) -> Floats:
        """(d, n, m) derivatives in x_i."""

    def along(self, dx: Floats, dy: Floats) -> Floats:
        """(n, m) changes dC_ij along directions (n, d) and (m, d) of the points."""

    def change(self, dx: Floats, dy: Floats) -> Floats:
        """(d, n, m) changes of `on_x` along directions of the points."""

    def kinks(self, dx: Floats, dy: Floats) -> Booleans:
        """(n, m) pairs at which `change` does not exist."""


@dataclass(frozen=True, eq=False)
class RadialSlopes:
    """Derivatives of a function h(s) of s = |x_i - y_j|^2.

    Attributes
    ----------
    differences : (d, n, m) array
        x_i - y_j.
    slope, bend : (n, m) arrays
        2 h'(s) and 4 h''(s); finite numbers where they do not exist.
    are_rough : (n, m) boolean array
        Pairs at which the second derivatives do not exist.
    """

    differences: Floats
    slope: Floats
    bend: Floats
    are_rough: Booleans

    @property
    def on_x(self) -> Floats:
        """(d, n, m) derivatives in x_i."""
        return self.slope * self.differences

    def along(self, dx: Floats, dy: Floats) -> Floats:
        """(n, m) changes of the cost."""
        return self.slope * self._approach(differences(dx, dy))

    def change(self, dx: Floats, dy: Floats) -> Floats:
        """(d, n, m) changes of the derivatives."""
        moves = differences(dx, dy)
        turns = self.bend * self._approach(moves)
        return self.slope * moves + turns * self.differences

    def kinks(self, dx: Floats, dy: Floats) -> Booleans:
        """(n, m) rough pairs whose points move apart."""
        if not self.are_rough.any():
            return self.are_rough
        return self.are_rough & differences(dx, dy).any(axis=0)

    def _approach(self, moves: Floats) -> Floats:
        approach: Floats = np.einsum("kij,kij->ij", self.differences, moves)
        return approach


@dataclass(frozen=True, eq=False)
class CitySlopes:
    """Derivatives of sum_k |x_ik - y_jk|: the signs (d, n, m) of the differences."""

    on_x: Floats

    def along(self, dx: Floats, dy: Floats) -> Floats:
        """(n, m) changes of the cost."""
        moves = differences(dx, dy)
        changes: Floats = np.einsum("kij,kij->ij", self.on_x, moves)
        return changes

    def change(self, dx: Floats, dy: Floats) -> Floats:
        """Zero: the cost is linear between its kinks."""
        return np.zeros_like(self.on_x)

    def kinks(self, dx: Floats, dy: Floats) -> Booleans:
        """(n, m) pairs that part in a coordinate in which they agree."""
        parting = differences(dx, dy) != 0
        kinks: Booleans = ((self.on_x == 0) & parting).any(axis=0)
        return kinks


@dataclass(frozen=True, eq=False)
class GivenSlopes:
    """Derivatives that the caller's function gives, in x_i and in y_j."""

    on_x: Floats
    on_y: Floats

    def along(self, dx: Floats, dy: Floats) -> Floats:
        """(n, m) changes of the cost."""
        changes: Floats = np.einsum("kij,ik->ij", self.on_x, dx)
        changes += np.einsum("kij,jk->ij", self.on_y, dy)
        return changes

    def change(self, dx: Floats, dy: Floats) -> Floats:
        """Raise a ValueError: second derivatives are not known."""
        raise ValueError(SECOND)

    def kinks(self, dx: Floats, dy: Floats) -> Booleans:
        """Raise a ValueError, like `change`."""
        raise ValueError(SECOND)


def differences(x: Floats, y: Floats) -> Floats:
    """(d, n, m) differences x_i - y_j."""
    return x.T[:, :, None] - y.T[:, None, :]


def power_slopes(x: Floats, y: Floats, p: float) -> RadialSlopes:
    """The derivatives of |x - y|^p / p."""
    apart = differences(x, y)
    s, are_equal = _squares(apart)
    slope = 1 / np.sqrt(s) if p == 1 else s ** (p / 2 - 1)  # a power takes 20 times as long
    slope[are_equal] = 0.0
    bend = (p - 2) * slope / s
    return RadialSlopes(apart, slope, bend, are_equal & (p < 2))


def arc_slopes(u: Floats, v: Floats) -> RadialSlopes:
    """The derivatives of the angle 2 arcsin(|u - v| / 2) between points of the unit sphere."""
    apart = differences(u, v)
    s, are_equal = _squares(apart)
    product = s * (1 - s / 4)
    are_rough = are_equal | (product <= 0)
    product = np.where(are_rough, 1.0, product)
    slope = np.where(are_rough, 0.0, 1 / np.sqrt(product))
    bend = -(1 - s / 2) * slope / product
    return RadialSlopes(apart, slope, bend, are_rough)


def _squares(apart: Floats) -> tuple[Floats, Booleans]:
    """|x_i - y_j|^2, with 1 in place of 0, and where it is 0."""
    s = np.einsum("kij,kij->ij", apart, apart)
    are_equal = s == 0
    s[are_equal] = 1.0
    return s, are_equal
