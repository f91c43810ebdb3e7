"""The one operator of the library: the Gibbs kernel exp(-C / eps) between two clouds, never formed."""

import numpy as np

from .backends.base import Backend
from .backends.cpu import CpuBackend

LOG2E = float(np.log2(np.e))

# Sums further from 1 than this may hide clipped exponents: they are redone as log-sum-exp.
TRUSTED = {"float32": 2.0**40, "float64": 2.0**300}


class GibbsKernel:
    """p_ij = exp((f_i + g_j - |x_i - y_j|^2 / 2) / eps) for any potentials, one pass over the pairs a question.

    Parameters
    ----------
    x, y : (n, d) and (m, d) arrays
        Points; the same object twice makes the kernel symmetric, and its sums cost half a pass.
    a, b : (n,) and (m,) arrays
        Probabilities.
    eps : float
    centre : (d,) array
        Subtracted from all points.
    dtype : {"float32", "float64"}
        Of the pairs; potentials and sums are float64.
    """

    def __init__(self, x, y, a, b, eps, centre, dtype, backend: Backend | None = None):
        self.a, self.b, self.eps, self.dtype = a, b, eps, dtype
        self.is_symmetric = x is y
        self.n_passes = 0.0
        self._points = (x, y)
        self._centre = centre
        self._backend = backend or CpuBackend()
        self._x = _Side(x, centre, eps, dtype, self._backend)
        self._y = self._x if self.is_symmetric else _Side(y, centre, eps, dtype, self._backend)

    @classmethod
    def of(cls, problem, dtype, eps=None):
        """The kernel of a problem, at its own temperature unless another is given."""
        source, target = problem.source, problem.source if problem.is_self else problem.target
        return cls(
            source.points, target.points, source.probabilities, target.probabilities,
            eps or problem.eps, problem.centre, dtype,
        )  # fmt: skip

    @property
    def T(self):
        """The kernel seen from y."""
        x, y = self._points
        return GibbsKernel(y, x, self.b, self.a, self.eps, self._centre, self.dtype, self._backend)

    def log_sums(self, f, g):
        """log sum_j b_j p_ij and log sum_i a_i p_ij: T(g) = f - eps * the first, T(f) = g - eps * the second.

        Both come from one exponential a pair. Where a sum leaves the trusted range, it is
        recomputed by log-sum-exp.
        """
        F, G = self._x.exponents(f), self._y.exponents(g)
        with np.errstate(divide="ignore"):
            if self.is_symmetric and f is g:
                self.n_passes += 0.5
                log_rows = np.log(self._backend.self_sums(self._x.cloud, F, self.a))
                log_rows = self._mend(log_rows, f, g)
                return log_rows, log_rows
            self.n_passes += 1
            rows, columns = self._backend.sums(self._x.cloud, F, self.a, self._y.cloud, G, self.b)
            log_rows, log_columns = np.log(rows), np.log(columns)
        return self._mend(log_rows, f, g), self._mend(log_columns, g, f, of_columns=True)

    def log_row_sums(self, f, g):
        """log sum_j b_j p_ij alone."""
        self.n_passes += 1
        with np.errstate(divide="ignore"):
            log_rows = np.log(
                self._backend.row_sums(self._x.cloud, self._x.exponents(f), self._y.cloud, self._y.exponents(g), self.b)
            )
        return self._mend(log_rows, f, g)

    def _mend(self, log_sums, f, g, of_columns=False):
        doubtful = np.flatnonzero(~(np.abs(log_sums) <= np.log(TRUSTED[self.dtype])))
        if len(doubtful):
            kernel = self.T if of_columns else self
            log_sums[doubtful] = (f[doubtful] - kernel.softmin(g, doubtful)) / self.eps
            self.n_passes += len(doubtful) / len(log_sums)
        return log_sums

    def softmin(self, g, rows=slice(None)):
        """T(g)_i = -eps log sum_j b_j exp((g_j - C_ij) / eps), online; in float64 whatever the potentials."""
        x, y = self._points
        x_side = _Side(x[rows], self._centre, self.eps, "float64", self._backend)
        y_side = _Side(y, self._centre, self.eps, "float64", self._backend)
        with np.errstate(divide="ignore"):
            G = y_side.exponents(g) + np.log2(self.b)
        log2_sums = self._backend.log_sum_exp(x_side.cloud, y_side.cloud, G)
        return self.eps / LOG2E * (x_side.half_squares - log2_sums)

    def transport(self, f, g, V):
        """sum_j p_ij b_j V_j for the rows V_j of an (m, k) array."""
        self.n_passes += 1
        return self._backend.transport(
            self._x.cloud, self._x.exponents(f), self._y.cloud, self._y.exponents(g), self.b[:, None] * V
        )

    def barycenters(self, f, g):
        """(n, d) means of the y_j with weights b_j p_ij, for each i; every row normalised."""
        centred = self._points[1] - self._centre
        sums = self.transport(f, g, np.column_stack([np.ones(len(centred)), centred]))
        return self._centre + sums[:, 1:] / sums[:, :1]


class _Side:
    """One cloud, scaled so that exponents of 2 are F_i + G_j + <x_i, y_j>."""

    def __init__(self, points, centre, eps, dtype, backend):
        scaled = ((points - centre) * np.sqrt(LOG2E / eps)).astype(dtype)
        # Squares of the rounded points: the exponents are then those of exact costs between them.
        self.half_squares = np.einsum("ik,ik->i", scaled, scaled, dtype=np.float64) / 2
        self.cloud = backend.load(scaled, dtype)
        self._to_exponent = LOG2E / eps

    def exponents(self, potential):
        return self._to_exponent * potential - self.half_squares
