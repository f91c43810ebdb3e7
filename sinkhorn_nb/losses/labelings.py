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
LOST = 0.01  # of the mass: a labeling with more at the limits of floats is solved in another way
TINY = 1e-300  # in place of a sum that is 0, whose logarithm is clipped
SMALL_WORK = 2.0**28  # of one iteration: float64 takes no more than a second
LEAST, MOST = 6, 1000  # iterations
DAMPING = 2 / 3  # of self problems: their errors fall by a factor of at least 3 per iteration
LARGEST_LOG = {
    "float32": 70.0,
    "float64": 600.0,
}  # of scalings and sums, which must be representable


class Effort(NamedTuple):
    """The precision of the pairs, and the largest number of iterations."""

    dtype: str
    most: int


class Values(NamedTuple):
    """(B,) values of labelings, whether each has converged, and whether its numbers left the range
    of floats, so that the value means nothing.
    """

    value: Floats
    converged: Booleans
    lost: Booleans


def effort(points: Floats, n_labelings: int, blur: float) -> Effort:
    """Choose by the size of the whole test, so that all labelings are treated alike.

    float32 is taken where it saves much time; not at large blurs, where values are small
    differences of sums near 1.
    """
    work = float(len(points)) ** 2 * n_labelings
    spread = np.sqrt(2 * points.var(axis=0).sum())
    dtype = "float64" if blur > spread or work < SMALL_WORK else "float32"
    return Effort(dtype, int(np.clip(WORK / work, LEAST, MOST)))


def rounding(values: Floats, blur: float, dtype: str) -> float:
    """A bound of the difference between the values of equal labelings."""
    scale = max(blur**2, float(np.abs(values).max()))
    return (1e-6 if dtype == "float32" else 1e-12) * scale


def sinkhorn_values(points: Floats, labels: Booleans, blur: float, how: Effort) -> Values:
    """S_eps between the two sides of each labeling: dual values, whose error is quadratic in the
    marginal error.

    Parameters
    ----------
    points : (N, d) float64 array
    labels : (B, N) bool array
        Rows with the same number of points on each side.
    blur : float
    how : Effort
    """
    kernel = PooledKernel(points, blur**2, how.dtype)
    eps = blur**2
    count = len(labels)
    values = Values(np.empty(count), np.empty(count, dtype=bool), np.empty(count, dtype=bool))
    limit = LARGEST_LOG[how.dtype]

    def task(first: int, last: int) -> None:
        sides = np.ascontiguousarray(labels[first:last].T)
        cross, cross_error = _until_converged(_Cross, kernel, sides, limit, how.most)
        own, own_error = _until_converged(_Selves, kernel, sides, limit, how.most)
        values.value[first:last] = eps * (cross - own / 2)
        errors = np.maximum(cross_error, own_error)
        values.converged[first:last] = errors <= TOL
        values.lost[first:last] = np.isinf(errors)

    with single_threaded_blas():
        run(task, [(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK)])
    return values


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
        self._a = sides / sides.sum(axis=0)
        self._b = ~sides / (~sides).sum(axis=0)

    def start(self) -> Floats:
        return np.zeros(self._sides.shape)

    def step(self, u: Floats) -> _Step:
        """Update v exactly, then u; the dual value is the one after both."""
        v = -self._logs(self._a * np.exp(u), ~self._sides)
        u_next = -self._logs(self._b * np.exp(v), self._sides)

        dual = np.einsum("ij,ij->j", self._a, u_next) + np.einsum("ij,ij->j", self._b, v)
        error = np.einsum("ij,ij->j", self._a, np.abs(np.expm1(u - u_next)))
        is_clipped = np.maximum(np.abs(v), np.abs(u_next)) >= self._limit
        clipped = ((self._a + self._b) * is_clipped).sum(axis=0)
        error = np.where(clipped > 0, np.maximum(error, 1.0), error)
        return _Step(dual, np.where(clipped > LOST, np.inf, error), u_next)

    def _logs(self, V: Floats, side: Booleans) -> Floats:
        """Logarithms of the sums at the points of a side, within the limit; 0 at the others."""
        sums = np.where(side, self._kernel.product(V), 1.0)
        return np.clip(np.log(np.maximum(sums, TINY)), -self._limit, self._limit)


class _Selves:
    """Damped symmetric iterations of both self problems; each point has the potential of its own
    side.
    """

    def __init__(self, kernel: PooledKernel, sides: Booleans, limit: float) -> None:
        self._kernel, self._sides, self._limit = kernel, sides, limit
        self._p = sides / sides.sum(axis=0) + ~sides / (~sides).sum(axis=0)
        self._log_diagonal = kernel.log_diagonal[:, None] + np.log(self._p)

    def start(self) -> Floats:
        return -0.5 * np.logaddexp(0.0, self._log_diagonal)

    def step(self, f: Floats) -> _Step:
        """The sum of both dual values at f, and the next f."""
        weights = self._p * np.exp(f)
        count = self._sides.shape[1]
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
        f_next = np.minimum(f - DAMPING * log_rows, self._limit)
        is_clipped = f_next.max(axis=0) >= self._limit
        return _Step(dual, np.where(is_clipped, np.inf, error), f_next)


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
    duals = np.empty(sides.shape[1])
    errors = np.empty(sides.shape[1])
    left = np.arange(sides.shape[1])
    problem = make(kernel, sides, limit)
    potentials = problem.start()
    for _ in range(most):
        step = problem.step(potentials)
        duals[left], errors[left] = step.dual, step.error
        stays = step.error > TOL
        potentials = step.potentials
        if not stays.any():
            break
        if not stays.all():
            left = left[stays]
            problem = make(kernel, sides[:, left], limit)
            potentials = potentials[:, stays]
    return duals, errors
