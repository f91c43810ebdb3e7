"""The only operator of the library: the Gibbs kernel exp(-C / eps) between two clouds, which is
never formed.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import numpy as np

from ..backends.base import ClusterSums
from ..backends.choice import choose
from ..backends.cost_functions import Function
from ..backends.pointwise import LOG2E, CityBlock
from ..backends.self_check import Work
from ..common.array_types import Booleans, Floats, Indices
from ..costs import SQUARED_EUCLIDEAN, Cost
from ..measures.partition import Partition
from .given_slopes import given_slopes
from .side import Side
from .trust import TRUSTED, is_trusted, log

FLAT = 2.0**-20  # costs in units of the temperature at which the Gibbs kernel is nearly constant


class GibbsKernel:
    """p_ij = exp((f_i + g_j - C(x_i, y_j)) / eps) for any potentials; each method is one pass over
    the pairs, unless it says otherwise.

    All arrays are in the order of the partitions.

    Parameters
    ----------
    x, y : Partition
        Clouds; the same object twice makes the kernel symmetric, and its sums cost half a pass.
    eps : float
    dtype : {"float32", "float64"}
        Precision of the pairs; potentials and sums are float64.
    backend : {"auto", "cpu", "cuda"}
        The backend that computes; "auto" uses a GPU, if there is a good one, for many pairs.
    cost : Cost, default |x - y|^2 / 2
    """

    def __init__(
        self,
        x: Partition,
        y: Partition,
        eps: float,
        dtype: str,
        backend: str = "auto",
        cost: Cost = SQUARED_EUCLIDEAN,
    ) -> None:
        self.eps, self._cost = eps, cost
        self._to_exponent = LOG2E / eps
        self._kind = cost.kind(self._to_exponent)[1]
        # A caller's function takes the points with all their digits
        self.dtype = dtype = "float64" if isinstance(self._kind, Function) else dtype
        self.is_symmetric = x is y
        self._counted = [0.0]
        work = Work(len(x), len(y), x.points.shape[1], dtype, self.is_symmetric, self._kind)
        self._backend = choose(backend, work)
        # Near the points: their differences keep all digits
        self._origin = (x.points[0] + y.points[0]) / 2
        self._x = self._side(x)
        self._y = self._x if self.is_symmetric else self._side(y)
        self._n_pairs = len(x) * len(y)

    def _side(self, partition: Partition) -> Side:
        places = partition.points - self._origin
        bounds = partition.tiles(self._backend.points_a_tile)
        points = self._cost.embedded(partition.points, self._origin)
        settings = self._cost, self.eps, self.dtype, self._backend
        return Side(places, points, partition.probabilities, bounds, settings)

    @property
    def T(self) -> GibbsKernel:
        """The transposed kernel; the passes of both are counted together."""
        transposed = copy(self)
        transposed._x, transposed._y = self._y, self._x
        return transposed

    @property
    def n_passes(self) -> float:
        """Number of passes so far, by their share of the pairs."""
        return self._counted[0]

    def _count(self, passes: float) -> None:
        self._counted[0] += passes * len(self._x.points) * len(self._y.points) / self._n_pairs

    def log_sums(self, f: Floats, g: Floats) -> tuple[Floats, Floats]:
        """log sum_j b_j p_ij and log sum_i a_i p_ij: T(g) = f - eps * the first, T(f) = g - eps *
        the second.

        Both come from one exponential per pair. A sum that leaves the trusted range is computed
        again by log-sum-exp.
        """
        x, y = self._x, self._y
        if self.is_symmetric and f is g:
            self._count(0.5)
            log_rows = self._mend(
                log(self._backend.self_sums(x.cloud, x.exponents(f), x.weights)), f, g
            )
            return log_rows, log_rows
        self._count(1)
        rows, columns = self._backend.sums(
            x.cloud, x.exponents(f), x.weights, y.cloud, y.exponents(g), y.weights
        )
        return self._mend(log(rows), f, g), self._mend_columns(log(columns), f, g)

    def cluster_sums(
        self, f: Floats, g: Floats, bounds: Indices
    ) -> tuple[Floats, Floats, ClusterSums | None]:
        """The sums of `log_sums`, and column sums by cluster: C_kj sums a_i p_ij over bounds[k] <=
        i < bounds[k + 1].

        C is None if a column sum had to be computed again, because its parts are not known.
        """
        self._count(1)
        x, y = self._x, self._y
        rows, C = self._backend.cluster_sums(
            x.cloud, x.exponents(f), x.weights, y.cloud, y.exponents(g), y.weights, bounds
        )
        columns = C.columns()
        mended = self._mend_columns(log(columns), f, g)
        return (
            self._mend(log(rows), f, g),
            mended,
            C if self.T._is_trusted(log(columns)).all() else None,
        )

    def log_row_sums(self, f: Floats, g: Floats) -> Floats:
        """log sum_j b_j p_ij alone."""
        self._count(1)
        x, y = self._x, self._y
        return self._mend(
            log(
                self._backend.row_sums(x.cloud, x.exponents(f), y.cloud, y.exponents(g), y.weights)
            ),
            f,
            g,
        )

    def softmin(self, g: Floats, rows: Indices | None = None) -> Floats:
        """T(g)_i = -eps log sum_j b_j exp((g_j - C_ij) / eps), in the log domain, at all rows or at
        some.

        The error is the rounding of the pairs' dtype in the largest cost across a tile.
        """
        if rows is not None:
            return self._at(rows).softmin(g)
        x, y = self._x, self._y
        self._count(1)
        G = y.exponents(g) + LOG2E * log(y.weights)
        return -self.eps / LOG2E * self._backend.log_sum_exp(x.cloud, x.exponents(0.0), y.cloud, G)

    def transport(self, f: Floats, g: Floats, V: Floats) -> Floats:
        """sum_j p_ij b_j V_j for the rows V_j of an (m, k) array; small weights are as exact as
        large ones.
        """
        return self.product(f, g + self.eps * log(self._y.weights), V)

    def product(
        self,
        f: Floats,
        g: Floats,
        V: Floats,
        factors: tuple[Floats, Floats] | None = None,
        derivative: int | None = None,
    ) -> Floats:
        """sum_j p_ij V_j; for factors A (n, r) and B (m, r), sum_j p_ij <A_i, B_j> V_j.

        Unless `derivative` is None, p_ij is multiplied by the cost in units of eps / log2(e) or,
        for 1, by its slope. These, and factors (n,) and (m,) for the sign of A_i - B_j, are for
        other costs than |x - y|^2 / 2.
        """
        self._count(1)
        x, y = self._x, self._y
        return self._backend.transport(
            x.cloud, x.exponents(f), y.cloud, y.exponents(g), V, factors, derivative
        )

    def barycenters(self, f: Floats, g: Floats) -> Floats:
        """(n, d) means of the y_j with weights b_j p_ij for each i. Rows are normalized, so any f_i
        gives the same.
        """
        return self._origin + self._means(f, g, self._y.places)

    def _means(self, f: Floats, g: Floats, values: Floats) -> Floats:
        """Means of values of the y_j under the weights of `barycenters`."""
        center = values.mean(axis=0)
        sums = self._normalized(
            f, g, lambda kernel, f: kernel.transport(f, g, _with_ones(values - center))
        )
        return center + sums

    def _normalized(
        self, f: Floats, g: Floats, sums_of: Callable[[GibbsKernel, Floats], Floats]
    ) -> Floats:
        """Sums of a kernel at f over their first column, which holds the row sums."""
        sums = sums_of(self, f)
        doubtful = np.flatnonzero(~(np.abs(log(sums[:, 0])) <= np.log(TRUSTED[self.dtype])))
        if len(doubtful):
            rows = self._at(doubtful)
            sums[doubtful] = sums_of(rows, rows.softmin(g))
        return sums[:, 1:] / sums[:, :1]

    def mean_gradients(self, f: Floats, g: Floats) -> Floats:
        """(n, d) means of the cost's derivatives in x_i under the weights of `barycenters`.

        It takes two passes for other costs than |x - y|^2 / 2, and d + 1 for the city-block
        distance.
        """
        if self._kind is None:
            gradients = self._x.points - self._means(f, g, self._y.points)
        else:
            gradients = self._normalized(f, g, lambda kernel, f: kernel._slopes(f, g))
        return self._cost.pulled(self._origin + self._x.places, gradients)

    def gradient_sums(self, f: Floats, g: Floats) -> Floats:
        """(n, d) sums of b_j p_ij times the cost's derivatives in x_i."""
        if self._kind is not None:
            return self._cost.pulled(self._origin + self._x.places, self._slopes(f, g)[:, 1:])
        x, y = self._x.points, self._y.points
        center = y.mean(axis=0)
        sums = self.transport(f, g, _with_ones(y - center))
        return (x - center) * sums[:, :1] - sums[:, 1:]

    def _slopes(self, f: Floats, g: Floats) -> Floats:
        """Sums of b_j p_ij and of b_j p_ij times the derivatives of the cost in embedded points."""
        weighted = g + self.eps * log(self._y.weights)
        if isinstance(self._kind, Function):
            self._count(1)
            F, G = self._to_exponent * f, self._to_exponent * weighted
            return given_slopes(self._kind, self._x.points, F, self._y.points, G)
        ones = np.ones((len(self._y.weights), 1))
        x = self._x.points
        y = self._y.points
        sums = self.product(f, weighted, ones)
        if isinstance(self._kind, CityBlock):
            axes = zip(x.T, y.T, strict=True)
            return np.hstack([sums, *(self.product(f, weighted, ones, axis) for axis in axes)])
        scale, _ = self._cost.kind(self._to_exponent)
        center = y.mean(axis=0)
        moments = self.product(f, weighted, _with_ones(y - center), derivative=1)
        slopes = (x - center) * moments[:, :1] - moments[:, 1:]
        return np.hstack([sums, scale**2 / self._to_exponent * slopes])

    def costs(self, f: Floats, g: Floats) -> Floats:
        """(n,) sum_j b_j p_ij C_ij."""
        if self._kind is not None:
            weighted = g + self.eps * log(self._y.weights)
            ones = np.ones((len(g), 1))
            sums = self.product(f, weighted, ones, derivative=0)[:, 0]
            return np.nan_to_num(sums) / self._to_exponent
        center = self._y.points.mean(axis=0)
        x, y = self._x.points - center, self._y.points - center
        sums = self.transport(f, g, np.column_stack([np.ones(len(y)), y, (y**2).sum(axis=1) / 2]))
        sums = np.nan_to_num(sums)
        return (x**2).sum(axis=1) / 2 * sums[:, 0] - (x * sums[:, 1:-1]).sum(axis=1) + sums[:, -1]

    def mean_cost(self, a: Floats, b: Floats, largest: float) -> float:
        """sum_ij a_i b_j C_ij / sum b, or slightly more, for weights a and b of the same sum and
        costs that are at most the largest.
        """
        x, y = self._x.points, self._y.points
        if self._kind is not None:
            flat = self._at_eps(max(largest, self.eps) / FLAT)
            zeros = np.zeros(len(a)), np.zeros(len(b))
            sums = flat.product(*zeros, b[:, None], derivative=0)[:, 0] / flat._to_exponent
            return float(a @ sums / b.sum()) * (1 + 2 * FLAT)
        squares = a @ (x**2).sum(axis=1) + b @ (y**2).sum(axis=1)
        return float(squares / 2 - (a @ x) @ (b @ y) / a.sum())

    def _at_eps(self, eps: float) -> GibbsKernel:
        """The kernel of the same clouds at another temperature."""
        other = copy(self)
        other.eps = eps
        other._to_exponent = LOG2E / eps
        other._x = self._x.at_eps(eps)
        other._y = other._x if self._y is self._x else self._y.at_eps(eps)
        return other

    def _at(self, rows: Indices) -> GibbsKernel:
        """The kernel between some of the x, given by increasing indices, and all y."""
        part = copy(self)
        part._x = self._x.part(rows)
        part.is_symmetric = False
        return part

    def _is_trusted(self, log_sums: Floats) -> Booleans:
        return is_trusted(log_sums, self._y.least_log_weight, self.dtype)

    def _mend(self, log_sums: Floats, f: Floats, g: Floats) -> Floats:
        doubtful = np.flatnonzero(~self._is_trusted(log_sums))
        if len(doubtful):
            log_sums[doubtful] = (f[doubtful] - self.softmin(g, doubtful)) / self.eps
        return log_sums

    def _mend_columns(self, log_sums: Floats, f: Floats, g: Floats) -> Floats:
        return self.T._mend(log_sums, g, f)


def _with_ones(values: Floats) -> Floats:
    return np.column_stack([np.ones(len(values)), values])
