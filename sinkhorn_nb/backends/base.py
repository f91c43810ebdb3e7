"""What a backend answers: passes over all pairs (i, j) of two clouds.

Points are scaled so that the exponent of a pair is F_i + G_j + <x_i, y_j> (see pointwise).
Vectors come in and go out as NumPy float64 arrays; clouds stay with the backend.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Cloud = Any


class Backend(Protocol):
    """One set of kernels on one device."""

    def load(self, points: NDArray[Any], dtype: str) -> Cloud:
        """Place (n, d) scaled points where the kernels want them; dtype is that of the pairs."""

    def sums(self, x: Cloud, F: Vector, a: Vector, y: Cloud, G: Vector, b: Vector) -> tuple[Vector, Vector]:
        """sum_j b_j p_ij and sum_i a_i p_ij, from one exponential a pair."""

    def self_sums(self, x: Cloud, F: Vector, a: Vector) -> Vector:
        """sum_j a_j p_ij of a cloud with itself, from half of the pairs."""

    def row_sums(self, x: Cloud, F: Vector, y: Cloud, G: Vector, b: Vector) -> Vector:
        """sum_j b_j p_ij."""

    def log_sum_exp(self, x: Cloud, y: Cloud, G: Vector) -> Vector:
        """log2 sum_j 2^(G_j + <x_i, y_j>), online, whatever the size of the exponents."""

    def transport(self, x: Cloud, F: Vector, y: Cloud, G: Vector, V: NDArray[Any]) -> NDArray[np.float64]:
        """sum_j p_ij V_j for the rows V_j of an (m, k) array."""
