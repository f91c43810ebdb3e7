"""Solutions between nodes, extended to fine cells and checked."""

from __future__ import annotations

from typing import NamedTuple

from ..measures.measure import Measure
from ..problem import Problem
from ..results.compression import Compression
from ..results.solution import Solution
from .check import ROWS, Checked, Sample, sampled, to_check
from .expansion import Expansion, Parts, expand
from .potentials import Potential
from .price import Price

# The potentials of a problem, of its transposed one, and of the self problems of its two measures:
# the number of the measure, of its partner, and of the partner's potential.
OWN = (0, 1, 0, 1)
PARTNER = (1, 0, 0, 1)
OPPOSITE = (1, 0, 2, 3)


class Compressed(NamedTuple):
    """Solutions between nodes, and what they say about all points.

    The problem knows whether its measures are equal. The potentials, their expansions and the
    sampled marginals are those of the problem, of its transposed one, and for a divergence of the
    two self problems.
    """

    problem: Problem
    solutions: list[Solution]
    parts: list[Parts]
    potentials: list[Potential]
    expansions: list[Expansion]
    samples: list[Sample]
    report: Compression

    @property
    def marginal_error(self) -> float:
        """The largest stated error of all sides."""
        return max(sample.stated_error for sample in self.samples)


def extended_to_cells(
    parts: list[Parts], solutions: list[Solution]
) -> tuple[list[Potential], list[Expansion]]:
    """The potentials of solutions between nodes, and their expansions in the fine cells."""
    cross, *selves = solutions
    potentials = [Potential(side) for side in (cross, cross.T, *selves)]
    expansions = [
        expand(parts[OWN[k]], potential.at_nodes, potentials[OPPOSITE[k]])
        for k, potential in enumerate(potentials)
    ]
    return potentials, expansions


def drawn(
    measures: tuple[Measure, Measure],
    parts: list[Parts],
    expansions: list[Expansion],
    prices: tuple[Price, Price],
    count: int = ROWS,
) -> list[Checked]:
    """Rows of both measures, and the nodes that stand for all points."""
    sides = zip(measures, parts, expansions, prices, strict=False)
    return [
        to_check(measure, part, expansion, price, count)
        for measure, part, expansion, price in sides
    ]


def checked(
    measures: tuple[Measure, Measure],
    parts: list[Parts],
    expansions: list[Expansion],
    prices: tuple[Price, Price],
    count: int = ROWS,
) -> list[Sample]:
    """The marginals of all problems in rows drawn from both measures."""
    sides = drawn(measures, parts, expansions, prices, count)
    return [
        sampled(
            sides[OWN[k]],
            sides[PARTNER[k]],
            (expansion, expansions[OPPOSITE[k]]),
            (prices[OWN[k]], prices[PARTNER[k]]),
        )
        for k, expansion in enumerate(expansions)
    ]
