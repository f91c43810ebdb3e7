"""A backend for GPUs that `backend="auto"` has chosen: if the GPU fails during a solve, the CPU
continues.
"""

import warnings
from contextlib import nullcontext

import numpy as np


class FallbackCloud:
    """Points on the host, and on the current backend."""

    def __init__(self, *arrays):
        self.n = arrays[0].shape[0]
        self.dtype = arrays[0].dtype
        self._arrays = arrays
        self._backend = None
        self._loaded = None

    def on(self, backend):
        """The cloud on a backend."""
        if self._backend is not backend:
            self._loaded = None  # frees the memory of the backend that failed
            self._loaded = backend.load(*self._arrays)
            self._backend = backend
        return self._loaded


class FallbackClusterSums:
    """Cluster sums of the current backend. If it fails, the other backend computes them again."""

    def __init__(self, sums, again):
        self._sums = sums
        self._again = again
        self.dtype = sums.dtype

    def columns(self):
        return self._ask(lambda sums: sums.columns())

    def totals(self, scales):
        return self._ask(lambda sums: sums.totals(scales))

    def shares(self, weights):
        return self._ask(lambda sums: sums.shares(weights))

    def grouped(self, weights, size):
        return self._ask(lambda sums: sums.grouped(weights, size))

    def __array__(self, dtype=None, copy=None):
        sums = self._ask(np.asarray)
        return sums.astype(dtype or self.dtype, copy=bool(copy))

    def _ask(self, question):
        try:
            return question(self._sums)
        except Exception as error:
            self._sums = self._again(error)
            return question(self._sums)


class FallbackBackend:
    """A `Backend` that uses the backend that `make` returns until it fails, and then the other
    one.
    """

    on_device = nullcontext

    def __init__(self, make, other):
        self._other = other
        try:
            self._backend = make()
        except Exception as error:
            self._give_up(error)
        self.points_a_tile = min(self._backend.points_a_tile, other.points_a_tile)

    def load(self, offsets, centres, bounds, cost=None):
        return FallbackCloud(offsets, centres, bounds, cost)

    def sums(self, x, F, a, y, G, b):
        return self._ask("sums", x, F, a, y, G, b)

    def cluster_sums(self, x, F, a, y, G, b, bounds):
        arguments = x, F, a, y, G, b, bounds

        def again(error):
            self._give_up(error)
            _, sums = self._ask("cluster_sums", *arguments)
            return sums

        rows, sums = self._ask("cluster_sums", *arguments)
        return rows, FallbackClusterSums(sums, again)

    def self_sums(self, x, F, a):
        return self._ask("self_sums", x, F, a)

    def row_sums(self, x, F, y, G, b):
        return self._ask("row_sums", x, F, y, G, b)

    def heavy_pairs(self, x, F, a, y, G, b, theta, most):
        return self._ask("heavy_pairs", x, F, a, y, G, b, theta, most)

    def log_sum_exp(self, x, F, y, G):
        return self._ask("log_sum_exp", x, F, y, G)

    def transport(self, x, F, y, G, V, factors, derivative=None):
        return self._ask("transport", x, F, y, G, V, factors, derivative)

    def slope_sums(self, x, F, y, G, V):
        return self._ask("slope_sums", x, F, y, G, V)

    def _ask(self, method, *arguments):
        """Call a method of the current backend, and of the other one if it fails."""
        try:
            return _call(self._backend, method, arguments)
        except Exception as error:  # any error of a driver
            self._give_up(error)
        return _call(self._backend, method, arguments)

    def _give_up(self, error):
        """Continue with the other backend; its errors are raised."""
        if getattr(self, "_backend", None) is self._other:
            raise error
        self._backend = self._other
        warnings.warn(
            f"backend: the GPU failed ({type(error).__name__}: {error}), and the CPU goes on; "
            'backend="cpu" leaves the GPU alone',
            RuntimeWarning,
            stacklevel=2,
        )


def _call(backend, method, arguments):
    """Call a method with the clouds among its arguments on the backend."""
    placed = [
        argument.on(backend) if isinstance(argument, FallbackCloud) else argument
        for argument in arguments
    ]
    return getattr(backend, method)(*placed)
