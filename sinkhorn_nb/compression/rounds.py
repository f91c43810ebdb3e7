"""Solve on nodes, extend to the points, check; with smaller cells until the marginals hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..backends.cpu.compressed_sums import bounding_box
from ..common.array_types import Floats
from ..common.caching import cached_property, know
from ..costs import SQUARED_EUCLIDEAN
from ..measures.measure import Measure
from ..problem import Problem
from ..results.compression import Compression
from .cells import SPLIT, Cells, Grid, can_tell, grid_cells, ordinary
from .check import MORE_ROWS, ROWS, Sample
from .compressed import (
    Compressed,
    checked,
    checked_directly,
    extended_to_cells,
    halves_of,
)
from .cuts import Cut, cut, cuts, missed, most_parts
from .direct import direct_halves
from .expansion import ORDER as EXPANDED
from .expansion import Parts
from .node_solver import NodeSolver
from .nodes import Nodes, nodes_of
from .partners import partners
from .places import Places
from .potentials import Potential
from .price import prices

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

ORDER = 3.5  # the marginal error falls like kappa to this power
AT_ONE = 7.5e-4  # largest marginal error of cells as wide as the blur, but for heavy tails
AT_ONE_WITH_KINK = 3e-2  # the same for |x - y|, in the self problems of measures
LEAST_KAPPA, LARGEST_KAPPA = 0.25, 2.0  # of the first round
FEWEST = 3  # cells along the longest axis, however large the blur
MOST_ROUNDS = 4
# Pairs of nodes per point above which another reading of the points costs less than the solve
WORTH = 20
MOST_SHARE = 1 / 3  # of the points: with more nodes, a plain solve is nearly as fast
# The work of a round, as a share of the work of a plain solve with its gradient: the square of the
# share of nodes, times this for the solve and for each monomial of an expansion. Measured: .33 of
# the time with 26 % nodes in five dimensions, .46 with 22 % in eight.
WORK, PER_MONOMIAL = 2.7, 0.04
MOST_WORK = 0.5  # of a round and the one before, which is lost if the solve is plain in the end
MOST_NUMBERS = 2**26  # in the expansions of both measures, which take half a gigabyte
CLOSE = 1e-9, 1e-9  # differences between moments of equal measures, whose weights may be split


@dataclass(frozen=True, eq=False)
class Rounds:
    """The rounds of one problem.

    Parameters
    ----------
    problem : Problem
    solver : Sinkhorn
    is_debiased : bool
        Whether the self problems are solved, too.
    kappa : float or None
        Side of the cells in units of the blur; None chooses it, and makes the cells smaller until
        tol is reached.
    """

    problem: Problem
    solver: Sinkhorn
    is_debiased: bool
    kappa: float | None = None

    def run(self) -> Compressed | Compression:
        """The compressed solution, or a report that tells why there is none."""
        problem = self.problem
        tol = self.solver.tol
        kappa = self._first_kappa
        before: Compressed | None = None
        for number in range(1 if self.kappa else MOST_ROUNDS):
            side = kappa * problem.blur
            if not can_tell(self.extent, side, problem.source.dimension):
                return Compression.none("the cells of the grid are too many for their numbers")
            make = self._round if self._is_smooth else self._direct_round
            found = make(kappa, before, number + 1)
            if isinstance(found, Compression):
                return found

            before = found
            error = found.marginal_error
            is_finest = kappa <= self._finest_kappa
            if error <= tol or is_finest or not self._is_solved(found):
                break
            factor = 0.9 * (tol / error) ** (1 / ORDER)
            smaller = kappa * max(0.5, factor)
            kappa = max(smaller, self._finest_kappa)
        assert before is not None
        return before

    def _round(
        self, kappa: float, before: Compressed | None, number: int
    ) -> Compressed | Compression:
        """Bin, cut, solve, extend and check at one size of cells."""
        grid = Grid(self._origin, kappa * self.problem.blur)
        cells = [grid_cells(measure, grid) for measure in self._measures]
        are_equal = self._are_equal(cells) if before is None else before.problem.is_self
        spent = 0.0 if before is None else self._work([part.nodes for part in before.parts])
        coarse = self._nodes(cells, are_equal)
        if (refusal := self._too_many(coarse, kappa, spent)) is not None:
            return refusal

        parts = self._parts(grid, cells, coarse, before, are_equal)
        nodes = [part.nodes for part in parts]
        if (refusal := self._too_many(nodes, kappa, spent)) is not None:
            return refusal
        if (refusal := self._too_fine(parts)) is not None:
            return refusal

        solutions = self._between_nodes.solutions(nodes, before.solutions if before else [])
        potentials, expansions = extended_to_cells(parts, solutions)
        measures = self._measures
        both = prices(self.problem)
        samples = self._sampled(lambda n: checked(measures, parts, expansions, both, n))
        halves = halves_of(measures, parts, potentials, expansions, both)

        report = _report(kappa, nodes, number)
        problem = know(self.problem, is_self=are_equal)
        found = problem, solutions, parts, potentials, expansions, samples, report
        return Compressed(*found, halves)

    def _direct_round(
        self, kappa: float, before: Compressed | None, number: int
    ) -> Compressed | Compression:
        """Bin, solve and check at one size of cells, for |x - y|. Its potentials change by no more
        than the distance, so that no cell is torn apart.
        """
        grid = Grid(self._origin, kappa * self.problem.blur)
        cells = [grid_cells(measure, grid) for measure in self._measures]
        are_equal = self._are_equal(cells) if before is None else before.problem.is_self
        nodes = self._nodes(cells, are_equal)
        if (refusal := self._too_many(nodes, kappa, 0.0)) is not None:
            return refusal

        solutions = self._between_nodes.solutions(nodes, before.solutions if before else [])
        problem = know(self.problem, is_self=are_equal)
        halves = direct_halves(problem, solutions, prices(problem))
        samples = self._sampled(lambda n: checked_directly(halves, cells, n))
        report = _report(kappa, nodes, number)
        return Compressed(problem, solutions, [], [], [], samples, report, halves)

    def _sampled(self, check: Callable[[int], list[Sample]]) -> list[Sample]:
        """The check with some rows, and with more of them if these are above tol by chance."""
        samples = check(ROWS)
        if self.kappa is not None or _worst(samples) <= self.solver.tol:
            return samples
        return check(MORE_ROWS)

    def _are_equal(self, cells: list[Cells]) -> bool:
        """Whether the measures are the same, however their rows are ordered, repeated or split, and
        have the same price.
        """
        x, y = cells
        marginals = self.problem.marginals
        have_one_price = marginals == marginals.T
        if not (have_one_price and np.array_equal(x.keys, y.keys)):
            return False
        masses_agree = np.allclose(x.masses, y.masses, *CLOSE)
        means_agree = np.allclose(x.first, y.first, *CLOSE)
        if not (masses_agree and means_agree):
            return False
        return self.problem.source.equals(self.problem.target)

    def _nodes(self, cells: list[Cells], are_equal: bool) -> list[Nodes]:
        """The nodes of both measures; equal measures have the same, so that S_eps is 0."""
        of_source = nodes_of(cells[0], self.problem.source)
        if are_equal:
            return [of_source, of_source]
        return [of_source, nodes_of(cells[1], self.problem.target)]

    def _parts(
        self,
        grid: Grid,
        cells: list[Cells],
        nodes: list[Nodes],
        before: Compressed | None,
        are_equal: bool,
    ) -> list[Parts]:
        """The cells of the grid, cut by the stretch of the map; their nodes, and the fine cells."""
        if before is None:
            solution = self._between_nodes.rough(nodes)
            earlier: list[Nodes | None] = [None, None]
        else:
            solution = before.solutions[0]
            earlier = [part.nodes for part in before.parts]
        there = Potential(solution.T), Potential(solution)
        most = [most_parts(grid.side, measure.traits.resolution) for measure in self._measures]

        sides = zip(cells, nodes, earlier, there, most, strict=True)
        numbers = [cuts(grid, *side) for side in sides]
        made, new = self._cut(grid, cells, numbers, are_equal)
        if len(new[0]) * len(new[1]) > WORTH * self._n_points:
            numbers = [missed(*side) for side in zip(made, new, there, most, strict=True)]
            pairs = zip(numbers, made, strict=True)
            if any((needed > own.numbers).any() for needed, own in pairs):
                made, new = self._cut(grid, cells, numbers, are_equal)

        parts = []
        for measure, of, own, own_nodes in zip(self._measures, cells, made, new, strict=True):
            halved = SPLIT * own.numbers
            others = partners(measure, grid, of, own.fine, halved)
            places = Places(grid, of.keys, halved)
            part = Parts(own.fine, own_nodes, own.parent, others, places)
            parts.append(part)
        return parts

    def _cut(
        self, grid: Grid, cells: list[Cells], numbers: list[Floats], are_equal: bool
    ) -> tuple[list[Cut], list[Nodes]]:
        """The cells of both measures in parts, and the nodes of the parts."""
        if are_equal:
            numbers = [numbers[0]] * 2
        sides = zip(self._measures, cells, numbers, strict=True)
        made = [cut(measure, grid, own, own_numbers) for measure, own, own_numbers in sides]
        return made, self._nodes([own.parts for own in made], are_equal)

    def _too_many(self, nodes: list[Nodes], kappa: float, spent: float) -> Compression | None:
        """Refuse too many nodes, unless the caller chose the size of the cells."""
        if self.kappa is not None or self.problem.resolution:
            return None
        share = self._share(nodes)
        many = f"{share:.0%} as many nodes as there are points"
        if share >= MOST_SHARE:
            return Compression.none(f"cells of {kappa:.2g} blur would need {many}")
        if spent + self._work(nodes) >= MOST_WORK:
            reason = f"cells of {kappa:.2g} blur would take about as long as a plain solve"
            return Compression.none(f"{reason}, with {many} in {self.problem.source.dimension}-d")
        return None

    def _share(self, nodes: list[Nodes]) -> float:
        """The number of nodes, as a share of the points."""
        return sum(map(len, nodes)) / self._n_points

    def _work(self, nodes: list[Nodes]) -> float:
        """The work of a round, as a share of the work of a plain solve with its gradient."""
        d = self.problem.source.dimension
        n_monomials = math.comb(d + EXPANDED, EXPANDED)
        return (WORK + PER_MONOMIAL * n_monomials) * self._share(nodes) ** 2

    def _too_fine(self, parts: list[Parts]) -> Compression | None:
        """Refuse expansions that take too much memory, in many dimensions."""
        n_cells = sum(len(part.cells) for part in parts)
        d = self.problem.source.dimension
        if n_cells * d**3 <= MOST_NUMBERS:
            return None
        reason = f"the expansions in {n_cells} cells with {d} axes would take too much memory"
        return Compression.none(reason)

    def _is_solved(self, found: Compressed) -> bool:
        """Whether the problems between nodes are solved, so that smaller cells may help."""
        return all(solution.marginal_error <= self.solver.tol for solution in found.solutions)

    @property
    def _is_smooth(self) -> bool:
        """Whether the cost has no kink, so that potentials have expansions."""
        return self.problem.cost == SQUARED_EUCLIDEAN

    @property
    def _between_nodes(self) -> NodeSolver:
        return NodeSolver(self.solver, self.problem, self.is_debiased)

    @property
    def _measures(self) -> tuple[Measure, Measure]:
        return self.problem.source, self.problem.target

    @property
    def _n_points(self) -> int:
        return sum(map(len, self._measures))

    @cached_property
    def _corners(self) -> tuple[Floats, Floats]:
        """The bounding box of all points, those without mass included."""
        points = [ordinary(measure.points) for measure in self._measures]
        boxes = np.stack(list(map(bounding_box, points)))
        return boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)

    @property
    def _origin(self) -> Floats:
        return self._corners[0] - self.problem.blur

    @property
    def extent(self) -> float:
        """The longest side of the bounding box."""
        low, high = self._corners
        return float((high - low).max())

    @property
    def _first_kappa(self) -> float:
        if self.kappa is not None:
            return max(self.kappa, self._finest_kappa)
        at_one = AT_ONE if self._is_smooth else AT_ONE_WITH_KINK
        expected = (self.solver.tol / at_one) ** (1 / ORDER)
        expected = min(max(expected, LEAST_KAPPA), LARGEST_KAPPA)
        width = max(self.extent / self.problem.blur, 1e-6)
        expected = min(expected, width / FEWEST)
        return max(expected, self._finest_kappa)

    @property
    def _finest_kappa(self) -> float:
        """Cells of a stream stay twice as wide as those in which its points were merged: nodes of
        half the size tell the error, and points would not tell more.
        """
        return 2 * self.problem.resolution / self.problem.blur


def _report(kappa: float, nodes: list[Nodes], n_rounds: int) -> Compression:
    of_source, of_target = map(len, nodes)
    return Compression.of(kappa, (of_source, of_target), n_rounds)


def _worst(samples: list[Sample]) -> float:
    return max(sample.stated_error for sample in samples)
