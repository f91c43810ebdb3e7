"""The Sinkhorn divergence of compressed measures, from one polynomial per cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..common.array_types import Floats
from ..common.caching import cached_property
from ..gradients import BOTH, Gradient, Sides
from ..results.divergence import Divergence, difference, of_masses
from .check import DEVIATIONS, HIDDEN, variance
from .direct import DirectDifference, DirectHalf
from .halves import Difference, Half
from .pairing import paired_with_value
from .solution import GAINS, AnyHalf, CompressedSolution, require_rows, rounding, with_value_error


@dataclass(frozen=True, eq=False, repr=False)
class CompressedDivergence(Divergence):
    """A `Divergence` whose problems were solved between nodes; see `CompressedSolution`.

    Attributes
    ----------
    value_error : float
        |value - S_eps| <= value_error, by three standard errors of sampled marginals and the gain
        of exact updates.
    compression : Compression
        Sizes of the cells and numbers of nodes.
    """

    xy: CompressedSolution
    xx: CompressedSolution
    yy: CompressedSolution

    @cached_property
    def value(self) -> float:
        """S_eps from the potentials of all points, or S_eps between the nodes if the difference of
        the two is below its error.
        """
        return self._estimate[0]

    @property
    def value_error(self) -> float:
        """A bound of |value - S_eps|, by three standard errors and the gain of exact updates."""
        return self._estimate[1]

    @cached_property
    def _estimate(self) -> tuple[float, float]:
        """The value and its error. S_eps between the nodes is a divergence, too, so it is never
        negative.
        """
        if self.xy.problem.is_self:
            return 0.0, 0.0
        corrected, error = self._corrected
        on_nodes = self._on_nodes
        correction = abs(corrected - on_nodes)
        error += self.xy.found.hidden(correction)
        if correction <= error or corrected < 0:
            return on_nodes, correction + error
        return corrected, error

    @property
    def _on_nodes(self) -> float:
        """S_eps between the nodes, with the masses of the measures."""
        mass, *own = self._masses
        xy, xx, yy = (solution.found.on_nodes._dual for solution in self._compressed)
        if own == [mass, mass]:
            return max(mass * (xy - (xx + yy) / 2), 0.0)
        of_selves = own[0] * xx + own[1] * yy
        value = mass * xy - of_selves / 2
        return max(value + of_masses(self.xy.problem, *own), 0.0)

    @property
    def _masses(self) -> tuple[float, float, float]:
        """The scales of the problem and of the self problems, which are equal for equal masses."""
        problem = self.xy.problem
        if problem.marginals.are_exact or problem.is_self:
            return problem.mass, problem.mass, problem.mass
        return problem.mass, self.xx.problem.mass, self.yy.problem.mass

    @property
    def _corrected(self) -> tuple[float, float]:
        """The value by the potentials at all points, corrected by the sampled marginals, and its
        error.

        The same rows are drawn for xy and xx: most of their errors cancel.
        """
        problem = self.xy.problem
        samples = self.xy.found.samples
        mass, *masses = self._masses
        value = of_masses(problem, *masses)
        squared = correction = 0.0
        gain = mass * max(sample.gain for sample in samples)
        for side, own in enumerate((self.xx, self.yy)):
            own_mass = masses[side]
            sample = samples[side]
            of_own = own.found.samples[0]
            excess = (mass * sample.excess - own_mass * of_own.excess) / 2
            value += self._differences[side].integral(mass, own_mass)
            correction += float(sample.shares @ excess)
            squared += variance(excess, sample.shares)
            gain += own_mass * of_own.gain / 2

        deviation = math.sqrt(squared)
        error = DEVIATIONS * deviation + GAINS * gain + HIDDEN * abs(correction)
        value -= problem.eps * correction
        return value, problem.eps * error + rounding(problem, value)

    @cached_property
    def _differences(self) -> list[Difference | DirectDifference]:
        pairs = zip(self.xy.found.halves, (self.xx, self.yy), strict=True)
        return [_difference(half, own.found.halves[0]) for half, own in pairs]

    @cached_property
    def gap(self) -> float:
        """A certified bound, |value - S_eps| <= gap, by full passes over the pairs of points."""
        of_selves = (self.xx.gap + self.yy.gap) / 2
        certified = difference(self.xy, self.xx, self.yy)
        return abs(self.value - certified) + (self.xy.gap + of_selves)

    def _facts(self) -> dict[str, object]:
        return with_value_error(super()._facts(), self.value_error)

    @property
    def potentials(self) -> tuple[Floats, Floats]:
        """(f_ab - f_aa, g_ab - g_bb): the first variations of S_eps in a and b."""
        require_rows(self.xy.problem)
        on_x, on_y = self._changes
        return self._home.send(on_x), self._home.send(on_y)

    def gradient(self) -> Gradient:
        """The gradient of S_eps, like `Divergence.gradient`; it needs no pass over the pairs of
        points.

        Single points where the map jumps within the mass of a node may be off by a blur.
        """
        return self._gradient_in(BOTH)

    def _gradient_in(self, sides: Sides) -> Gradient:
        """The gradient; that of both sides comes from the same polynomials."""
        problem = self.xy.problem
        require_rows(problem)
        mass, *own = self._masses
        parts = zip(self._differences, own, strict=True)
        on_points = [of.gradient(mass, own_mass) for of, own_mass in parts]
        exact = problem.marginals.are_exact
        on_weights = self._with_value if exact else self._with_prices
        return Gradient(*on_points, *on_weights).sent(self._home)

    @property
    def _with_value(self) -> list[Floats]:
        """Derivatives in the weights whose means add up to the value."""
        potentials = [of.mended.f for of in self._differences]
        return paired_with_value(self.xy.problem, potentials, self.value)

    @property
    def _with_prices(self) -> list[Floats]:
        """Derivatives in the weights, (rho + eps) (exp(-f_aa / rho) - exp(-f_ab / rho))."""
        marginals, eps = self.xy.problem.marginals, self.xy.problem.eps
        changes = self._changes
        return [
            marginals.earned_beyond(own._potentials[0], change, eps)
            for own, change in zip((self.xx, self.yy), changes, strict=True)
        ]

    @property
    def _changes(self) -> list[Floats]:
        """f_ab - f_aa and g_ab - g_bb."""
        problem = self.xy.problem
        potentials = [of.mended.f for of in self._differences]
        if problem.marginals.are_exact or problem.is_self:
            return potentials
        shifts = (
            self.xx.problem.scaling.of_f - problem.scaling.of_f,
            self.yy.problem.scaling.of_f - problem.scaling.of_g,
        )
        return [f + shift for f, shift in zip(potentials, shifts, strict=True)]

    @property
    def _compressed(self) -> tuple[CompressedSolution, CompressedSolution, CompressedSolution]:
        return self.xy, self.xx, self.yy


def _difference(cross: AnyHalf, own: AnyHalf) -> Difference | DirectDifference:
    """The potential of a measure against another one, minus the one against itself."""
    if isinstance(cross, Half) and isinstance(own, Half):
        return Difference(cross, own)
    assert isinstance(cross, DirectHalf) and isinstance(own, DirectHalf)
    return DirectDifference(cross, own)
