"""The default: the most promising of the starts that cost next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..array_types import Floats, Indices
from ..measure import Measure
from ..partition import Partition
from ..problem import Problem
from .base import Initializer, Start
from .coarse import Coarse
from .gaussian import Gaussian
from .sorting import Sorting
from .zeros import Zeros

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

# Points of each measure on which starts are compared: so many, and no more than this share of all.
SAMPLE, SHARE = 256, 1 / 4
# Axes to which the Gaussian start is looked at: so many, or this share of the points. At d = 784 its matrices take as
# long as the whole solve of 5000 points.
AXES, AXES_A_POINT = 64, 1 / 16


@dataclass(frozen=True)
class Auto(Initializer):
    """Take the best of `Coarse` (`Sorting` on a line), `Gaussian` and `Zeros`, by their semi-duals between samples.

    <a, f> + <b, T(f)>, T(f) being the softmin, is a lower bound of OT_eps that the solution attains. Problems of a
    measure with itself have the coarse start; those in more than 64 dimensions, of less than 16 points per dimension,
    have no Gaussian one.
    """

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """The start; the others and the comparison count too."""
        if problem.is_self:
            return Coarse()(problem, solver)
        sample = _Sample(problem, solver)
        starts = [initializer(problem, solver) for initializer in _candidates(problem)]
        best = max(starts, key=lambda start: sample.semi_dual(start.f))
        return best._replace(n_passes=sum(start.n_passes for start in starts) + sample.n_passes)


def _candidates(problem: Problem) -> Iterator[Initializer]:
    d, n = problem.source.dimension, min(len(problem.source), len(problem.target))
    yield Sorting() if d == 1 else Coarse()
    yield Zeros()
    if d <= max(AXES, AXES_A_POINT * n):
        yield Gaussian()


class _Sample:
    """The problem between the middle points of runs of the partitions, each with the mass of its run."""

    def __init__(self, problem: Problem, solver: Sinkhorn) -> None:
        self._rows, x = strata(problem.source.partition)
        _, y = strata(problem.target.partition)
        self._source, self._b = x.partition, y.partition.probabilities
        self._kernel = problem.kernel_between(y.partition, x.partition, "float32", solver.backend)
        self._share = len(x) * len(y) / (len(problem.source) * len(problem.target))

    @property
    def n_passes(self) -> float:
        """Passes so far, as shares of the pairs of the whole problem."""
        return self._share * self._kernel.n_passes

    def semi_dual(self, f: Floats) -> float:
        """The semi-dual value of f between the samples, in units of cost."""
        f = self._source.sort(f[self._rows])
        return float(self._source.probabilities @ f + self._b @ self._kernel.softmin(f))


def strata(partition: Partition) -> tuple[Indices, Measure]:
    """The middle points of runs of a partition, and the measure that gives each the mass of its run."""
    n = len(partition)
    count = max(1, min(SAMPLE, int(SHARE * n)))
    bounds = np.arange(count + 1) * n // count
    rows = (bounds[:-1] + bounds[1:]) // 2
    return rows, Measure(partition.points[rows], np.add.reduceat(partition.probabilities, bounds[:-1]))
