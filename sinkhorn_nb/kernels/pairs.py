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
from ..common.array_types import Booleans, Floats, Indices
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
        self.eps, self._cost = eps, cost
        self._to_exponent = LOG2E / eps
        self._kind = cost.kind(self._to_exponent)[1]
        self.dtype = dtype = "float64" if cost.has_long_pairs else dtype
        self.is_symmetric = x is y
        self._ledger = Ledger()
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
        settings = PairSettings(self._cost, self.eps, self.dtype, self._backend)
        return Side(places, points, partition.probabilities, bounds, settings)

    @property
    def T(self) -> Self:
        """The transposed kernel; the passes of both are counted together."""
        transposed = copy(self)
        transposed._x, transposed._y = self._y, self._x
        return transposed

    @property
    def n_passes(self) -> float:
        """Number of passes so far, by their share of the pairs."""
        return self._ledger.pairs / self._n_pairs

    def _count(self, passes: float) -> None:
        self._ledger.write(passes * len(self._x.points) * len(self._y.points))

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
        x, y = self._x, self._y
        pairs = self._backend.heavy_pairs(
            x.cloud, x.exponents(f), x.weights, y.cloud, y.exponents(g), y.weights, theta, most
        )
        if pairs is None:
            return None
        self.count_pairs(len(pairs.columns))
        F, G = self._to_exponent * f, self._to_exponent * g
        return heavy_plan(pairs, (x, F), (y, G), self._cost.kind(self._to_exponent))

    def count_heavy(self, f: Floats, g: Floats, rows: Indices, theta: float, most: int) -> float:
        """The number of heavy pairs of some rows; infinite if there are more than `most`."""
        part = self._at(rows)
        part._count(1)
        x, y = part._x, part._y
        if are_few(x, y, self._kind):
            count = count_of_few(x, f[rows], y, g, self._kind, theta)
            return count if count <= most else np.inf
        F, G = x.exponents(f[rows]), y.exponents(g)
        found = self._backend.heavy_pairs(x.cloud, F, x.weights, y.cloud, G, y.weights, theta, most)
        return np.inf if found is None else len(found.columns)

    def count_pairs(self, number: float) -> None:
        """Count work on some pairs."""
        self._ledger.write(number)

    def are_trusted(self, log_rows: Floats, log_columns: Floats) -> bool:
        """Tell whether no sum can hide clipped pairs."""
        are_trusted = self._is_trusted(log_rows), self.T._is_trusted(log_columns)
        return bool(are_trusted[0].all() and are_trusted[1].all())

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
        if are_few(x, y, self._kind):
            return self.eps / LOG2E * softmin_of_few(x, y, self._kind, g)
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

    def costs(self, f: Floats, g: Floats) -> Floats:
        """(n,) sum_j b_j p_ij C_ij, from the costs of the pairs."""
        weighted = g + self.eps * log(self._y.weights)
        ones = np.ones((len(g), 1))
        sums = self.product(f, weighted, ones, derivative=0)[:, 0]
        return np.nan_to_num(sums) / self._to_exponent

    def _at_eps(self, eps: float) -> Self:
        """The kernel of the same clouds at another temperature."""
        other = copy(self)
        other.eps = eps
        other._to_exponent = LOG2E / eps
        other._x = self._x.at_eps(eps)
        other._y = other._x if self._y is self._x else self._y.at_eps(eps)
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
            log_sums[doubtful] = (f[doubtful] - self.softmin(g, doubtful)) / self.eps
        return log_sums

    def _mend_columns(self, log_sums: Floats, f: Floats, g: Floats) -> Floats:
        return self.T._mend(log_sums, g, f)
