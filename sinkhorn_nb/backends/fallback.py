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
        self._arrays, self._backend, self._loaded = arrays, None, None

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
        return self._ask(np.asarray).astype(dtype or self.dtype, copy=bool(copy))

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
        return self._ask(lambda here: here.sums(x.on(here), F, a, y.on(here), G, b))

    def cluster_sums(self, x, F, a, y, G, b, bounds):
        def question(here):
            return here.cluster_sums(x.on(here), F, a, y.on(here), G, b, bounds)

        def again(error):
            self._give_up(error)
            return self._ask(question)[1]

        rows, sums = self._ask(question)
        return rows, FallbackClusterSums(sums, again)

    def self_sums(self, x, F, a):
        return self._ask(lambda here: here.self_sums(x.on(here), F, a))

    def row_sums(self, x, F, y, G, b):
        return self._ask(lambda here: here.row_sums(x.on(here), F, y.on(here), G, b))

    def heavy_pairs(self, x, F, a, y, G, b, theta, most):
        return self._ask(
            lambda here: here.heavy_pairs(x.on(here), F, a, y.on(here), G, b, theta, most)
        )

    def log_sum_exp(self, x, F, y, G):
        return self._ask(lambda here: here.log_sum_exp(x.on(here), F, y.on(here), G))

    def transport(self, x, F, y, G, V, factors, derivative=None):
        return self._ask(
            lambda here: here.transport(x.on(here), F, y.on(here), G, V, factors, derivative)
        )

    def slope_sums(self, x, F, y, G, V):
        return self._ask(lambda here: here.slope_sums(x.on(here), F, y.on(here), G, V))

    def _ask(self, question):
        try:
            return question(self._backend)
        except Exception as error:  # any error of a driver
            self._give_up(error)
        return question(self._backend)

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
