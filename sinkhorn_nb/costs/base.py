"""What the library asks of a cost C(x, y) between points."""

from __future__ import annotations

from typing import Protocol

from ..common.array_types import Floats


class Cost(Protocol):
    """A cost between points. Kernels know how to sum its Gibbs kernel over all pairs."""

    @property
    def formula(self) -> str:
        """The cost in words of mathematics, for display."""

    def eps(self, blur: float) -> float:
        """The temperature, in units of cost, of a blur, which is a length."""

    def blur(self, eps: float) -> float:
        """The length of a temperature."""

    def block(self, x: Floats, y: Floats) -> Floats:
        """(n, m) costs between the rows of two arrays of points, from their differences."""

    def bound(self, diameter: float) -> float:
        """An upper bound of the cost between points of one set of this diameter."""
