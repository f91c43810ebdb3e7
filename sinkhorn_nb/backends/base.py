"""The protocols of backends: sums over all pairs (i, j) of two clouds.

Vectors come in and go out as NumPy float64 arrays; clouds stay with the backend. A cloud is cut
into tiles. Its points are given by the center of their tile and the offset from it, scaled so that
p_ij = 2^(F_i + G_j - |d|^2 / 2 + <d, y_j - x_i> + <x_i, y_j>), where x_i and y_j are the offsets
and d is the center of x_i's tile minus the center of y_j's tile. Only the last term is summed in
the pairs' dtype.

For another kind of cost all centers are the same, and p_ij = 2^(F_i + G_j - cost), with the cost of
`pointwise`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .heavy_pairs import HeavyPairs
    from .self_check import Work

Vector = NDArray[np.float64]
Bounds = NDArray[np.int64]
Cloud = Any


class ClusterSums(Protocol):
    """C_kj, the sums of a_i p_ij over the rows i of cluster k, kept where they were made."""

    dtype: np.dtype[Any]

    def columns(self) -> Vector:
        """(m,) sum_k C_kj, summed in float64."""

    def totals(self, scales: Vector) -> Vector:
        """(m,) sum_k scales_k C_kj."""

    def shares(self, weights: Vector) -> NDArray[Any]:
        """(K,) sum_j C_kj weights_j."""

    def grouped(self, weights: Vector, size: int) -> NDArray[Any]:
        """(K, m // size) sums of C_kj weights_j over groups of `size` consecutive columns, without
        the last few.
        """

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The (K, m) array on the host."""


class Backend(Protocol):
    """One set of kernels on one device, and all questions that every backend answers."""

    points_a_tile: int  # at most

    def on_device(self) -> AbstractContextManager[Any]:
        """A context for all other calls of a thread, including those on `ClusterSums`, if several
        devices are used.
        """

    def load(
        self,
        offsets: NDArray[Any],
        centres: NDArray[np.float64],
        bounds: Bounds,
        cost: Any = None,
    ) -> Cloud:
        """Place a cloud of (n, d) offsets, in the pairs' dtype, from the centers of the tiles
        between bounds; `cost` is None or a kind of `pointwise`, the same for both clouds of a pass.
        """

    def sums(
        self, x: Cloud, F: Vector, a: Vector, y: Cloud, G: Vector, b: Vector
    ) -> tuple[Vector, Vector]:
        """sum_j b_j p_ij and sum_i a_i p_ij, from one exponential per pair."""

    def cluster_sums(
        self, x: Cloud, F: Vector, a: Vector, y: Cloud, G: Vector, b: Vector, bounds: Bounds
    ) -> tuple[Vector, ClusterSums]:
        """sum_j b_j p_ij and the sums of a_i p_ij over the x_i between consecutive bounds, from 0
        to n.
        """

    def self_sums(self, x: Cloud, F: Vector, a: Vector) -> Vector:
        """sum_j a_j p_ij of a cloud with itself, from half of the pairs."""

    def row_sums(self, x: Cloud, F: Vector, y: Cloud, G: Vector, b: Vector) -> Vector:
        """sum_j b_j p_ij."""

    def heavy_pairs(
        self,
        x: Cloud,
        F: Vector,
        a: Vector,
        y: Cloud,
        G: Vector,
        b: Vector,
        theta: float,
        most: int,
    ) -> HeavyPairs | None:
        """The heavy pairs, a_i b_j p_ij > theta min(a_i, b_j), by rows, and the sums of `sums` over
        all others, as a `HeavyPairs`; None if there are more than `most` heavy pairs.
        """

    def log_sum_exp(self, x: Cloud, F: Vector, y: Cloud, G: Vector) -> Vector:
        """log2 sum_j p_ij, online, for exponents of any size."""

    def transport(
        self,
        x: Cloud,
        F: Vector,
        y: Cloud,
        G: Vector,
        V: NDArray[Any],
        factors: tuple[NDArray[Any], NDArray[Any]] | None,
        derivative: int | None = None,
    ) -> NDArray[np.float64]:
        """sum_j p_ij V_j for the rows V_j of an (m, k) array; sum_j p_ij <A_i, B_j> V_j for factors
        (A, B), and sum_j p_ij sign(A_i - B_j) V_j for vectors A and B.

        Unless `derivative` is None, p_ij is multiplied by the `scaled_cost` or, for 1, its `slope`.
        """


class PointBackend(Backend, Protocol):
    """A backend of costs between points."""

    def slope_sums(
        self, x: Cloud, F: Vector, y: Cloud, G: Vector, V: NDArray[Any]
    ) -> NDArray[np.float64]:
        """(n, 1 + k) sums of p_ij, and of p_ij times the slopes of the cost times V_j."""


class DeviceBackend(Backend, Protocol):
    """A backend on devices, whose memory is limited."""

    def has_room(self, work: Work) -> bool:
        """Tell whether all clouds and sums of some work fit into the free memory."""

    def require_room(self, work: Work) -> None:
        """Raise a MemoryError unless all clouds and sums fit."""
