"""Solve on nodes, extend to the points, check; with smaller cells until the marginals hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..array_types import Floats
from ..backends.compressed_moments import bounding_box
from ..caching import cached_property
from ..initializers.base import sketch
from ..measure import Measure
from ..problem import Problem
from ..solution import Solution
from .cells import SPLIT, Cells, Grid, can_tell, cut_cells, grid_cells, joined, ordinary
from .check import Sample, sampled, to_check
from .cuts import cuts
from .expansion import Expansion, Parts, expand
from .nodes import Nodes, nodes_of
from .potentials import PAIRS, Potential
from .report import Compression

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

ORDER = 3.5  # the marginal error falls like kappa to this power
AT_ONE = 7.5e-4  # largest marginal error of cells as wide as the blur, but for heavy tails
LEAST_KAPPA, LARGEST_KAPPA = 0.25, 2.0  # of the first round
FEWEST = 3  # cells along the longest axis, however large the blur
MOST_ROUNDS = 4
MOST_SHARE = 1 / 3  # of the points: with more nodes, a plain solve is nearly as fast
ROUGH = 1e-2  # marginal error of the solution that tells where to cut
FINER, LEAST_TOL = 1 / 50, 2e-6  # tolerance between nodes, as a share of the tolerance, and its least value
MAX_ITER = 400
CLOSE = 1e-9, 1e-9  # differences between the moments of equal measures, whose weights may have been split

# The problems of a divergence: for each potential, the number of its measure and of its partner.
CROSS, ALL = ((0, 1), (1, 0)), ((0, 1), (1, 0), (0, 0), (1, 1))


class Compressed(NamedTuple):
    """Solutions between nodes, and what they say about all points.

    The potentials are those of the problem, of its transposed one, and for a divergence of the two self problems.
    """

    solutions: list[Solution]
    parts: list[Parts]
    potentials: list[Potential]
    expansions: list[Expansion]
    samples: list[Sample]
    report: Compression
    are_equal: bool

    @property
    def marginal_error(self) -> float:
        """The largest stated error of all sides."""
        return max(sample.stated_error for sample in self.samples)


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
        Side of the cells in units of the blur; None chooses it, and makes the cells smaller until tol is reached.
    """

    problem: Problem
    solver: Sinkhorn
    is_debiased: bool
    kappa: float | None = None

    def run(self) -> Compressed | Compression:
        """The compressed solution, or a report that tells why there is none."""
        problem, kappa = self.problem, self._first_kappa
        found: Compressed | Compression | None = None
        for number in range(1 if self.kappa else MOST_ROUNDS):
            if not can_tell(self.extent, kappa * problem.blur, problem.source.dimension):
                return Compression.none("the cells of the grid are too many for their numbers")
            found = self._round(kappa, found, number + 1)
            if isinstance(found, Compression):
                return found
            error = found.marginal_error
            if error <= self.solver.tol or not self._is_solved(found):
                break
            kappa *= max(0.5, 0.9 * (self.solver.tol / error) ** (1 / ORDER))
        assert found is not None
        return found

    def _round(self, kappa: float, before: Compressed | None, number: int) -> Compressed | Compression:
        """Bin, cut, solve, extend and check at one size of cells."""
        grid = Grid(self._origin, kappa * self.problem.blur)
        coarse = [grid_cells(measure, grid) for measure in self._measures]
        are_equal = before.are_equal if before is not None else self._are_equal(coarse)
        rough = self._nodes(coarse, are_equal)
        if (refusal := self._too_many(rough, kappa)) is not None:
            return refusal
        parts = self._parts(grid, coarse, rough, before, are_equal)
        nodes = [part.nodes for part in parts]
        if (refusal := self._too_many(nodes, kappa)) is not None:
            return refusal

        solutions = self._solutions(nodes, before)
        sides = [solutions[0], solutions[0].T, *solutions[1:]]
        potentials = [Potential(side) for side in sides]
        tasks = ALL if self.is_debiased else CROSS
        partners = [1, 0, 2, 3]
        expansions = [
            expand(parts[at], potentials[k], potentials[partners[k]]) for k, (at, _) in enumerate(tasks)
        ]

        checked = [
            to_check(measure, part.cells, expansion.map)
            for measure, part, expansion in zip(self._measures, parts, expansions[:2], strict=True)
        ]
        samples = [
            sampled(checked[at], checked[of], expansions[k], expansions[partners[k]], self.problem.eps)
            for k, (at, of) in enumerate(tasks)
        ]
        report = Compression.of(kappa, (len(nodes[0]), len(nodes[1])), number)
        return Compressed(solutions, parts, potentials, expansions, samples, report, are_equal)

    def _are_equal(self, cells: list[Cells]) -> bool:
        """Whether the two measures are the same, however their rows are ordered, repeated or split."""
        x, y = cells
        if not np.array_equal(x.keys, y.keys):
            return False
        near = np.allclose(x.masses, y.masses, *CLOSE) and np.allclose(x.first, y.first, *CLOSE)
        return near and self.problem.source.equals(self.problem.target)

    def _nodes(self, cells: list[Cells], are_equal: bool) -> list[Nodes]:
        """The nodes of both measures. Equal measures have the same nodes, so that their divergence is 0."""
        of_source = nodes_of(cells[0], self.problem.source)
        return [of_source, of_source if are_equal else nodes_of(cells[1], self.problem.target)]

    def _parts(
        self, grid: Grid, coarse: list[Cells], rough: list[Nodes], before: Compressed | None, are_equal: bool
    ) -> list[Parts]:
        """The cells of the grid, cut by the stretch of the map; their nodes, and the fine cells."""
        if before is None:
            solution = self._sketch(self._between(*rough), ROUGH)
            earlier = rough
        else:
            solution, earlier = before.solutions[0], [part.nodes for part in before.parts]
        potentials = Potential(solution), Potential(solution.T)
        n_parts = [cuts(grid, coarse[k], rough[k], earlier[k], potentials[1 - k]) for k in (0, 1)]
        n_parts[1] = n_parts[0] if are_equal else n_parts[1]
        fine = [cut_cells(self._measures[k], grid, coarse[k], SPLIT * n_parts[k]) for k in (0, 1)]
        wide = [joined(cells) for cells in fine]
        nodes = self._nodes([cells for cells, _ in wide], are_equal)
        return [Parts(fine[k], nodes[k], wide[k][1]) for k in (0, 1)]

    def _solutions(self, nodes: list[Nodes], before: Compressed | None) -> list[Solution]:
        """Solutions between nodes; equal nodes have one."""
        tol, known = max(FINER * self.solver.tol, LEAST_TOL), [] if before is None else before.solutions
        cross = self._sketch(self._between(*nodes), tol, known[0] if known else None)
        if not self.is_debiased:
            return [cross]
        if cross.problem.is_self:
            return [cross, cross, cross]
        own = [cross.problem.on_source(), cross.problem.on_target()]
        starts = known[1:] or [None, None]
        return [cross, *(self._sketch(problem, tol, start) for problem, start in zip(own, starts, strict=True))]

    def _sketch(self, problem: Problem, tol: float, start: Solution | None = None) -> Solution:
        solver = replace(self.solver, init="auto" if start is None else start, backend="cpu")
        return sketch(solver, problem, solver._start, tol, MAX_ITER, PAIRS)

    def _between(self, source: Nodes, target: Nodes) -> Problem:
        return Problem(source.measure, target.measure, self.problem.eps)

    def _too_many(self, nodes: list[Nodes], kappa: float) -> Compression | None:
        """Refuse if the nodes are too many to be worth it, unless the caller chose the size of the cells."""
        share = max(len(own) / len(measure) for own, measure in zip(nodes, self._measures, strict=True))
        if self.kappa is not None or share < MOST_SHARE:
            return None
        return Compression.none(f"cells of {kappa:.2g} blur would need {share:.0%} as many nodes as there are points")

    def _is_solved(self, found: Compressed) -> bool:
        """Whether the problems between nodes are solved, so that smaller cells may help."""
        return all(solution.marginal_error <= self.solver.tol for solution in found.solutions)

    @property
    def _measures(self) -> tuple[Measure, Measure]:
        return self.problem.source, self.problem.target

    @cached_property
    def _corners(self) -> tuple[Floats, Floats]:
        """The bounding box of all points, those without mass included."""
        boxes = np.stack([bounding_box(ordinary(measure.points)) for measure in self._measures])
        low, high = boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)
        return low, high

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
            return self.kappa
        expected = min(max((self.solver.tol / AT_ONE) ** (1 / ORDER), LEAST_KAPPA), LARGEST_KAPPA)
        return min(expected, max(self.extent / self.problem.blur, 1e-6) / FEWEST)
