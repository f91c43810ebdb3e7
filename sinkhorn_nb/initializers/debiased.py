"""Start the cross problem from the potentials of two self problems, which is good for nearly equal
measures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..common.array_types import Floats
from ..costs import SQUARED_EUCLIDEAN
from ..dual import Iterate
from ..measures.partition import Partition
from ..measures.pixels import GridMeasure
from ..problem import Problem
from .auto import Auto, strata
from .base import Initializer, Start

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

NEAR = 0.1  # marginal error, on a sample of rows, up to which the measures count as nearly equal
# Of the ratio of any marginal: the error does not show small masses that must move far
LARGEST_LOG = 1.0


@dataclass(frozen=True, eq=False)
class Debiased(Initializer):
    """Potentials of the self problems and a translation, if they nearly solve the cross problem;
    else another start.

    The start is f_aa and g_bb and, for the cost |x - y|^2 / 2, the linear functions that move the
    mean of one measure onto the mean of the other. It then solves the cross problem of a measure
    and its translation.

    Because the kernel is positive definite, the dual value there is at least (OT_eps(a, a) +
    OT_eps(b, b)) / 2. The divergence of nearly equal measures, a small difference of large numbers,
    thus starts on the right side of zero.

    References
    ----------
    Feydy et al. 2019, "Interpolating between Optimal Transport and MMD using Sinkhorn Divergences",
    appendix B.3.
    """

    f: Floats  # in the order of the partition of the source, between probabilities
    g: Floats
    otherwise: Initializer = field(default_factory=Auto)

    @property
    def T(self) -> Debiased:
        """The same initializer for the transposed problem."""
        return Debiased(self.g, self.f, self.otherwise.T)

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start, after passes over sampled rows and columns."""
        source = problem.source.partition
        target = problem.target.partition
        source_mean = source.probabilities @ source.points
        target_mean = target.probabilities @ target.points
        shift = target_mean - source_mean
        if problem.cost != SQUARED_EUCLIDEAN:  # translations have no simple potentials
            shift = np.zeros(len(shift))
        # Twice the divergence is at least as large as the squared shift
        squared = shift @ shift
        if not problem.marginals.are_exact or squared > problem.eps:
            return self.otherwise(problem, solver)

        f = self.f - (source.points - source_mean) @ shift + squared / 4
        g = self.g + (target.points - target_mean) @ shift + squared / 4
        if isinstance(problem.source, GridMeasure):
            return self._between_grids(problem, solver, f, g)
        backend = solver.backend
        for side in (source, f, target, g), (target, g, source, f):
            if not _is_near(problem, *side, backend):
                return self.otherwise(problem, solver)
        return Start(f, g)

    def _between_grids(self, problem: Problem, solver: Sinkhorn, f: Floats, g: Floats) -> Start:
        kernel = problem.kernel("float64", solver.backend)
        dual = problem.dual()
        log_rows, log_columns = kernel.log_sums(f, g)
        iterate = Iterate(f, g, log_rows, log_columns)
        of_rows = np.abs(log_rows[dual.a > 0]).max()
        of_columns = np.abs(log_columns[dual.b > 0]).max()
        is_near = dual.error(iterate) <= NEAR and max(of_rows, of_columns) <= LARGEST_LOG
        return Start(f, g) if is_near else self.otherwise(problem, solver)


def _is_near(
    problem: Problem, x: Partition, f: Floats, y: Partition, g: Floats, backend: str
) -> bool:
    """Tell whether the marginals of a sample of rows are nearly exact."""
    rows, measure = strata(x)
    sample = measure.partition
    kernel = problem.kernel_between(sample, y, problem.rough_dtype, backend)
    log_sums = kernel.log_row_sums(sample.sort(f[rows]), g)
    missing = np.expm1(np.minimum(log_sums, LARGEST_LOG))
    error = sample.probabilities @ np.abs(missing)
    largest = np.abs(log_sums).max()
    return bool(error <= NEAR and largest <= LARGEST_LOG)
