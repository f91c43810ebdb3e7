"""The sums over clusters of rows, C_kj, in an array on the host."""

import numpy as np


class HostClusterSums:
    """A (K, m) array with the methods of `ClusterSums`."""

    def __init__(self, sums):
        self._sums = sums
        self.dtype = sums.dtype

    def columns(self):
        return self._sums.sum(axis=0, dtype=np.float64)

    def totals(self, scales):
        with _silent_blas():
            totals = scales.astype(self.dtype) @ self._sums
        return totals.astype(np.float64)

    def shares(self, weights):
        with _silent_blas():
            return self._sums @ weights.astype(self.dtype)

    def grouped(self, weights, size):
        n_clusters = len(self._sums)
        whole = len(weights) // size * size
        sums = self._sums[:, :whole].reshape(n_clusters, -1, size)
        weights = weights[:whole].astype(self.dtype)
        return np.einsum("kgs,gs->kg", sums, weights.reshape(-1, size))

    def __array__(self, dtype=None, copy=None):
        return np.array(self._sums, dtype=dtype, copy=copy is not False)


def _silent_blas():
    """Ignore the floating-point flags of BLAS, whose vector kernels also compute on unused lanes,
    at times with NaN.
    """
    return np.errstate(invalid="ignore", over="ignore", divide="ignore")
