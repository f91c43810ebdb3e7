"""The Hausdorff divergence of compressed measures, from the potentials of their self problems."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..backends.cpu.compressed_sums import weighted_mean
from ..common.array_types import Floats
from ..common.caching import cached_property
from ..kernels.point_cloud import GibbsKernel
from ..measures.partition import Partition
from .check import DEVIATIONS, ROWS, Checked, Rows, sampled, variance
from .compressed import Compressed, drawn
from .one_side import OneSide
from .potentials import PAIRS
from .price import Price, prices
from .solution import hidden, rounding

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

# An exact update removes the errors of potentials within cells, and at least half of all others
LEFT = 0.5


class Estimate(NamedTuple):
    """A value and a bound of its error."""

    value: float
    error: float


class _Part(NamedTuple):
    """<a, E(g) - E(f)> / 2 for the potentials f of a measure a and g of the other one, where E(f) =
    (rho + eps) (1 - exp(-f / rho)), or f; its correction by an exact update in sampled rows, the
    standard error of that, the part between nodes, and an error from the nodes that g feels.
    """

    value: float
    correction: float
    deviation: float
    on_nodes: float
    felt: float

    @property
    def left(self) -> float:
        """The error that the correction may leave, and the one from the nodes that g feels."""
        return LEFT * abs(self.correction) + self.felt


@dataclass(frozen=True, eq=False)
class Hausdorff:
    """H_eps of a compressed divergence's measures; it does not need their cross problem.

    Parameters
    ----------
    found : Compressed
    solver : Sinkhorn
        It solved the problems, and solves them between more nodes for the gradient.
    """

    found: Compressed
    solver: Sinkhorn

    @cached_property
    def sides(self) -> tuple[OneSide, OneSide]:
        """Both measures, with the potentials of both self problems."""
        return OneSide(self.found, 0), OneSide(self.found, 1)

    @cached_property
    def estimate(self) -> Estimate:
        """The value and its error."""
        found = self.found
        problem = found.problem
        if problem.is_self:
            return Estimate(0.0, 0.0)
        measures = problem.source, problem.target
        rows = drawn(measures, found.parts, found.expansions, prices(problem))
        source, target = self.sides
        parts = _part(source, *rows), _part(target, *rows[::-1])

        value = sum(part.value + part.correction for part in parts)
        on_nodes = sum(part.on_nodes for part in parts)
        error = DEVIATIONS * math.hypot(*(part.deviation for part in parts))
        error += sum(part.left for part in parts)
        error += hidden(self._coarseness, value - on_nodes)
        return Estimate(max(value, 0.0), error + rounding(problem, value))

    @property
    def _coarseness(self) -> float:
        return max(half.coarseness for side in self.sides for half in side.halves)


def _part(side: OneSide, rows: Checked, others: Checked) -> _Part:
    """The part of one side."""
    own, price = side.own, side.price
    softmin = Price(price.eps, 0.0)  # the extension of a potential is exact if it is the softmin
    of_own = sampled(rows, rows, (own.expansion, own.expansion), (price, price))
    expansions = side.extension, side.other.expansion
    of_other = sampled(rows, others, expansions, (softmin, price))

    f = price.eps * of_own.potentials
    g = price.potential(price.eps * of_other.potentials)
    update_of_f = price.potential(-price.eps * of_own.residuals)
    update_of_g = price.potential(-price.eps * of_other.residuals)
    corrections = side.earned_beyond(side.other, g, update_of_g)
    corrections = corrections - side.earned_beyond(own, f, update_of_f)
    shares = of_own.shares
    correction = float(shares @ corrections)
    deviation = math.sqrt(variance(corrections, shares))

    scale = side.measure.mass / 2
    felt = _felt(side, rows, others)
    earned = _earned(side), correction, deviation, _earned_by_nodes(side), felt
    return _Part(*(scale * value for value in earned))


def _earned(side: OneSide) -> float:
    """The mean of E(g) - E(f) at all points, without its correction."""
    f = side.halves[1].smooth.f
    change = side.difference.smooth.f + side.shift
    earned = side.earned_beyond(side.own, f, change)
    return weighted_mean(earned, side.measure.probabilities)


def _earned_by_nodes(side: OneSide) -> float:
    """The mean of E(g) - E(f) at the nodes."""
    f = side.price.potential(side.own.potential.at_nodes.f)
    g = side.price.potential(side.at_nodes.f)
    change = g - f + side.shift
    earned = side.earned_beyond(side.own, f, change)
    return float(side.own.nodes.weights @ earned)


def _felt(side: OneSide, rows: Checked, others: Checked) -> float:
    """The mean error of E(g) from the residuals of the other measure's self problem, at the nodes
    on which g depends: far from this measure these are few, and hold little of its mass.
    """
    price, theirs = side.price, side.other.expansion
    there = price.potential(others.at_nodes(theirs))
    here = rows.at_rows(side.extension)
    factor, _ = side.factors
    ratios = factor * price.ratios(price.potential(here))

    x = rows.row_partition
    y = others.node_partition
    kernel = GibbsKernel(x, y, price.eps, PAIRS, "cpu")
    columns = x.sort(ratios)[:, None]
    sums = kernel.T.transport(y.sort(there), x.sort(here), columns)[:, 0]
    felt = y.restore(np.nan_to_num(sums * y.probabilities))
    total = float(felt.sum())
    if not total > 0:
        return 0.0

    nodes = _with_nodes_drawn(others, felt, total)
    residuals = sampled(nodes, others, (theirs, theirs), (price, price)).residuals
    shares = nodes.rows.shares
    mean = abs(float(shares @ residuals))
    deviation = math.sqrt(variance(residuals, shares))
    return price.eps * total * (mean + DEVIATIONS * deviation)


def _with_nodes_drawn(side: Checked, masses: Floats, total: float) -> Checked:
    """The side with some of its nodes as rows, drawn by masses of this total."""
    heights = (np.arange(ROWS) + 0.5) / ROWS * total
    places = np.searchsorted(np.cumsum(masses), heights)
    places = np.minimum(places, len(masses) - 1)
    chosen, counts = np.unique(places, return_counts=True)

    points = side.nodes[chosen]
    rows = Rows(points, side.node_cells[chosen], counts / ROWS)
    return side._replace(rows=rows, row_partition=Partition(points, rows.shares))
