"""Start a problem between grids from the same problem between coarser ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..measures.halving import Halving, long_axes
from ..measures.pixels import GridMeasure
from ..problem import Problem
from .base import Initializer, Start, sketch
from .zeros import Zeros

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

LEAST_BLUR = 0.7  # in pixels: coarse problems below are no easier
MAX_ITER = 300


@dataclass(frozen=True)
class Pyramid(Initializer):
    """Potentials of the problem between grids with half as many pixels along their long axes,
    solved to the same tolerance by the same solver and interpolated.

    A rougher solve of coarse problems leaves more work to the finest, where it is most expensive.
    """

    def serves(self, problem: Problem) -> bool:
        """Tell whether both measures are grids."""
        return isinstance(problem.source, GridMeasure)

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start."""
        source = problem.source
        target = problem.target
        assert isinstance(source, GridMeasure)
        assert isinstance(target, GridMeasure)
        if problem.is_self:
            return _half_of_softmin(problem, solver)
        axes = long_axes(source.lattice, target.lattice)
        if not axes:
            return Zeros()(problem, solver)

        of_f = Halving(source.lattice, axes)
        of_g = Halving(target.lattice, axes)
        least = problem.cost.eps(LEAST_BLUR * of_f.pixel)
        eps = max(problem.eps, least)
        coarse = problem.between(source.halved(axes), target.halved(axes), eps)
        solution = sketch(solver, coarse, self, solver.tol, MAX_ITER, "float64")
        f = of_f.refined(solution.iterate.f)
        g = of_g.refined(solution.iterate.g)
        return Start(f, g)


def _half_of_softmin(problem: Problem, solver: Sinkhorn) -> Start:
    """T(0) / 2, nearly the self potential of a density that hardly changes within a blur."""
    kernel = problem.kernel("float64", solver.backend)
    zeros = np.zeros(len(problem.source))
    softmin = kernel.softmin(zeros)
    f = problem.dual().damped_rows(softmin) / 2
    return Start(f, f)
