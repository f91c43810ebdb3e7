"""The Hausdorff divergence of compressed measures, from the potentials of their self problems."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..backends.cpu.compressed_sums import weighted_mean
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
        parts = [_part(self.sides[k], rows[k], rows[1 - k]) for k in (0, 1)]

        value = sum(part.value + part.correction for part in parts)
        error = DEVIATIONS * math.hypot(*(part.deviation for part in parts))
        error += sum(LEFT * abs(part.correction) + part.felt for part in parts)
        error += hidden(self._coarseness, value - sum(part.on_nodes for part in parts))
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

    updates = [price.potential(-price.eps * sample.residuals) for sample in (of_own, of_other)]
    f = price.eps * of_own.potentials
    g = price.potential(price.eps * of_other.potentials)
    corrections = side.earned_beyond(side.other, g, updates[1])
    corrections = corrections - side.earned_beyond(own, f, updates[0])
    shares = of_own.shares
    deviation = math.sqrt(variance(corrections, shares))

    scale = side.measure.mass / 2
    correction = float(shares @ corrections)
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
    earned = side.earned_beyond(side.own, f, g - f + side.shift)
    return float(side.own.nodes.weights @ earned)


def _felt(side: OneSide, rows: Checked, others: Checked) -> float:
    """The mean error of E(g) from the residuals of the other measure's self problem, at the nodes
    on which g depends: far from this measure these are few, and hold little of its mass.
    """
    price, theirs = side.price, side.other.expansion
    eps, x, y = price.eps, rows.row_partition, others.node_partition
    there = theirs.at(others.nodes, others.node_cells, others.centers, 1.0)[0].f
    here = side.extension.at(rows.rows.points, rows.rows.owner, rows.centers, 1.0)[0].f
    ratios = side.factors[0] * price.ratios(price.potential(here))

    kernel = GibbsKernel(x, y, eps, PAIRS, "cpu")
    f, g = x.sort(here), y.sort(price.potential(there))
    sums = kernel.T.transport(g, f, x.sort(ratios)[:, None])[:, 0]
    shares = y.restore(np.nan_to_num(sums * y.probabilities))
    total = float(shares.sum())
    if not total > 0:
        return 0.0

    heights = (np.arange(ROWS) + 0.5) / ROWS * total
    drawn_nodes = np.minimum(np.searchsorted(np.cumsum(shares), heights), len(shares) - 1)
    chosen, counts = np.unique(drawn_nodes, return_counts=True)
    few = Rows(others.nodes[chosen], others.node_cells[chosen], counts / ROWS)
    nodes = others._replace(rows=few, row_partition=Partition(few.points, few.shares))
    residuals = sampled(nodes, others, (theirs, theirs), (price, price)).residuals
    mean = abs(float(few.shares @ residuals))
    return eps * total * (mean + DEVIATIONS * math.sqrt(variance(residuals, few.shares)))
