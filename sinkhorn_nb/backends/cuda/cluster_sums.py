"""Sums over clusters stay on the device: at a million points and 128 clusters they are 512 MB."""

import numpy as np

from .device import Resident, cuda, starting, telling_shortage
from .kernels import SHARERS, share_kernel
from .passes import total


class CudaClusterSums(Resident):
    """A (K, m) array on the device with the methods of `ClusterSums`; all sums are float64."""

    def __init__(self, sums, number=0):
        super().__init__(number)
        self._sums = sums
        self.dtype = sums.dtype

    @telling_shortage
    def columns(self):
        return total(self._sums)

    @telling_shortage
    def totals(self, scales):
        return total(self._sums, scales)

    def shares(self, weights):
        return self.grouped(weights, len(weights))[:, 0]

    @telling_shortage
    def grouped(self, weights, size):
        n_clusters = self._sums.shape[0]
        n_groups = len(weights) // size
        out = cuda.device_array((n_clusters, n_groups), np.float64)
        weights = cuda.to_device(weights)
        blocks = n_groups, n_clusters
        with starting:
            share_kernel[blocks, SHARERS](self._sums, weights, size, out)
        return out.copy_to_host().astype(self.dtype)

    def __array__(self, dtype=None, copy=None):
        return self._sums.copy_to_host().astype(dtype or self.dtype, copy=False)
