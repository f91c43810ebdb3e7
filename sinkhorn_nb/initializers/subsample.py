"""Start from the problem between samples of the points, drawn from strata, extended to all
points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .. import validation
from ..measures.measure import Measure
from ..measures.partition import Partition
from ..problem import Problem
from .annealed import Annealed
from .base import Initializer, Start, extended, sketch

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

REDUCTION = 8  # points per stratum: 4 take as many passes, 16 take more
LEAST = 256  # clouds with at most this number of points are not sampled
# The sample is further from the measure: 1e-3 and 5e-2 take as many passes
TOL, MAX_ITER = 1e-2, 60


@dataclass(frozen=True)
class Subsample(Initializer):
    """Potentials between samples of both measures, and their softmin at all points.

    The points, in the order of the kd-tree, are cut into runs with the same number of points. One
    point is drawn from each run, with probability proportional to its weight, and gets the mass of
    its run. (Runs of equal mass took up to 1.6 times the passes on uneven weights.) The problem
    between the samples starts from samples of the samples, and so on down to a few hundred points.

    `Coarse` has centroids instead of draws. It takes fewer passes in few dimensions, and as many in
    ten.

    Parameters
    ----------
    size : int, optional
        Number of points drawn from each side; None draws one in eight.
    random_state : None, int or numpy.random.Generator
        Source of the draws, and so of the number of passes; the result is the same within the
        tolerance. None draws anew each time; the start named "subsample" has 0.

    Notes
    -----
    Cost: about a quarter of a pass for the extension, and the passes of the smaller problem by
    their share of pairs.

    References
    ----------
    Thornton & Cuturi 2023, "Rethinking Initialization of the Sinkhorn Algorithm", section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> import sinkhorn_nb as snb
    >>> from sinkhorn_nb.initializers import Subsample
    >>> x, y = np.random.default_rng(0).normal(size=(2, 1000, 2))
    >>> solver = snb.Sinkhorn(init=Subsample(size=200, random_state=0))
    >>> snb.entropic_ot(x, y, blur=0.3, solver=solver).converged
    True
    """

    size: int | None = None
    random_state: int | np.random.Generator | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            validation.count("size", self.size)
        validation.random_state("random_state", self.random_state, np.random.Generator)

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start; clouds of at most 256 points, or `size`, start from a higher
        temperature, or from zero.
        """
        n_least = min(len(problem.source), len(problem.target))
        if n_least <= max(LEAST, self.size or 0):
            return Annealed()(problem, solver)

        x = problem.source.partition
        y = problem.target.partition
        rng = np.random.default_rng(self.random_state)
        source = draw(x, self._count(x), rng)
        target = source if problem.is_self else draw(y, self._count(y), rng)
        sampled = problem.between(source, target)
        level = replace(self, size=None, random_state=rng)
        solution = sketch(solver, sampled, level, TOL, MAX_ITER)
        f = extended(solution, x, solver.backend)
        if problem.is_self:
            return Start(f, f)
        g = extended(solution.T, y, solver.backend)
        return Start(f, g)

    def _count(self, partition: Partition) -> int:
        """Number of points drawn from one side."""
        return self.size or len(partition) // REDUCTION


def draw(partition: Partition, count: int, rng: np.random.Generator) -> Measure:
    """The measure of one point from each of `count` runs of points with mass; its weight is the
    mass of the run.
    """
    heavy = np.flatnonzero(partition.probabilities)
    probabilities = partition.probabilities[heavy]
    n = len(heavy)
    count = min(count, n)
    bounds = np.arange(count + 1) * n // count
    sums = np.concatenate([[0.0], np.cumsum(probabilities)])
    starts = sums[bounds]
    places = starts[:-1] + rng.uniform(size=count) * np.diff(starts)
    drawn = np.searchsorted(sums[1:], places, side="right")
    last = bounds[1:] - 1
    drawn = np.clip(drawn, bounds[:-1], last)  # in spite of rounding in the sums
    masses = np.add.reduceat(probabilities, bounds[:-1])
    return Measure(partition.points[heavy[drawn]], masses)
