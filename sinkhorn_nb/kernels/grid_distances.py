"""Sums over the pixels of a grid for the distance between pixels, which goes along no axis."""

from __future__ import annotations

from ..backends.cpu.grid_fourier import Convolutions
from ..common.array_types import Floats
from ..measures.lattice import Lattice
from .grid_sums import Counted, axes_between


class DistanceSums(Counted):
    """The sums for |x - y|, by Fourier transforms, and pair by pair where they are too rough."""

    def __init__(self, at: Lattice, of: Lattice, eps: float) -> None:
        super().__init__(at, of)
        axes = axes_between(at, of, eps)
        self._convolutions = Convolutions(axes, eps)
        self._d = len(of.shape)

    def log_sum(self, L: Floats) -> Floats:
        """(n,) logarithms of the sums, base 2; one sweep."""
        self.count_sweeps()
        log_sum: Floats = self._convolutions.log_sum(L)
        return log_sum

    def mean_gradients(self, L: Floats) -> Floats:
        """(n, d) means of (x_i - y_j) / |x_i - y_j|; d + 1 sweeps."""
        return self._means(L)[:, 1:]

    def mean_costs(self, L: Floats) -> Floats:
        """(n,) means of the cost; d + 1 sweeps."""
        return self._means(L)[:, 0]

    def pair_cost(self, a: Floats, b: Floats) -> float:
        """sum_ij a_i b_j C_ij / sum b."""
        total = self._convolutions.total_cost(a, b)
        return float(total / b.sum())

    def _means(self, L: Floats) -> Floats:
        self.count_sweeps(1 + self._d)
        means: Floats = self._convolutions.means(L)
        return means
