"""The price of a marginal: how potentials follow from softmins, and what they earn."""

from __future__ import annotations

from typing import NamedTuple

from ..common.array_types import Floats
from ..dual import aim, phi
from ..problem import Problem


class Price(NamedTuple):
    """The temperature, and the rate k = eps / rho of one side; k is 0 if its marginal is exact."""

    eps: float
    rate: float

    def potential(self, softmin: Floats) -> Floats:
        """f = T / (1 + k), the potential that the softmin T of the other side makes."""
        return softmin if self.rate == 0 else softmin / (1 + self.rate)

    def ratios(self, f: Floats) -> Floats:
        """exp(-f / rho): the marginal ratios that go with a potential."""
        return aim(f / self.eps, self.rate)

    def earned(self, f: Floats) -> Floats:
        """The side's part of the dual value per mass, less half of the plan that goes with it:
        (rho + eps / 2) (1 - exp(-f / rho)), and f for an exact marginal.
        """
        if self.rate == 0:
            return f
        return self._factor * phi(f / self.eps, self.rate)

    def earned_beyond(self, f: Floats, change: Floats) -> Floats:
        """earned(f + change) - earned(f), without the rounding of large terms."""
        return self.earned(change) * self.ratios(f)

    @property
    def _factor(self) -> float:
        return self.eps * (1 + self.rate / 2)


def prices(problem: Problem) -> tuple[Price, Price]:
    """The prices of both sides of a problem."""
    eps = problem.eps
    of_source, of_target = problem.marginals.rates(eps)
    return Price(eps, of_source), Price(eps, of_target)
