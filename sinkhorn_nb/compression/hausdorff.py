"""The Hausdorff divergence of compressed measures, from the potentials of their self problems."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..backends.cpu.compressed_sums import weighted_mean
from ..common.array_types import Floats
from ..problem import Problem
from .check import DEVIATIONS, Checked, sampled, variance
from .compressed import Compressed, drawn
from .expansion import Expansion, expand
from .halves import Difference, Half
from .potentials import extended
from .price import Price, prices
from .solution import rounding

# An exact update removes the errors of potentials within cells, and at least half of all others
LEFT = 0.5


class Estimate(NamedTuple):
    """A value and a bound of its error."""

    value: float
    error: float


class _Part(NamedTuple):
    """<a, E(g) - E(f)> / 2 for the potentials f of a measure a and g of the other one, where E(f) =
    (rho + eps) (1 - exp(-f / rho)), or f; its correction by an exact update in sampled rows, and
    the standard error of that.
    """

    value: float
    correction: float
    deviation: float


def hausdorff(found: Compressed) -> Estimate:
    """H_eps and its error, from the self problems of a compressed divergence."""
    problem = found.problem
    if problem.is_self:
        return Estimate(0.0, 0.0)
    measures = problem.source, problem.target
    rows = drawn(measures, found.parts, found.expansions, prices(problem))
    parts = [_part(found, rows, side) for side in (0, 1)]

    value = sum(part.value + part.correction for part in parts)
    error = DEVIATIONS * math.hypot(*(part.deviation for part in parts))
    error += LEFT * sum(abs(part.correction) for part in parts)
    return Estimate(max(value, 0.0), error + rounding(problem, value))


def _part(found: Compressed, rows: list[Checked], side: int) -> _Part:
    """The part of one side."""
    other = 1 - side
    parts = found.parts[side]
    there = found.potentials[2 + other]  # of the self problem of the other measure
    guess = extended(parts.nodes.points, there)
    extension = expand(parts, guess, there)
    pair = _Pair(found, side)
    value = pair.integral(extension)

    own = found.expansions[2 + side]
    theirs = found.expansions[2 + other]
    price = pair.price
    of_own = sampled(rows[side], rows[side], (own, own), (price, price))
    softmin = Price(price.eps, 0.0)  # the extension of a potential is exact if it is the softmin
    of_other = sampled(rows[side], rows[other], (extension, theirs), (softmin, price))

    updates = [price.potential(-price.eps * sample.residuals) for sample in (of_own, of_other)]
    f = price.eps * of_own.potentials
    g = price.potential(price.eps * of_other.potentials)
    corrections = pair.earned_beyond(g, updates[1], other) - pair.earned_beyond(f, updates[0], side)
    shares = of_own.shares
    deviation = math.sqrt(variance(corrections, shares))
    scale = pair.measure.mass / 2
    return _Part(value, scale * float(shares @ corrections), scale * deviation)


class _Pair:
    """One measure, with the potentials of both self problems at its points."""

    def __init__(self, found: Compressed, side: int) -> None:
        problem = found.problem
        self._problem = problem
        self._found = found
        self._side = side
        self.measure = (problem.source, problem.target)[side]
        self.price = prices(problem)[side]
        selves: list[Problem] = [problem.on_source(), problem.on_target()]
        self._shifts = [own.scaling.of_f for own in selves]

    def integral(self, extension: Expansion) -> float:
        """The value without its correction."""
        found, side = self._found, self._side
        parts = found.parts[side]
        potentials = found.potentials
        there = potentials[3 - side], potentials[2 + side]
        expansions = extension, found.expansions[2 + side]
        cross, own = (
            Half(self.measure, parts.cells, expansion, potential, parts.places, self.price)
            for expansion, potential in zip(expansions, there, strict=True)
        )
        change = Difference(cross, own).smooth.f + (self._shifts[side] - self._shifts[1 - side])
        earned = self.earned_beyond(own.smooth.f, change, side)
        return self.measure.mass / 2 * weighted_mean(earned, self.measure.probabilities)

    def earned_beyond(self, f: Floats, change: Floats, side: int) -> Floats:
        """E(f + change) - E(f), for a potential between the probabilities of a side."""
        marginals, eps = self._problem.marginals, self._problem.eps
        return marginals.earned_beyond(f - self._shifts[side], change, eps)
