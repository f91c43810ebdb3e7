"""The default: the most promising of the starts that cost next to nothing."""

from dataclasses import dataclass

import numpy as np

from ..gibbs import GibbsKernel
from ..measure import Measure
from .base import Initializer
from .coarse import Coarse
from .gaussian import Gaussian
from .sorting import Sorting
from .zeros import Zeros

# Points of each measure on which starts are compared: so many, and no more than this share of all.
SAMPLE, SHARE = 256, 1 / 4


@dataclass(frozen=True)
class Auto(Initializer):
    """Of `Coarse` (`Sorting` on a line), `Gaussian` and `Zeros` the one with the largest semi-dual between samples.

    <a, f> + <b, T(f)>, T(f) being the softmin, is a lower bound of OT_eps that the solution attains. Problems of a
    measure with itself have the coarse start.
    """

    def __call__(self, problem, solver):
        """The start; the others and the comparison count too."""
        if problem.is_self:
            return Coarse()(problem, solver)
        likely = Sorting() if problem.source.dimension == 1 else Coarse()
        starts = [initializer(problem, solver) for initializer in (likely, Gaussian(), Zeros())]
        sample = _Sample(problem, solver)
        best = max(starts, key=lambda start: sample.semi_dual(start.f))
        return best._replace(n_passes=sum(start.n_passes for start in starts) + sample.n_passes)


class _Sample:
    """The problem between the middle points of runs of the partitions, each with the mass of its run."""

    def __init__(self, problem, solver):
        self._rows, x = _strata(problem.source.partition)
        _, y = _strata(problem.target.partition)
        self._source, self._b = x.partition, y.partition.probabilities
        self._kernel = GibbsKernel(y.partition, x.partition, problem.eps, "float32", solver.backend)
        self._share = len(x) * len(y) / (len(problem.source) * len(problem.target))

    @property
    def n_passes(self):
        """Over the pairs of the whole problem."""
        return self._share * self._kernel.n_passes

    def semi_dual(self, f):
        """In units of cost."""
        f = self._source.sort(f[self._rows])
        return float(self._source.probabilities @ f + self._b @ self._kernel.softmin(f))


def _strata(partition):
    n = len(partition)
    count = max(1, min(SAMPLE, int(SHARE * n)))
    bounds = np.arange(count + 1) * n // count
    rows = (bounds[:-1] + bounds[1:]) // 2
    return rows, Measure(partition.points[rows], np.add.reduceat(partition.probabilities, bounds[:-1]))
