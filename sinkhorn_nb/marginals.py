"""The prices of marginals that are not the two measures, and the scaling of problems with masses.

With marginals p and q, a plan P between a and b costs <P, C> + eps KL(P | a (x) b) + rho_x KL(p |
a) + rho_y KL(q | b). An infinite rho makes a side exact; two of them are balanced transport.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .common.array_types import Floats


class Scaling(NamedTuple):
    """The factors by which a problem between two measures follows from the one between their
    probabilities.

    The plan is multiplied by `mass`. f loses `of_f`, g loses `of_g`. The value is multiplied by the
    mass and increased by `constant`.
    """

    mass: float
    of_f: float
    of_g: float
    constant: float

    @property
    def T(self) -> Scaling:
        """The scaling of the transposed problem."""
        return Scaling(self.mass, self.of_g, self.of_f, self.constant)


class ScalingRates(NamedTuple):
    """The derivatives of a `Scaling` in the logs of the source's and of the target's mass, as
    pairs: of log(mass), of_f and of_g.
    """

    log_mass: tuple[float, float]
    of_f: tuple[float, float]
    of_g: tuple[float, float]

    @property
    def T(self) -> ScalingRates:
        """The derivatives for the transposed problem."""
        (fx, fy) = self.of_f
        (gx, gy) = self.of_g
        (mx, my) = self.log_mass
        return ScalingRates((my, mx), (gy, gx), (fy, fx))


@dataclass(frozen=True)
class Marginals:
    """The prices rho of marginals other than the source and the target, in units of cost.

    References
    ----------
    Chizat et al. 2018, "Scaling algorithms for unbalanced optimal transport problems"; Séjourné et
    al. 2019, "Sinkhorn divergences for unbalanced optimal transport".
    """

    source: float = math.inf
    target: float = math.inf

    @property
    def are_exact(self) -> bool:
        """Whether both marginals must be the measures: then these need the same mass."""
        return math.isinf(self.source) and math.isinf(self.target)

    @property
    def T(self) -> Marginals:
        """The marginals of the transposed problem."""
        return Marginals(self.target, self.source)

    def of_source(self) -> Marginals:
        """The marginals of the problem between the source and itself."""
        return Marginals(self.source, self.source)

    def of_target(self) -> Marginals:
        """The marginals of the problem between the target and itself."""
        return Marginals(self.target, self.target)

    def rates(self, eps: float) -> tuple[float, float]:
        """eps / rho of both sides; 0 for an exact side."""
        return eps / self.source, eps / self.target

    def weight_gradients(self, f: Floats, g: Floats, eps: float) -> tuple[Floats, Floats]:
        """The derivatives of OT_eps in the weights of both measures, from the potentials of the
        measures and up to a constant, eps (mass of the other measure - 1).
        """
        return _weight_gradient(f, self.source, eps), _weight_gradient(g, self.target, eps)

    def weight_curvatures(
        self, f: Floats, g: Floats, eps: float
    ) -> tuple[Floats | float, Floats | float]:
        """The derivatives of `weight_gradients` in the potentials."""
        rates = self.rates(eps)
        return (1 + rates[0]) * self.slope(f), (1 + rates[1]) * self.T.slope(g)

    def earned_beyond(self, f: Floats, change: Floats, eps: float) -> Floats:
        """E(f + change) - E(f), without the rounding of large terms, where E(f) = (rho + eps) (1 -
        exp(-f / rho)), or f, is a weight gradient of the source.
        """
        return _weight_gradient(change, self.source, eps) * self.slope(f)

    def slope(self, f: Floats) -> Floats | float:
        """exp(-f / rho), or 1."""
        return 1.0 if math.isinf(self.source) else np.exp(-f / self.source)

    def scaling(self, source_mass: float, target_mass: float, eps: float) -> Scaling:
        """The scaling from the problem between probabilities, where the masses drop out."""
        if self.are_exact:
            mass = (source_mass + target_mass) / 2
            log_mass = float(np.log(mass))
            shift = eps / 2 * log_mass
            return Scaling(mass, shift, shift, eps * mass * (mass - 1 - log_mass))
        if math.isinf(self.source):
            return self._with_exact_source(source_mass, target_mass, eps)
        if math.isinf(self.target):
            return self.T._with_exact_source(target_mass, source_mass, eps).T
        return self._with_two_prices(source_mass, target_mass, eps)

    def scaling_rates(self, eps: float) -> ScalingRates:
        """The derivatives of `scaling` in the logs of both masses, which they do not depend on."""
        if self.are_exact:
            return ScalingRates((0.5, 0.5), (eps / 4, eps / 4), (eps / 4, eps / 4))
        if math.isinf(self.target):
            return self.T.scaling_rates(eps).T
        y = self.target
        if math.isinf(self.source):
            return ScalingRates((1.0, 0.0), (-y, eps + y), (y, -y))
        x = self.source
        total = eps + (self.source + self.target)
        on_source = (-y / total, (y + eps) / total)
        on_target = ((x + eps) / total, -x / total)
        log_mass = 1 + on_source[0], on_source[1]
        return ScalingRates(
            log_mass,
            (x * on_source[0], x * on_source[1]),
            (y * on_target[0], y * on_target[1]),
        )

    def _with_exact_source(self, source_mass: float, target_mass: float, eps: float) -> Scaling:
        ratio = math.log(source_mass) - math.log(target_mass)
        of_g = self.target * ratio
        of_f = eps * math.log(target_mass) - of_g
        on_target = -self.target * target_mass * math.expm1(ratio)
        constant = -source_mass * of_f + on_target + eps * source_mass * (target_mass - 1)
        return Scaling(source_mass, of_f, of_g, constant)

    def _with_two_prices(self, source_mass: float, target_mass: float, eps: float) -> Scaling:
        total = eps + (self.source + self.target)
        ratio = math.log(target_mass) - math.log(source_mass)
        on_source = (self.target * ratio + eps * math.log(target_mass)) / total
        on_target = (eps * math.log(source_mass) - self.source * ratio) / total
        # Equal up to rounding; the transposed problem has the same bits
        mass = math.sqrt(source_mass * math.exp(on_source))
        mass *= math.sqrt(target_mass * math.exp(on_target))

        prices = self.source * source_mass * math.expm1(on_source)
        prices += self.target * target_mass * math.expm1(on_target)
        constant = eps * (source_mass * target_mass - mass) - prices
        return Scaling(mass, self.source * on_source, self.target * on_target, constant)


def _weight_gradient(f: Floats, rho: float, eps: float) -> Floats:
    return f if math.isinf(rho) else -(rho + eps) * np.expm1(-f / rho)


BALANCED = Marginals()
