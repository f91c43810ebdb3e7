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
        return _Columns(problem.target.collapse(self.g) + problem.scaling.of_g)

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start in one pass."""
        return self.reduced(problem)(problem, solver)


@dataclass(frozen=True, eq=False)
class _Columns(Initializer):
    """Potentials of the target of a reduced problem, in the order of its partition."""

    g: Floats

    @property
    def T(self) -> Initializer:
        """The same start of the transposed problem."""
        return _Rows(self.g)

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start in one pass."""
        kernel = problem.kernel(problem.rough_dtype, solver.backend)
        return Start(problem.dual().damped_rows(kernel.softmin(self.g)), self.g)


@dataclass(frozen=True, eq=False)
class _Rows(Initializer):
    """Potentials of the source of a reduced problem, in the order of its partition."""

    f: Floats

    @property
    def T(self) -> Initializer:
        """The same start of the transposed problem."""
        return _Columns(self.f)

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start in one pass."""
        g, f = _Columns(self.f)(problem.T, solver)
        return Start(f, g)
