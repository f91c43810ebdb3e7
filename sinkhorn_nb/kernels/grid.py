"""The Gibbs kernel between two grids, whose sums go along one axis after another and never see a
pair of pixels.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from ..backends.base import ClusterSums
from ..backends.cpu.grid_lines import NOTHING
from ..backends.cpu.grids import Axis, Sweeps, logarithm
from ..backends.pointwise import LOG2E
from ..common.array_types import Floats, Indices
from ..measures.pixels import GridOrder

if TYPE_CHECKING:
    from typing_extensions import Self


class GridKernel:
    """p_ij = exp((f_i + g_j - |x_i - y_j|^2 / 2) / eps) between the pixels of two grids with the
    same spacing.

    A sweep makes the sums of one side in the log domain, exactly, at any blur; two sweeps count as
    one pass. All arrays are in the order of the pixels, the last axis fastest.

    Parameters
    ----------
    x, y : GridOrder
        Pixels; the same object twice makes the kernel symmetric.
    eps : float
    """

    dtype = "float64"

    def __init__(self, x: GridOrder, y: GridOrder, eps: float) -> None:
        self.eps = eps
        self.is_symmetric = x is y
        self._to_exponent = LOG2E / eps
        self._counted = [0.0]
        self._n_pairs = len(x) * len(y)
        self._x, self._y = x, y
        self._log_b = logarithm(y.probabilities)
        self._log_a = self._log_b if self.is_symmetric else logarithm(x.probabilities)
        self._sweep = _sweeps(x, y, eps)
        self._back = self._sweep if self.is_symmetric else _sweeps(y, x, eps)

    @property
    def T(self) -> Self:
        """The transposed kernel; the passes of both are counted together."""
        transposed = copy(self)
        transposed._x, transposed._y = self._y, self._x
        transposed._log_a, transposed._log_b = self._log_b, self._log_a
        transposed._sweep, transposed._back = self._back, self._sweep
        return transposed

    @property
    def n_passes(self) -> float:
        """Number of passes so far; a sweep is half a pass."""
        return self._counted[0]

    def softmin(self, g: Floats) -> Floats:
        """T(g)_i = -eps log sum_j b_j exp((g_j - C_ij) / eps)."""
        return -self._log_sum(self._weighted(g)) / self._to_exponent

    def log_sums(self, f: Floats, g: Floats) -> tuple[Floats, Floats]:
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
        return self._sums(f, self._weighted(g), V)

    def product(
        self, f: Floats, g: Floats, V: Floats, factors: tuple[Floats, Floats] | None = None
    ) -> Floats:
        """sum_j p_ij V_j; for factors A (n, r) and B (m, r), sum_j p_ij <A_i, B_j> V_j."""
        L = self._to_exponent * g
        if factors is None:
            return self._sums(f, L, V)
        pairs = zip(factors[0].T, factors[1].T, strict=True)
        return sum((A[:, None] * self._sums(f, L, B[:, None] * V) for A, B in pairs), np.float64(0))

    def slope_product(
        self, f: Floats, g: Floats, V: Floats, factors: tuple[Floats, Floats] | None = None
    ) -> Floats:
        """The same as `product`: the derivative of |x - y|^2 / 2 in x is x - y."""
        return self.product(f, g, V, factors)

    def barycenters(self, f: Floats, g: Floats) -> Floats:
        """(n, d) means of the y_j with weights b_j p_ij for each i, for any f; d + 1 sweeps."""
        L = self._weighted(g)
        log_mass = self._log_sum(L)
        lattice = self._y.lattice
        means = [self._moment(L, k, 1) for k in range(len(lattice.shape))]
        origin = np.array(lattice.origin) - lattice.spacing
        return origin + np.array(lattice.spacing) * np.exp2(np.stack(means, 1) - log_mass[:, None])

    def mean_gradients(self, f: Floats, g: Floats) -> Floats:
        """(n, d) means of the cost's derivatives in x_i under the weights of `barycenters`."""
        return self._x.points - self.barycenters(f, g)

    def gradient_sums(self, f: Floats, g: Floats) -> Floats:
        """(n, d) sums of b_j p_ij times the derivatives of the cost in x_i."""
        sums = np.exp(self.log_row_sums(f, g))
        return sums[:, None] * self.mean_gradients(f, g)

    def costs(self, f: Floats, g: Floats) -> Floats:
        """(n,) sum_j b_j p_ij C_ij, from 2 d + 1 sweeps."""
        L = self._weighted(g)
        log_mass = self._log_sum(L)
        costs = np.zeros(len(f))
        for k, h in enumerate(self._y.lattice.spacing):
            # In pixels from the one before the first pixel of y
            place = (self._x.points[:, k] - self._y.lattice.origin[k]) / h + 1
            mean = np.exp2(self._moment(L, k, 1) - log_mass)
            square = np.exp2(self._moment(L, k, 2) - log_mass)
            costs += h * h * (place * place / 2 - place * mean + square / 2)
        return costs * np.exp2(self._to_exponent * f + log_mass)

    def mean_cost(self, a: Floats, b: Floats, largest: float) -> float:
        """sum_ij a_i b_j C_ij / sum b for weights a and b of the same sum."""
        center = self._y.points.mean(axis=0)
        x, y = self._x.points - center, self._y.points - center
        squares = a @ (x**2).sum(axis=1) + b @ (y**2).sum(axis=1)
        return float(squares / 2 - (a @ x) @ (b @ y) / a.sum())

    def _weighted(self, g: Floats) -> Floats:
        """Logarithms, base 2, of b_j exp(g_j / eps)."""
        return self._log_b + self._to_exponent * g

    def _log_sum(self, L: Floats) -> Floats:
        self._counted[0] += 0.5 * len(self._x) * len(self._y) / self._n_pairs
        return self._sweep(L.reshape(self._y.lattice.shape)).ravel()

    def _sums(self, f: Floats, L: Floats, V: Floats) -> Floats:
        F = self._to_exponent * f
        L = np.maximum(L, NOTHING)
        sums = np.zeros((len(f), V.shape[1]))
        for k, column in enumerate(V.T):
            for sign in (1, -1):
                part = np.maximum(sign * column, 0.0)
                if part.any():
                    log_sum = self._log_sum(L + logarithm(part))
                    sums[:, k] += sign * np.exp2(F + log_sum)
        return sums

    def _moment(self, L: Floats, k: int, power: int) -> Floats:
        """Logarithms of the sums with the coordinate along an axis, in pixels from 1 on, to a
        power.
        """
        lattice = self._y.lattice
        places = lattice.along(k, power * np.log2(np.arange(1, lattice.shape[k] + 1)))
        return self._log_sum((lattice.shaped(L) + places).ravel())


def _sweeps(x: GridOrder, y: GridOrder, eps: float) -> Sweeps:
    """The sums over the pixels y at the pixels x."""
    of, at = y.lattice, x.lattice
    offsets = (np.array(at.origin) - of.origin) / of.spacing
    axes = zip(of.shape, at.shape, of.spacing, offsets.tolist(), strict=True)
    return Sweeps([Axis(*axis, eps) for axis in axes])
