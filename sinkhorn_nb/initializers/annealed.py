"""The same problem at a higher temperature first, down from one at which zero will do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..problem import Problem
from .base import Initializer, Start, sketch
from .zeros import Zeros

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

WARM_BLUR = 1 / 20  # of the diameter: zero will do
TOL, MAX_ITER = 0.03, 20


@dataclass(frozen=True)
class Annealed(Initializer):
    """Potentials at twice the blur, found in the same way.

    From zero, groups of points at many blurs from each other cannot tell how much of their
    mass the others want.
    """

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """The start: a few passes for each halving of the blur."""
        if problem.is_self or problem.blur >= WARM_BLUR * problem.diameter:
            return Zeros()(problem, solver)
        warmer = problem.between(problem.source, problem.target, 4 * problem.eps)
        solution = sketch(solver, warmer, self, TOL, MAX_ITER)
        return Start(solution.iterate.f, solution.iterate.g, solution.n_passes)
