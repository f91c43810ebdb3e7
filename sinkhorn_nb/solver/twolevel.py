"""The two-level step: it updates one side exactly and shifts each cluster of the other side, in a
single pass.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.base import ClusterSums
from ..common.array_types import Floats, Numbers
from ..dual import Dual, Iterate, aim, phi
from ..kernels.protocol import Kernel
from ..measures.partition import Partition
from ..problem import Problem

FEW, MANY = 64, 128  # clusters
# Points from which many clusters pay: the Newton steps then take .1 of a pass, not .3
LARGE = 2**14
GROUPS = 512  # of neighboring points in the Hessian
# Logarithms: e^40 times the sum of 128 trusted sums is finite in float32
LONGEST_STEP, LARGEST_SHIFT = 8.0, 40.0
# Logarithm of the ratio of a marginal to be aimed at, far above all but the first ones
LARGEST_AIM = 200.0
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
    is_exact = False

    def __init__(self, problem: Problem, dual: Dual) -> None:
        self._dual = dual
        self._source = _Clusters(problem.source.partition)
        self._target = _Clusters(problem.target.partition)
        self.updates_rows = True
        self._sums: ClusterSums | None = None

    def measure(self, kernel: Kernel, f: Floats, g: Floats) -> Iterate:
        """Compute the marginals, and the sums over the clusters to be shifted next, in one pass."""
        self._sums = None  # free the last sums first, because they take most of the memory
        if self.updates_rows:
            bounds = self._target.bounds
            log_columns, log_rows, self._sums = kernel.T.cluster_sums(g, f, bounds)
        else:
            bounds = self._source.bounds
            log_rows, log_columns, self._sums = kernel.cluster_sums(f, g, bounds)
        return Iterate(f, g, log_rows, log_columns)

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """Return the potentials after the step."""
        on_rows = self.updates_rows
        self.updates_rows = not self.updates_rows
        if on_rows:
            return self._step(iterate, self._dual, self._target, error)
        g, f = self._step(iterate.T, self._dual.T, self._source, error)
        return f, g

    def _step(
        self, iterate: Iterate, dual: Dual, shifted: _Clusters, error: float
    ) -> tuple[Floats, Floats]:
        if self._sums is None:  # sums were computed again, so their parts are not known
            return dual.updated_rows(iterate), iterate.g
        f = dual.updated_rows(iterate)
        # Then factors of the sums overflow in float32; sums alone bound those of an exact side
        largest_rise = (f - iterate.f).max()
        if dual.rates[0] != 0 and largest_rise > LARGEST_SHIFT * dual.eps:
            return f, iterate.g
        exchange = Exchange.of(self._sums, iterate, dual, shifted)
        shifts, log_sums = best_shifts(exchange, SHARE * min(error, 1.0))
        f = dual.updated_rows(iterate._replace(log_rows=log_sums))
        moves = dual.eps * shifts[shifted.owner]
        return f, iterate.g + moves


class _Clusters:
    """The clusters of one side: their bounds, the cluster of each point, and their masses."""

    def __init__(self, partition: Partition) -> None:
        count = FEW if len(partition) < LARGE else MANY
        self.bounds = partition.clusters(count)
        sizes = np.diff(self.bounds)
        numbers = np.arange(len(sizes))
        self.owner = np.repeat(numbers, sizes)
        self.masses = self.sums(partition.probabilities)

    def sums(self, values: Floats) -> Floats:
        """Sums by cluster."""
        return np.add.reduceat(values, self.bounds[:-1])


class Exchange(NamedTuple):
    """The dual as a function of the shifts t of all clusters, once f has been updated exactly, up
    to a constant.

    Attributes
    ----------
    sums : ClusterSums
        R_il = sum_j b_j p_ij over the j of cluster l.
    a : (n,) array
        Probabilities of the exact side.
    rates : pair of float
        kx of the exact side and ky of the shifted side; 0 for an exact marginal.
    u : (n,) array or float
        f / eps; 0 if the marginal is exact.
    masses : (L,) array
        Sums of b exp(-ky v) by cluster: the aim of the clusters' shares of the plan.
    """

    sums: ClusterSums
    a: Floats
    rates: tuple[float, float]
    u: Floats | float
    masses: Floats

    @classmethod
    def of(cls, sums: ClusterSums, iterate: Iterate, dual: Dual, shifted: _Clusters) -> Exchange:
        """The exchange of masses from an iterate."""
        kx, ky = dual.rates
        u = iterate.f / dual.eps if kx != 0 else 0.0
        masses = shifted.masses
        if ky != 0:
            logs = np.minimum(-ky / dual.eps * iterate.g, LARGEST_AIM)
            aims = dual.b * np.exp(logs)
            masses = shifted.sums(aims)
        return cls(sums, dual.a, dual.rates, u, masses)

    def value(self, t: Floats) -> tuple[float, Floats, Floats]:
        """The dual value at t, sum_l R_il exp(t_l), and the a_i exp(s_i) of the update s of f."""
        kx, ky = self.rates
        total = self.sums.totals(np.exp(t))
        with np.errstate(divide="ignore", invalid="ignore"):
            log_total = np.log(total)
            if kx == ky == 0:
                value = self.masses @ t - self.a @ log_total
                return float(value), total, self.a / total
            s = -(log_total + kx * self.u) / (1 + kx)
            updated = self.u + s
            on_rows = phi(updated, kx) - aim(updated, kx)
            value = self.masses @ phi(t, ky)
            value += self.a @ on_rows
            return float(value), total, self.a * np.exp(s)


def best_shifts(exchange: Exchange, tol: float) -> tuple[Floats, Floats]:
    """The shifts t of the clusters with the largest dual value, and log sum_l R_il exp(t_l) there.

    Newton's method starts from 0 and stops at a gradient of l1 norm tol.
    """
    sums = exchange.sums
    masses = exchange.masses
    rates = exchange.rates
    t: Floats = np.zeros(len(masses))
    rounding = ROUNDING[sums.dtype.name]
    value, total, scales = exchange.value(t)
    for _ in range(MOST_STEPS):
        shares = np.exp(t) * sums.shares(scales)
        aims = masses * aim(t, rates[1])
        gradient = aims - shares
        if np.abs(gradient).sum() <= tol:
            break

        overlaps = _overlaps(t, exchange, scales)
        step = _newton_step(gradient, shares, overlaps, aims, rates)
        bounded = np.clip(t + step, -LARGEST_SHIFT, LARGEST_SHIFT)
        step = bounded - t
        least = value - rounding * (1 + abs(value))
        for _ in range(MOST_HALVINGS):
            new_value, new_total, new_scales = exchange.value(t + step)
            if new_value >= least:
                break
            step = BACKTRACK * step
        else:
            break
        t = t + step
        value = new_value
        total = new_total
        scales = new_scales
    return t, np.log(total)


def _overlaps(t: Floats, exchange: Exchange, scales: Floats) -> Numbers:
    """(L, L) masses of the points that two clusters share; a few neighboring points count as one.

    Therefore the masses are too small, and the steps a little short.
    """
    sums = exchange.sums
    size = max(1, len(scales) // GROUPS)
    factors = np.exp(t).astype(sums.dtype)
    groups = sums.grouped(scales, size)
    groups *= factors[:, None]
    masses = groups.sum(axis=0)
    safe = np.where(masses > 0, masses, 1.0)
    groups /= np.sqrt(safe)
    groups *= groups >= SMALLEST[sums.dtype.name]  # a fifth of the time of a mask
    return groups @ groups.T


def _newton_step(
    gradient: Floats,
    shares: Floats,
    overlaps: Numbers,
    aims: Floats,
    rates: tuple[float, float],
) -> Floats:
    """The step of Newton's method for the clusters' shifts, clipped entry by entry."""
    kx, ky = rates
    if kx == ky == 0:  # a common shift changes nothing
        hessian = np.outer(aims, aims) - overlaps
    else:
        hessian = -overlaps / (1 + kx)
    share = RIDGE[overlaps.dtype.name]
    ridge = share * (shares + aims) + 1e-300
    diagonal = np.einsum("ii->i", hessian)  # a view
    diagonal += shares + ky * aims + ridge
    step = np.linalg.solve(hessian, gradient)
    if kx == ky == 0:
        step -= aims @ step / aims.sum()
    return np.clip(step, -LONGEST_STEP, LONGEST_STEP)
