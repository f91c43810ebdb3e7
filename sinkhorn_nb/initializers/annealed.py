"""Start from the same problem at higher temperatures, down from one at which zero is a good
start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..problem import Problem
from .base import Initializer, Start, sketch
from .zeros import Zeros

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

WARM_BLUR = 1 / 20  # of the diameter: zero is a good start
TOL, MAX_ITER = 0.03, 20


@dataclass(frozen=True)
class Annealed(Initializer):
    """Potentials at twice the blur, found in the same way.

    From zero, groups of points that are many blurs apart have no information on how much mass must
    move between them.
    """

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start; it takes a few passes for each halving of the blur."""
        if problem.is_self or problem.blur >= WARM_BLUR * problem.diameter:
            return Zeros()(problem, solver)
        eps = problem.cost.eps(2.0) * problem.eps
        warmer = problem.between(problem.source, problem.target, eps)
        solution = sketch(solver, warmer, self, TOL, MAX_ITER)
        return Start(solution.iterate.f, solution.iterate.g)
