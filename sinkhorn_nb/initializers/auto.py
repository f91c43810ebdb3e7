"""The default initializer: it compares the starts that cost next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..common.array_types import Indices
from ..dual import Dual
from ..measures.measure import Measure
from ..measures.partition import Partition
from ..problem import Problem
from .base import Initializer, Start
from .coarse import Coarse
from .gaussian import Gaussian
from .pyramid import Pyramid
from .sorting import Sorting
from .zeros import Zeros

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

# Points of each measure on which starts are compared: at most this number, and at most this share
# of many points. Few points are all compared: a fourth of 31 took zeros for a better start than
# annealed potentials, and 127 iterations instead of 5.
SAMPLE = 256
SHARE = 1 / 4
FEW = 256
# Largest dimension in which the Gaussian start is tried: this number, or this share of the number
# of points if that is larger. At d = 784 its matrices take as long as the whole solve of 5000
# points.
AXES = 64
AXES_PER_POINT = 1 / 16


@dataclass(frozen=True)
class Auto(Initializer):
    """Take the best of `Coarse` (`Sorting` on a line), `Gaussian` and `Zeros`, by their semi-duals
    between samples.

    The semi-dual <a, f> + <b, T(f)>, where T(f) is the softmin, is a lower bound of OT_eps that the
    solution attains. Self problems take the coarse start. The Gaussian start is not tried if there
    are both more than 64 dimensions and less than 16 points per dimension.
    """

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start, from the starts of all candidates."""
        if Pyramid().serves(problem):
            return Pyramid()(problem, solver)
        if problem.is_self:
            return Coarse()(problem, solver)
        sample = _Sample(problem, solver)
        starts = [initializer(problem, solver) for initializer in _candidates(problem)]
        return max(starts, key=sample.semi_dual)


def _candidates(problem: Problem) -> Iterator[Initializer]:
    d = problem.source.dimension
    n = min(len(problem.source), len(problem.target))
    is_on_line = d == 1 and Sorting().serves(problem)
    yield Sorting() if is_on_line else Coarse()
    yield Zeros()
    most_axes = max(AXES, AXES_PER_POINT * n)
    if d <= most_axes and Gaussian().serves(problem):
        yield Gaussian()


class _Sample:
    """The problem between samples: the middle points of runs of the partitions, each with the mass
    of its run.
    """

    def __init__(self, problem: Problem, solver: Sinkhorn) -> None:
        self._rows, source = strata(problem.source.partition)
        _, target = strata(problem.target.partition)
        x = source.partition
        y = target.partition
        self._source = x
        self._dual = Dual(x.probabilities, y.probabilities, problem.eps, problem.marginals)
        self._kernel = problem.kernel_between(y, x, problem.rough_dtype, solver.backend)

    def semi_dual(self, start: Start) -> float:
        """The semi-dual value of f between the samples, in units of cost."""
        if not start.is_finite:
            return -np.inf
        f = self._source.sort(start.f[self._rows])
        softmin = self._kernel.softmin(f)
        return self._dual.semi_dual(f, softmin)


def strata(partition: Partition) -> tuple[Indices, Measure]:
    """The middle points of runs of a partition, and their measure, in which each has the mass of
    its run.
    """
    n = len(partition)
    count = n if n <= FEW else min(SAMPLE, int(SHARE * n))
    bounds = np.arange(count + 1) * n // count
    rows = (bounds[:-1] + bounds[1:]) // 2
    masses = np.add.reduceat(partition.probabilities, bounds[:-1])
    return rows, Measure(partition.points[rows], masses)
