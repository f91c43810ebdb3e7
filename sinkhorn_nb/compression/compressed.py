"""Solutions between nodes, extended to fine cells and checked."""

from __future__ import annotations

from typing import NamedTuple

from ..measures.measure import Measure
from ..problem import Problem
from ..results.compression import Compression
from ..results.solution import Solution
from .cells import Cells
from .check import ROWS, Checked, Sample, sampled, to_check
from .direct import DirectHalf, rows_of, sampled_directly
from .expansion import Expansion, Parts, expand
from .halves import Half
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
    two self problems. Without expansions, for |x - y|, the parts, potentials and expansions are
    empty.
    """

    problem: Problem
    solutions: list[Solution]
    parts: list[Parts]
    potentials: list[Potential]
    expansions: list[Expansion]
    samples: list[Sample]
    report: Compression
    halves: list[Half] | list[DirectHalf]

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
        expand(parts[own], potential.at_nodes, potentials[opposite])
        for own, opposite, potential in zip(OWN, OPPOSITE, potentials, strict=False)
    ]
    return potentials, expansions


def halves_of(
    measures: tuple[Measure, Measure],
    parts: list[Parts],
    potentials: list[Potential],
    expansions: list[Expansion],
    prices: tuple[Price, Price],
) -> list[Half]:
    """The potentials at all points, of all problems."""
    halves = []
    for own, opposite, expansion in zip(OWN, OPPOSITE, expansions, strict=False):
        part = parts[own]
        there = potentials[opposite]
        price = prices[own]
        half = Half(measures[own], part.cells, expansion, there, part.places, price)
        halves.append(half)
    return halves


def checked_directly(halves: list[DirectHalf], cells: list[Cells], count: int) -> list[Sample]:
    """The marginals of all problems in rows drawn from both measures, summed over all points."""
    rows = [rows_of(halves[side], cells[side], count) for side in (0, 1)]
    return [
        sampled_directly(rows[own], half, halves[opposite])
        for own, opposite, half in zip(OWN, OPPOSITE, halves, strict=False)
    ]


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
            sides[own],
            sides[partner],
            (expansion, expansions[opposite]),
            (prices[own], prices[partner]),
        )
        for own, partner, opposite, expansion in zip(
            OWN, PARTNER, OPPOSITE, expansions, strict=False
        )
    ]
