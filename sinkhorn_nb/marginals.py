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
        on_a = _weight_gradient(f, self.source, eps)
        on_b = _weight_gradient(g, self.target, eps)
        return on_a, on_b

    def weight_curvatures(
        self, f: Floats, g: Floats, eps: float
    ) -> tuple[Floats | float, Floats | float]:
        """The derivatives of `weight_gradients` in the potentials."""
        (kx, ky) = self.rates(eps)
        of_source = (1 + kx) * self.slope(f)
        of_target = (1 + ky) * self.T.slope(g)
        return of_source, of_target

    def earned_beyond(self, f: Floats, change: Floats, eps: float) -> Floats:
        """E(f + change) - E(f), without the rounding of large terms, where E(f) = (rho + eps) (1 -
        exp(-f / rho)), or f, is a weight gradient of the source.
        """
        earned = _weight_gradient(change, self.source, eps)
        return earned * self.slope(f)

    def slope(self, f: Floats) -> Floats | float:
        """exp(-f / rho), or 1."""
        if math.isinf(self.source):
            return 1.0
        return np.exp(-f / self.source)

    def scaling(self, source_mass: float, target_mass: float, eps: float) -> Scaling:
        """The scaling from the problem between probabilities, where the masses drop out."""
        if self.are_exact:
            mass = (source_mass + target_mass) / 2
            log_mass = float(np.log(mass))
            shift = eps / 2 * log_mass
            constant = eps * mass * (mass - 1 - log_mass)
            return Scaling(mass, shift, shift, constant)
        if math.isinf(self.source):
            return self._with_exact_source(source_mass, target_mass, eps)
        if math.isinf(self.target):
            return self.T._with_exact_source(target_mass, source_mass, eps).T
        return self._with_two_prices(source_mass, target_mass, eps)

    def scaling_rates(self, eps: float) -> ScalingRates:
        """The derivatives of `scaling` in the logs of both masses, which they do not depend on."""
        if self.are_exact:
            quarter = eps / 4
            return ScalingRates((0.5, 0.5), (quarter, quarter), (quarter, quarter))
        if math.isinf(self.target):
            return self.T.scaling_rates(eps).T
        y = self.target
        if math.isinf(self.source):
            return ScalingRates((1.0, 0.0), (-y, eps + y), (y, -y))
        x = self.source
        total = eps + (self.source + self.target)
        # Of the logs of the factors of both sides, in those of the source's and the target's mass
        xx = -y / total
        xy = (y + eps) / total
        yx = (x + eps) / total
        yy = -x / total
        return ScalingRates((1 + xx, xy), (x * xx, x * xy), (y * yx, y * yy))

    def _with_exact_source(self, source_mass: float, target_mass: float, eps: float) -> Scaling:
        log_target = math.log(target_mass)
        ratio = math.log(source_mass) - log_target
        of_g = self.target * ratio
        of_f = eps * log_target - of_g
        on_target = -self.target * target_mass * math.expm1(ratio)
        on_mass = eps * source_mass * (target_mass - 1)
        constant = -source_mass * of_f + on_target + on_mass
        return Scaling(source_mass, of_f, of_g, constant)

    def _with_two_prices(self, source_mass: float, target_mass: float, eps: float) -> Scaling:
        x = self.source
        y = self.target
        total = eps + (x + y)
        log_source = math.log(source_mass)
        log_target = math.log(target_mass)
        ratio = log_target - log_source
        on_source = (y * ratio + eps * log_target) / total
        on_target = (eps * log_source - x * ratio) / total
        # Both masses are equal up to rounding; the transposed problem has the same bits
        of_rows = source_mass * math.exp(on_source)
        of_columns = target_mass * math.exp(on_target)
        mass = math.sqrt(of_rows) * math.sqrt(of_columns)

        prices = x * source_mass * math.expm1(on_source)
        prices += y * target_mass * math.expm1(on_target)
        excess = source_mass * target_mass - mass
        constant = eps * excess - prices
        return Scaling(mass, x * on_source, y * on_target, constant)


def _weight_gradient(f: Floats, rho: float, eps: float) -> Floats:
    """(rho + eps) (1 - exp(-f / rho)), or f for an exact marginal."""
    if math.isinf(rho):
        return f
    return -(rho + eps) * np.expm1(-f / rho)


BALANCED = Marginals()
