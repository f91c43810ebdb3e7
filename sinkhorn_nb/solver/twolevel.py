"""The two-level step: it updates one side exactly and shifts each cluster of the other side, in a
single pass.
"""

from __future__ import annotations

import numpy as np

from ..backends.base import ClusterSums
from ..common.array_types import Floats, Numbers
from ..dual import Iterate
from ..kernels.point_cloud import GibbsKernel
from ..measures.partition import Partition
from ..problem import Problem

FEW, MANY = 64, 128  # clusters
# Points from which many clusters pay: the Newton steps then take .1 of a pass, not .3
LARGE = 2**14
GROUPS = 512  # of neighboring points in the Hessian
# Logarithms: e^40 times the sum of 128 trusted sums is finite in float32
LONGEST_STEP, LARGEST_SHIFT = 8.0, 40.0
MOST_STEPS, MOST_HALVINGS = 20, 12
BACKTRACK = 0.4
SHARE = 0.03  # of the marginal error that the reduced problem may leave
ROUNDING = {"float32": 1e-6, "float64": 1e-13}  # of the reduced problem
# Products of smaller numbers are denormal and 20 times slower
SMALLEST = {"float32": 1e-18, "float64": 1e-150}
# Added to its Hessian, which is singular if groups of points are far apart
RIDGE = {"float32": 1e-6, "float64": 1e-10}


class TwoLevel:
    """Maximize the dual over all of one potential and the clusters' shifts of the other; the sides
    alternate.

    It is never worse than a half step of Sinkhorn's iteration. The half step removes errors finer
    than the blur, and the shifts exchange mass between clusters.
    """

    period = 2

    def __init__(self, problem: Problem, eps: float) -> None:
        self._eps = eps
        self._source, self._target = (
            _Clusters(problem.source.partition),
            _Clusters(problem.target.partition),
        )
        self.updates_rows = True
        self._sums: ClusterSums | None = None

    def measure(self, kernel: GibbsKernel, f: Floats, g: Floats) -> Iterate:
        """Compute the marginals, and the sums over the clusters to be shifted next, in one pass."""
        self._sums = None  # free the last sums first, because they take most of the memory
        if self.updates_rows:
            log_columns, log_rows, self._sums = kernel.T.cluster_sums(g, f, self._target.bounds)
        else:
            log_rows, log_columns, self._sums = kernel.cluster_sums(f, g, self._source.bounds)
        return Iterate(f, g, log_rows, log_columns)

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """Return the potentials after the step."""
        on_rows, self.updates_rows = self.updates_rows, not self.updates_rows
        if on_rows:
            return self._step(iterate, self._source, self._target, error)
        return self._step(iterate.T, self._target, self._source, error)[::-1]

    def _step(
        self, iterate: Iterate, exact: _Clusters, shifted: _Clusters, error: float
    ) -> tuple[Floats, Floats]:
        if self._sums is None:  # sums were computed again, so their parts are not known
            return iterate.f - self._eps * iterate.log_rows, iterate.g
        shifts, log_sums = best_shifts(
            self._sums, exact.probabilities, shifted.masses, SHARE * min(error, 1.0)
        )
        return iterate.f - self._eps * log_sums, iterate.g + self._eps * shifts[shifted.owner]


class _Clusters:
    def __init__(self, partition: Partition) -> None:
        self.bounds = partition.clusters(FEW if len(partition) < LARGE else MANY)
        self.owner = np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))
        self.probabilities = partition.probabilities
        self.masses = np.add.reduceat(self.probabilities, self.bounds[:-1])


def best_shifts(
    sums: ClusterSums, weights: Floats, masses: Floats, tol: float
) -> tuple[Floats, Floats]:
    """argmax_t <masses, t> - <weights, log(e^t sums)> for L x n `ClusterSums`, and log(e^t sums)
    there.

    Newton's method starts from 0 and stops at a gradient of l1 norm tol.
    """
    t: Floats = np.zeros(len(masses))
    rounding = ROUNDING[sums.dtype.name]
    value, total = _dual(t, sums, weights, masses)
    for _ in range(MOST_STEPS):
        shares = np.exp(t) * sums.shares(weights / total)
        gradient = masses - shares
        if np.abs(gradient).sum() <= tol:
            break
        step = _newton_step(gradient, shares, _overlaps(t, sums, weights, total), masses)
        step = np.clip(t + step, -LARGEST_SHIFT, LARGEST_SHIFT) - t
        for _ in range(MOST_HALVINGS):
            new_value, new_total = _dual(t + step, sums, weights, masses)
            if new_value >= value - rounding * (1 + abs(value)):
                break
            step = BACKTRACK * step
        else:
            break
        t, value, total = t + step, new_value, new_total
    return t, np.log(total)


def _dual(t: Floats, sums: ClusterSums, weights: Floats, masses: Floats) -> tuple[float, Floats]:
    total = sums.totals(np.exp(t))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(masses @ t - weights @ np.log(total)), total


def _overlaps(t: Floats, sums: ClusterSums, weights: Floats, total: Floats) -> Numbers:
    """(L, L) masses of the points that two clusters share; a few neighboring points count as one.

    Therefore the masses are too small, and the steps a little short.
    """
    groups = sums.grouped(weights / total, max(1, len(weights) // GROUPS))
    groups *= np.exp(t).astype(sums.dtype)[:, None]
    masses = groups.sum(axis=0)
    groups /= np.sqrt(np.where(masses > 0, masses, 1.0))
    groups[groups < SMALLEST[sums.dtype.name]] = 0.0
    return groups @ groups.T


def _newton_step(gradient: Floats, shares: Floats, overlaps: Numbers, masses: Floats) -> Floats:
    hessian = np.diag(shares) - overlaps + np.outer(masses, masses)
    hessian[np.diag_indices_from(hessian)] += (
        RIDGE[overlaps.dtype.name] * (shares + masses) + 1e-300
    )
    step = np.linalg.solve(hessian, gradient)
    return np.clip(step - masses @ step / masses.sum(), -LONGEST_STEP, LONGEST_STEP)
