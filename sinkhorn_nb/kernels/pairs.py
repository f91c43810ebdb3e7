"""Passes over all pairs of two sides: sums of rows and columns, softmin, products."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from ..backends.base import ClusterSums
from ..backends.choice import choose
from ..backends.cost_functions import Function
from ..backends.pointwise import LOG2E
from ..backends.self_check import Work
from ..common.array_types import Booleans, Floats, Indices, Pair
from ..costs import SQUARED_EUCLIDEAN, Cost
from ..measures.partition import Partition
from .few_pairs import are_few, count_of_few, softmin_of_few
from .heavy_plan import HeavyPlan, heavy_plan
from .ledger import Ledger
from .side import PairSettings, Side
from .trust import is_trusted, log

if TYPE_CHECKING:
    from typing_extensions import Self


class PairKernel:
    """p_ij = exp((f_i + g_j - C_ij) / eps) for any potentials; each method is one pass over the
    pairs, unless it says otherwise.

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
        self.eps = eps
        self._cost = cost
        self._to_exponent = LOG2E / eps
        _, self._kind = cost.kind(self._to_exponent)
        self.dtype = "float64" if cost.has_long_pairs else dtype
        self.is_symmetric = x is y
        self._ledger = Ledger()
        n = len(x)
        m = len(y)
        d = x.points.shape[1]
        work = Work(n, m, d, self.dtype, self.is_symmetric, self._kind)
        self._backend = choose(backend, work)

        # Near the points: their differences keep all digits
        self._origin = (x.points[0] + y.points[0]) / 2
        self._x = self._side(x)
        self._y = self._x if self.is_symmetric else self._side(y)
        self._n_pairs = n * m

    def _side(self, partition: Partition) -> Side:
        places = partition.points - self._origin
        bounds = partition.tiles(self._backend.points_a_tile)
        points = self._cost.embedded(partition.points, self._origin)
        settings = PairSettings(self._cost, self.eps, self.dtype, self._backend)
        return Side(places, points, partition.probabilities, bounds, settings)

    @property
    def T(self) -> Self:
        """The transposed kernel; the passes of both are counted together."""
        transposed = copy(self)
        transposed._x = self._y
        transposed._y = self._x
        return transposed

    @property
    def n_passes(self) -> float:
        """Number of passes so far, by their share of the pairs."""
        return self._ledger.pairs / self._n_pairs

    def _count(self, passes: float) -> None:
        n = len(self._x.points)
        m = len(self._y.points)
        self._ledger.write(passes * n * m)

    def log_sums(self, f: Floats, g: Floats) -> Pair:
        """log sum_j b_j p_ij and log sum_i a_i p_ij: T(g) = f - eps * the first, T(f) = g - eps *
        the second.

        Both come from one exponential per pair. A sum that leaves the trusted range is computed
        again by log-sum-exp.
        """
        x = self._x.weighted(f)
        if self.is_symmetric and f is g:
            self._count(0.5)
            sums = self._backend.self_sums(*x)
            log_rows = self._mend(log(sums), f, g)
            return log_rows, log_rows

        self._count(1)
        y = self._y.weighted(g)
        rows, columns = self._backend.sums(*x, *y)
        log_rows = self._mend(log(rows), f, g)
        return log_rows, self._mend_columns(log(columns), f, g)

    def cluster_sums(
        self, f: Floats, g: Floats, bounds: Indices
    ) -> tuple[Floats, Floats, ClusterSums | None]:
        """The sums of `log_sums`, and column sums by cluster: C_kj sums a_i p_ij over bounds[k] <=
        i < bounds[k + 1].

        C is None if a column sum had to be computed again, because its parts are not known.
        """
        self._count(1)
        x = self._x.weighted(f)
        y = self._y.weighted(g)
        rows, C = self._backend.cluster_sums(*x, *y, bounds)
        log_columns = log(C.columns())
        are_trusted = self.T._is_trusted(log_columns).all()
        mended = self._mend_columns(log_columns, f, g)
        return (
            self._mend(log(rows), f, g),
            mended,
            C if are_trusted else None,
        )

    @property
    def lists_heavy_pairs(self) -> bool:
        """Whether `heavy_plan` and `count_heavy` may be called."""
        return not isinstance(self._kind, Function)

    def heavy_plan(self, f: Floats, g: Floats, theta: float, most: int) -> HeavyPlan | None:
        """The entries of the plan with P_ij > theta min(a_i, b_j) in float64, and the sums of all
        others in the pairs' dtype; None if there are more than `most` such entries.

        No sum is computed again: ask `are_trusted`.
        """
        self._count(1)
        x = self._x.weighted(f)
        y = self._y.weighted(g)
        pairs = self._backend.heavy_pairs(*x, *y, theta, most)
        if pairs is None:
            return None

        self.count_pairs(len(pairs.columns))
        F = self._to_exponent * f
        G = self._to_exponent * g
        kind = self._cost.kind(self._to_exponent)
        return heavy_plan(pairs, (self._x, F), (self._y, G), kind)

    def count_heavy(self, f: Floats, g: Floats, rows: Indices, theta: float, most: int) -> float:
        """The number of heavy pairs of some rows; infinite if there are more than `most`."""
        part = self._at(rows)
        part._count(1)
        x = part._x
        y = part._y
        f = f[rows]
        if are_few(x, y, self._kind):
            count = count_of_few(x, f, y, g, self._kind, theta)
            return count if count <= most else np.inf
        found = self._backend.heavy_pairs(*x.weighted(f), *y.weighted(g), theta, most)
        return np.inf if found is None else len(found.columns)

    def count_pairs(self, number: float) -> None:
        """Count work on some pairs."""
        self._ledger.write(number)

    def are_trusted(self, log_rows: Floats, log_columns: Floats) -> bool:
        """Tell whether no sum can hide clipped pairs."""
        rows = self._is_trusted(log_rows)
        columns = self.T._is_trusted(log_columns)
        return bool(rows.all() and columns.all())

    def log_row_sums(self, f: Floats, g: Floats) -> Floats:
        """log sum_j b_j p_ij alone."""
        self._count(1)
        x = self._x.at(f)
        y = self._y.weighted(g)
        sums = self._backend.row_sums(*x, *y)
        return self._mend(log(sums), f, g)

    def softmin(self, g: Floats, rows: Indices | None = None) -> Floats:
        """T(g)_i = -eps log sum_j b_j exp((g_j - C_ij) / eps), in the log domain, at all rows or at
        some.

        The error is the rounding of the pairs' dtype in the largest cost across a tile.
        """
        if rows is not None:
            return self._at(rows).softmin(g)
        x = self._x
        y = self._y
        self._count(1)
        if are_few(x, y, self._kind):
            bits = softmin_of_few(x, y, self._kind, g)
            return self.eps / LOG2E * bits
        (cloud, exponents, weights) = y.weighted(g)
        G = exponents + LOG2E * log(weights)
        log_sums = self._backend.log_sum_exp(*x.at(0.0), cloud, G)
        return -self.eps / LOG2E * log_sums

    def transport(self, f: Floats, g: Floats, V: Floats) -> Floats:
        """sum_j p_ij b_j V_j for the rows V_j of an (m, k) array; small weights are as exact as
        large ones.
        """
        return self.product(f, self._weighted(g), V)

    def _weighted(self, g: Floats) -> Floats:
        """g with the weights: eps log of b_j exp(g_j / eps)."""
        return g + self.eps * log(self._y.weights)

    def product(
        self,
        f: Floats,
        g: Floats,
        V: Floats,
        factors: Pair | None = None,
        derivative: int | None = None,
    ) -> Floats:
        """sum_j p_ij V_j; for factors A (n, r) and B (m, r), sum_j p_ij <A_i, B_j> V_j.

        Unless `derivative` is None, p_ij is multiplied by the cost in units of eps / log2(e) or,
        for 1, by its slope. These, and factors (n,) and (m,) for the sign of A_i - B_j, are for
        other costs than |x - y|^2 / 2.
        """
        self._count(1)
        x = self._x.at(f)
        y = self._y.at(g)
        return self._backend.transport(*x, *y, V, factors, derivative)

    def costs(self, f: Floats, g: Floats) -> Floats:
        """(n,) sum_j b_j p_ij C_ij, from the costs of the pairs."""
        ones = np.ones((len(g), 1))
        sums = self.product(f, self._weighted(g), ones, derivative=0)[:, 0]
        return np.nan_to_num(sums) / self._to_exponent

    def _at_eps(self, eps: float) -> Self:
        """The kernel of the same clouds at another temperature."""
        other = copy(self)
        other.eps = eps
        other._to_exponent = LOG2E / eps
        other._x = self._x.at_eps(eps)
        are_the_same = self._y is self._x
        other._y = other._x if are_the_same else self._y.at_eps(eps)
        return other

    def _at(self, rows: Indices) -> Self:
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
            softmin = self.softmin(g, doubtful)
            log_sums[doubtful] = (f[doubtful] - softmin) / self.eps
        return log_sums

    def _mend_columns(self, log_sums: Floats, f: Floats, g: Floats) -> Floats:
        return self.T._mend(log_sums, g, f)
