"""The methods of a kernel, with points or without, on which the loop, the results and the gradients
rely.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..backends.base import ClusterSums
from ..common.array_types import Floats, Indices, Pair

if TYPE_CHECKING:
    from typing_extensions import Self


class Kernel(Protocol):
    """p_ij = exp((f_i + g_j - C_ij) / eps) for any potentials f and g between probabilities a and
    b; each method is one pass over the pairs.

    All arrays are in the order of the partitions of both measures, which a kernel may read in
    another order.
    """

    eps: float
    dtype: str

    @property
    def T(self) -> Self:
        """The transposed kernel; the passes of both are counted together."""

    @property
    def n_passes(self) -> float:
        """Number of passes so far, by their share of the pairs."""

    def log_sums(self, f: Floats, g: Floats) -> Pair:
        """log sum_j b_j p_ij and log sum_i a_i p_ij, for potentials of any size.

        If the kernel is symmetric and f is g, both are the same array.
        """

    def log_row_sums(self, f: Floats, g: Floats) -> Floats:
        """log sum_j b_j p_ij alone."""

    def cluster_sums(
        self, f: Floats, g: Floats, bounds: Indices
    ) -> tuple[Floats, Floats, ClusterSums | None]:
        """The sums of `log_sums`, and the sums of a_i p_ij over bounds[k] <= i < bounds[k + 1].

        The latter are None if they are not known, as for a kernel that never sees a pair; then
        two-level steps are plain steps.
        """

    def softmin(self, g: Floats) -> Floats:
        """T(g)_i = -eps log sum_j b_j exp((g_j - C_ij) / eps)."""

    def transport(self, f: Floats, g: Floats, V: Floats) -> Floats:
        """sum_j p_ij b_j V_j for the rows V_j of an (m, k) array."""

    def product(self, f: Floats, g: Floats, V: Floats, factors: Pair | None = None) -> Floats:
        """sum_j p_ij V_j; for factors A (n, r) and B (m, r), sum_j p_ij <A_i, B_j> V_j."""

    def costs(self, f: Floats, g: Floats) -> Floats:
        """(n,) sum_j b_j p_ij C_ij."""

    def mean_cost(self, a: Floats, b: Floats, largest: float) -> float:
        """sum_ij a_i b_j C_ij / sum b, or slightly more, for weights a and b of the same sum and
        costs that are at most the largest.
        """


class PointKernel(Kernel, Protocol):
    """A kernel between points, which have means and derivatives."""

    def barycenters(self, f: Floats, g: Floats) -> Floats:
        """(n, d) means of the y_j with weights b_j p_ij for each i. Rows are normalized, so any f_i
        gives the same.
        """

    def mean_gradients(self, f: Floats, g: Floats) -> Floats:
        """(n, d) means of the cost's derivatives in x_i under the weights of `barycenters`."""

    def gradient_sums(self, f: Floats, g: Floats) -> Floats:
        """(n, d) sums of b_j p_ij times the derivatives of the cost in x_i."""

    def slope_product(self, f: Floats, g: Floats, V: Floats, factors: Pair | None = None) -> Floats:
        """`product` with p_ij times s_ij, where s_ij (x_i - y_j) is the derivative of the cost in
        x_i.
        """
