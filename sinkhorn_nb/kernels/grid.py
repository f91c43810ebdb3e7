"""The Gibbs kernel between two grids, whose sums go along one axis after another and never see a
pair of pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..backends.base import ClusterSums
from ..backends.cpu.grid_lines import NOTHING
from ..backends.cpu.grids import logarithm
from ..backends.pointwise import LOG2E
from ..common.array_types import Floats, Indices, Pair
from ..costs import SQUARED_EUCLIDEAN, CityBlock, Cost
from ..measures.lattice import Lattice
from ..measures.pixels import GridOrder
from .grid_distances import DistanceSums
from .grid_sums import CityBlockSums, GridSums, SquaredSums

if TYPE_CHECKING:
    from typing_extensions import Self

Sums = Callable[[Lattice, Lattice, float], GridSums]

# In diagonals, for |x - y|: its potentials are 1-Lipschitz, so that sums may differ by
# exp(1 / blur). Below, Fourier transforms round too many of them away.
LEAST_BLUR = 0.03


class GridKernel:
    """p_ij = exp((f_i + g_j - C_ij) / eps) between the pixels of two grids with the same spacing.

    A sweep makes the sums of one side in the log domain; two sweeps count as one pass. All arrays
    are in the order of the pixels, the last axis fastest.

    Parameters
    ----------
    x, y : GridOrder
        Pixels; the same object twice makes the kernel symmetric.
    eps : float
    cost : Cost, default |x - y|^2 / 2
        One for which `has_grid_kernel`.
    backend : {"auto", "cpu", "cuda"}
        For |x - y|^2 / 2 alone.
    """

    dtype = "float64"

    def __init__(
        self,
        x: GridOrder,
        y: GridOrder,
        eps: float,
        cost: Cost = SQUARED_EUCLIDEAN,
        backend: str = "auto",
    ) -> None:
        self.eps = eps
        self.is_symmetric = x is y
        self._to_exponent = LOG2E / eps
        self._x = x
        self._y = y
        self._log_b = logarithm(y.probabilities)
        self._log_a = self._log_b
        kind = _kind(cost, len(x.lattice.shape), backend)
        self._sums: GridSums = kind(x.lattice, y.lattice, eps)
        self._back: GridSums = self._sums
        if not self.is_symmetric:
            self._log_a = logarithm(x.probabilities)
            self._back = kind(y.lattice, x.lattice, eps)

    @property
    def T(self) -> Self:
        """The transposed kernel; the passes of both are counted together."""
        transposed = copy(self)
        transposed._x = self._y
        transposed._y = self._x
        transposed._log_a = self._log_b
        transposed._log_b = self._log_a
        transposed._sums = self._back
        transposed._back = self._sums
        return transposed

    @property
    def n_passes(self) -> float:
        """Number of passes so far; a sweep is half a pass."""
        sweeps_of = {
            id(self._sums): self._sums.n_sweeps,
            id(self._back): self._back.n_sweeps,
        }
        return sum(sweeps_of.values()) / 2

    def softmin(self, g: Floats) -> Floats:
        """T(g)_i = -eps log sum_j b_j exp((g_j - C_ij) / eps)."""
        log_sum = self._sums.log_sum(self._weighted(g))
        return -log_sum / self._to_exponent

    def log_sums(self, f: Floats, g: Floats) -> Pair:
        """log sum_j b_j p_ij and log sum_i a_i p_ij, from a sweep each."""
        log_rows = self.log_row_sums(f, g)
        if self.is_symmetric and f is g:
            return log_rows, log_rows
        return log_rows, self.T.log_row_sums(g, f)

    def log_row_sums(self, f: Floats, g: Floats) -> Floats:
        """log sum_j b_j p_ij alone."""
        return (f - self.softmin(g)) / self.eps

    def cluster_sums(
        self, f: Floats, g: Floats, bounds: Indices
    ) -> tuple[Floats, Floats, ClusterSums | None]:
        """The sums of `log_sums`; those by cluster are not known."""
        return *self.log_sums(f, g), None

    def transport(self, f: Floats, g: Floats, V: Floats) -> Floats:
        """sum_j p_ij b_j V_j for the rows V_j of an (m, k) array; a sweep for each column, and two
        if it has both signs.
        """
        return self._signed_sums(f, self._weighted(g), V)

    def product(self, f: Floats, g: Floats, V: Floats, factors: Pair | None = None) -> Floats:
        """sum_j p_ij V_j; for factors A (n, r) and B (m, r), sum_j p_ij <A_i, B_j> V_j."""
        L = self._to_exponent * g
        if factors is None:
            return self._signed_sums(f, L, V)
        (A, B) = factors
        parts = []
        for of_rows, of_columns in zip(A.T, B.T, strict=True):
            sums = self._signed_sums(f, L, of_columns[:, None] * V)
            parts.append(of_rows[:, None] * sums)
        return np.sum(parts, axis=0)

    def slope_product(self, f: Floats, g: Floats, V: Floats, factors: Pair | None = None) -> Floats:
        """The same as `product`: the derivative of |x - y|^2 / 2 in x is x - y."""
        return self.product(f, g, V, factors)

    def barycenters(self, f: Floats, g: Floats) -> Floats:
        """(n, d) means of the y_j with weights b_j p_ij for each i, for any f; d + 1 sweeps."""
        L = self._weighted(g)
        lattice = self._y.lattice
        log_mass = self._sums.log_sum(L)
        means = []
        for k, size in enumerate(lattice.shape):
            # In pixels from the one before the first, so that logarithms exist
            places = np.arange(1, size + 1)
            moment = lattice.shaped(L) + lattice.along(k, np.log2(places))
            log_sum = self._sums.log_sum(moment.ravel())
            pixels = np.exp2(log_sum - log_mass) - 1
            means.append(lattice.origin[k] + lattice.spacing[k] * pixels)
        return np.stack(means, axis=1)

    def mean_gradients(self, f: Floats, g: Floats) -> Floats:
        """(n, d) means of the cost's derivatives in x_i under the weights of `barycenters`."""
        return self._sums.mean_gradients(self._weighted(g))

    def gradient_sums(self, f: Floats, g: Floats) -> Floats:
        """(n, d) sums of b_j p_ij times the derivatives of the cost in x_i."""
        sums = np.exp(self.log_row_sums(f, g))
        return sums[:, None] * self.mean_gradients(f, g)

    def costs(self, f: Floats, g: Floats) -> Floats:
        """(n,) sum_j b_j p_ij C_ij."""
        sums = np.exp(self.log_row_sums(f, g))
        return sums * self._sums.mean_costs(self._weighted(g))

    def mean_cost(self, a: Floats, b: Floats, largest: float) -> float:
        """sum_ij a_i b_j C_ij / sum b for weights a and b of the same sum."""
        return self._sums.pair_cost(a, b)

    def _weighted(self, g: Floats) -> Floats:
        """Logarithms, base 2, of b_j exp(g_j / eps)."""
        return self._log_b + self._to_exponent * g

    def _signed_sums(self, f: Floats, L: Floats, V: Floats) -> Floats:
        F = self._to_exponent * f
        L = np.maximum(L, NOTHING)
        n_columns = V.shape[1]
        sums = np.zeros((len(f), n_columns))
        for k, column in enumerate(V.T):
            for sign in (1, -1):
                part = np.maximum(sign * column, 0.0)
                if not part.any():
                    continue
                log_sum = self._sums.log_sum(L + logarithm(part))
                sums[:, k] += sign * np.exp2(F + log_sum)
        return sums


def has_grid_kernel(cost: Cost, d: int, blur: float, diagonal: float) -> bool:
    """Tell whether sums for a cost may be made on a grid with this diagonal."""
    if _kind(cost, d) is DistanceSums:
        return cost.exponent == 1 and blur >= LEAST_BLUR * diagonal
    return True


def _kind(cost: Cost, d: int, backend: str = "auto") -> Sums:
    """The sums for a cost; on a line the distance is the city-block distance."""
    if cost == SQUARED_EUCLIDEAN:
        return partial(SquaredSums, backend=backend)
    if isinstance(cost, CityBlock) or (d, cost.exponent) == (1, 1):
        return CityBlockSums
    return DistanceSums
