"""Start from a coarse problem between centroids, solved by the same solver and extended to all
points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..common.array_types import Floats
from ..costs import SQUARED_EUCLIDEAN
from ..kernels.choice import with_points
from ..measures.measure import Cells, Measure
from ..measures.partition import Partition
from ..problem import Problem
from ..results.solution import Solution
from .annealed import Annealed
from .base import Initializer, Start, sketch
from .subsample import Subsample
from .zeros import Zeros

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

RESOLUTION = 0.25  # of the blur: smaller cells change nothing
TOL, MAX_ITER = 1e-2, 60


@dataclass(frozen=True)
class Coarse(Initializer):
    """The problem between cells of about equal extent, not of equal mass, so that the tails keep
    their points.

    With a cost that is a caller's function, which may not be defined at centroids, the start is
    that of `Subsample`.

    Parameters
    ----------
    reduction : int, default 8
        Points per cell, on average.
    least : int, default 256
        Clouds with at most this number of points start from a higher temperature, or from zero.
    """

    reduction: int = 8
    least: int = 256

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start in less than half a pass, and one more pass if the centroids are
        sparser than the blur.
        """
        n, m = len(problem.source), len(problem.target)
        if not problem.cost.has_centroids:
            return Subsample(random_state=0)(problem, solver)
        if min(n, m) <= self.least:
            return Annealed()(problem, solver)
        source = self._cells(problem.source, problem.blur)
        target = source if problem.is_self else self._cells(problem.target, problem.blur)
        eps = problem.eps
        if problem.cost == SQUARED_EUCLIDEAN:  # for |x - y|, a higher temperature is no gain
            eps = max(eps, max(source.measure.spacing, target.measure.spacing) ** 2 / 4)
        # Its potentials are nearly those of isolated points
        if problem.is_self and eps > problem.eps:
            return Zeros()(problem, solver)
        solution = sketch(
            solver, problem.between(source.measure, target.measure, eps), self, TOL, MAX_ITER
        )
        dtype = _dtype(problem, solver)
        f = _extended(problem.source.partition, source, solution, dtype)
        if problem.is_self:
            return Start(f, f)
        if eps > problem.eps:
            kernel = problem.kernel(problem.rough_dtype, solver.backend).T
            g = problem.dual().T.damped_rows(kernel.softmin(f))
            return Start(f, g)
        return Start(f, _extended(problem.target.partition, target, solution.T, dtype))

    def _cells(self, measure: Measure, blur: float) -> Cells:
        return measure.cells(max(1, len(measure) // self.reduction), RESOLUTION * blur)


def _dtype(problem: Problem, solver: Sinkhorn) -> str:
    """The precision of the gradient of the solution, whose kernel serves the start: the first call
    then compiles no other one.
    """
    clouds = problem.source.points, problem.target.points
    are_short = all(points.dtype == np.float32 for points in clouds)
    return solver.dtype or ("float32" if are_short else "float64")


def _extended(partition: Partition, cells: Cells, solution: Solution, dtype: str) -> Floats:
    """f of the coarse solution at all points, by one softmin around its first-order extension,
    whose slopes are computed in a given precision.
    """
    problem = solution.problem
    dual = solution.problem.dual()
    g = solution.iterate.g
    source, target = problem.source.partition, problem.target.partition
    f = dual.softmin_rows(solution.iterate)
    coarse = with_points(problem.kernel(dtype, solution.backend))
    extension = problem.kernel_between(partition, target, problem.rough_dtype, solution.backend)
    with np.errstate(invalid="ignore", over="ignore"):
        slopes = coarse.mean_gradients(f, g)
    slopes[~np.isfinite(slopes)] = 0.0  # in float32 beside an outlier; the softmin needs no slope
    offsets = partition.points - cells.measure.points[cells.owner]
    along = np.einsum("ik,ik->i", source.restore(slopes)[cells.owner], offsets)
    guess = source.restore(f)[cells.owner] + along
    return dual.damped_rows(guess - dual.eps * extension.log_row_sums(guess, g))
