"""Solve problems between nodes, by the ordinary solver in float32, on its backend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..initializers import Initializer
from ..initializers.base import sketch
from ..problem import Problem
from ..results.solution import Solution
from .nodes import Nodes
from .potentials import PAIRS

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

ROUGH = 1e-2  # marginal error of the solution that tells where to cut
# The tolerance between nodes, as a share of tol, and its bounds: a marginal error of 1e-4 may hide
# an error of the value of 1e-2 eps, if far clusters exchange mass.
FINER = 1 / 50
LEAST_TOL = 2e-6
LARGEST_TOL = 2e-5
MAX_ITER = 400


@dataclass(frozen=True, eq=False)
class NodeSolver:
    """The ordinary solver, for problems between nodes.

    Parameters
    ----------
    solver : Sinkhorn
    problem : Problem
        The problem between all points.
    is_debiased : bool
        Whether the self problems are solved, too.
    """

    solver: Sinkhorn
    problem: Problem
    is_debiased: bool

    def rough(self, nodes: list[Nodes]) -> Solution:
        """A solution that tells how the map stretches the cells."""
        return self._solution(self._between(nodes), ROUGH)

    def solutions(self, nodes: list[Nodes], before: list[Solution]) -> list[Solution]:
        """The solution of the problem and, for a divergence, the solutions of the two self
        problems. They start from the solutions of an earlier round, if there was one.
        """
        tol = FINER * self.solver.tol
        tol = min(max(tol, LEAST_TOL), LARGEST_TOL)
        starts = [solver_start(self.solver, start) for start in before]
        starts += [solver_start(self.solver, None)] * (3 - len(starts))

        cross = self._between(nodes)
        solution = self._solution(cross, tol, starts[0])
        if not self.is_debiased:
            return [solution]
        if cross.is_self:
            return [solution] * 3
        of_source = self._solution(cross.on_source(), tol, starts[1])
        of_target = self._solution(cross.on_target(), tol, starts[2])
        return [solution, of_source, of_target]

    def _solution(self, problem: Problem, tol: float, start: Initializer | None = None) -> Solution:
        solver = replace(self.solver, init="auto")
        max_iter = min(MAX_ITER, self.solver.max_iter)
        return sketch(solver, problem, start or solver._start, tol, max_iter, PAIRS)

    def _between(self, nodes: list[Nodes]) -> Problem:
        source, target = nodes
        return self.problem.between(source.measure, target.measure)


def solver_start(solver: Sinkhorn, known: Solution | None) -> Initializer:
    """The default start, or the one from a solution."""
    return replace(solver, init="auto" if known is None else known)._start
