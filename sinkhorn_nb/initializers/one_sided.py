"""Start from the potentials of one measure alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..common.array_types import Floats
from ..problem import Problem
from .base import Initializer, Start

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn


@dataclass(frozen=True, eq=False)
class OfTarget(Initializer):
    """Given potentials of the target; those of the source follow in one pass, and have exact rows.

    Parameters
    ----------
    g : (m,) array
        In units of cost and in the order of the points.
    """

    g: Floats

    def reduced(self, problem: Problem) -> Initializer:
        """The potentials between probabilities of one row for each distinct point."""
        return _OneSide(problem.target.collapse(self.g) + problem.scaling.of_g)

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start in one pass."""
        return self.reduced(problem)(problem, solver)


@dataclass(frozen=True, eq=False)
class _OneSide(Initializer):
    """Potentials of one measure of a reduced problem, in the order of its partition."""

    potential: Floats
    is_of_source: bool = False

    @property
    def T(self) -> Initializer:
        """The same start of the transposed problem."""
        return _OneSide(self.potential, not self.is_of_source)

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start in one pass."""
        seen = problem.T if self.is_of_source else problem
        kernel = seen.kernel(seen.rough_dtype, solver.backend)
        other = seen.dual().damped_rows(kernel.softmin(self.potential))
        if self.is_of_source:
            return Start(self.potential, other)
        return Start(other, self.potential)
