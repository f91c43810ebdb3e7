"""The potentials of two self problems as a start of the cross problem: a good one for nearly equal measures."""

from dataclasses import dataclass, field

import numpy as np

from ..gibbs import GibbsKernel
from .auto import Auto, strata
from .base import Initializer, Start

NEAR = 0.1  # marginal error, on a sample of rows, up to which the measures count as nearly equal


@dataclass(frozen=True, eq=False)
class Debiased(Initializer):
    """Potentials f_aa and g_bb of the self problems where they nearly solve the cross problem; otherwise another start.

    As the kernel is positive definite, the dual value there is at least (OT_eps(a, a) + OT_eps(b, b)) / 2: the
    divergence of nearly equal measures, a small difference of large numbers, starts from the right side of zero.

    References
    ----------
    Feydy et al. 2019, "Interpolating between Optimal Transport and MMD using Sinkhorn Divergences", appendix B.3.
    """

    f: np.ndarray  # in the order of the partition of the source, between probabilities
    g: np.ndarray
    otherwise: Initializer = field(default_factory=Auto)

    @property
    def T(self):
        """The same initializer for the transposed problem."""
        return Debiased(self.g, self.f, self.otherwise.T)

    def __call__(self, problem, solver):
        """Initial potentials; the pass over the sampled rows counts by their share."""
        if _squared_distance_of_means(problem) > problem.eps:  # twice the divergence is at least as large
            return self.otherwise(problem, solver)
        rows, sample = strata(problem.source.partition)
        kernel = GibbsKernel(sample.partition, problem.target.partition, problem.eps, "float32", solver.backend)
        log_sums = kernel.log_row_sums(sample.partition.sort(self.f[rows]), self.g)
        share = kernel.n_passes * len(rows) / len(problem.source)
        if sample.partition.probabilities @ np.abs(np.expm1(np.minimum(log_sums, 1.0))) <= NEAR:
            return Start(self.f, self.g, share)
        start = self.otherwise(problem, solver)
        return start._replace(n_passes=start.n_passes + share)


def _squared_distance_of_means(problem):
    means = [side.partition.probabilities @ side.partition.points for side in (problem.source, problem.target)]
    return ((means[0] - means[1]) ** 2).sum()
