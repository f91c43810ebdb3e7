"""Divergences between the two sides of many labelings of one pooled cloud, as weight vectors of one
kernel.

The value of a labeling depends on this labeling and on the cloud alone, so that a permutation test
is exact also if the iterations end before they have converged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..backends.cpu.threads import run, single_threaded_blas
from ..common.array_types import Booleans, Floats
from .pooled_kernel import PooledKernel

CHUNK = 128  # labelings at a time
TOL = (
    1e-3  # marginal error at which a labeling is left alone; its value is right to about eps TOL^2
)
WORK = 2.0**34  # pairs of points times labelings times iterations, at most
LEAST, MOST = 6, 1000  # iterations
DAMPING = 2 / 3  # of self problems: their errors fall by a factor of at least 3 per iteration
LARGEST_LOG = {
    "float32": 70.0,
    "float64": 600.0,
}  # of scalings and sums, which must be representable


class Values(NamedTuple):
    """(B,) values of labelings, and whether each has converged."""

    value: Floats
    converged: Booleans


def sinkhorn_values(points: Floats, labels: Booleans, blur: float) -> Values:
    """S_eps between the two sides of each labeling: dual values, whose error is quadratic in the
    marginal error.

    Parameters
    ----------
    points : (N, d) float64 array
    labels : (B, N) bool array
        Rows with the same number of points on each side.
    blur : float
    """
    dtype = _dtype(points, labels, blur)
    kernel, eps = PooledKernel(points, blur**2, dtype), blur**2
    most = int(np.clip(WORK / (labels.shape[1] * labels.size), LEAST, MOST))
    values = Values(np.empty(len(labels)), np.empty(len(labels), dtype=bool))

    def task(first: int, last: int) -> None:
        sides = np.ascontiguousarray(labels[first:last].T)
        cross, cross_error = _until_converged(_Cross, kernel, sides, LARGEST_LOG[dtype], most)
        own, own_error = _until_converged(_Selves, kernel, sides, LARGEST_LOG[dtype], most)
        values.value[first:last] = eps * (cross - own / 2)
        values.converged[first:last] = np.maximum(cross_error, own_error) <= TOL

    with single_threaded_blas():
        run(
            task,
            [(first, min(first + CHUNK, len(labels))) for first in range(0, len(labels), CHUNK)],
        )
    return values


def _dtype(points: Floats, labels: Booleans, blur: float) -> str:
    """float32 where it saves much time; not at large blurs, where values are small differences of
    sums near 1.
    """
    spread = np.sqrt(2 * points.var(axis=0).sum())
    return "float64" if blur > spread or labels.shape[1] * labels.size < 2**28 else "float32"


class _Step(NamedTuple):
    """Dual values, marginal errors and the next potentials of each labeling."""

    dual: Floats
    error: Floats
    potentials: Floats


class _Cross:
    """Sinkhorn's iteration between the two sides; potentials of one side follow from those of the
    other.
    """

    def __init__(self, kernel: PooledKernel, sides: Booleans, limit: float) -> None:
        self._kernel, self._sides, self._limit = kernel, sides, limit
        self._a, self._b = sides / sides.sum(axis=0), ~sides / (~sides).sum(axis=0)

    def start(self) -> Floats:
        return np.zeros(self._sides.shape)

    def step(self, u: Floats) -> _Step:
        """Update v exactly, then u; the dual value is the one after both."""
        v = -self._log(self._kernel.product(self._a * np.exp(u)))
        v[self._sides] = 0.0
        log_rows = u + self._log(self._kernel.product(self._b * np.exp(v)))
        log_rows[~self._sides] = 0.0
        u_next = np.clip(u - log_rows, -self._limit, self._limit)
        dual = np.einsum("ij,ij->j", self._a, u_next) + np.einsum("ij,ij->j", self._b, v)
        return _Step(dual, np.einsum("ij,ij->j", self._a, np.abs(np.expm1(log_rows))), u_next)

    def _log(self, sums: Floats) -> Floats:
        return np.log(np.maximum(sums, np.exp(-self._limit)))


class _Selves:
    """Damped symmetric iterations of both self problems; each point has the potential of its own
    side.
    """

    def __init__(self, kernel: PooledKernel, sides: Booleans, limit: float) -> None:
        self._kernel, self._sides = kernel, sides
        self._p = sides / sides.sum(axis=0) + ~sides / (~sides).sum(axis=0)
        self._log_diagonal = kernel.log_diagonal[:, None] + np.log(self._p)

    def start(self) -> Floats:
        return -0.5 * np.logaddexp(0.0, self._log_diagonal)

    def step(self, f: Floats) -> _Step:
        """The sum of both dual values at f, and the next f."""
        weights, count = self._p * np.exp(f), self._sides.shape[1]
        both = np.concatenate(
            [np.where(self._sides, weights, 0.0), np.where(self._sides, 0.0, weights)], axis=1
        )
        sums = self._kernel.product(both)
        with np.errstate(divide="ignore"):
            logs = np.log(np.where(self._sides, sums[:, :count], sums[:, count:]))
        log_rows = f + np.logaddexp(logs, self._log_diagonal + f)
        excess = np.einsum("ij,ij->j", self._p, np.expm1(log_rows))
        dual = 2 * np.einsum("ij,ij->j", self._p, f) - excess
        error = np.einsum("ij,ij->j", self._p, np.abs(np.expm1(log_rows))) / 2
        return _Step(dual, error, f - DAMPING * log_rows)


def _until_converged(
    make: Callable[[PooledKernel, Booleans, float], _Cross | _Selves],
    kernel: PooledKernel,
    sides: Booleans,
    limit: float,
    most: int,
) -> tuple[Floats, Floats]:
    """The dual value and the marginal error of each labeling. Those that have converged leave the
    iterations.
    """
    duals, errors = np.empty(sides.shape[1]), np.empty(sides.shape[1])
    left, problem = np.arange(sides.shape[1]), make(kernel, sides, limit)
    potentials = problem.start()
    for _ in range(most):
        step = problem.step(potentials)
        duals[left], errors[left] = step.dual, step.error
        stays, potentials = step.error > TOL, step.potentials
        if not stays.any():
            break
        if not stays.all():
            left = left[stays]
            problem, potentials = make(kernel, sides[:, left], limit), potentials[:, stays]
    return duals, errors
