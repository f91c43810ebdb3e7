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
from ..common.spans import spans
from .pooled_kernel import PooledKernel

CHUNK = 128  # labelings at a time
# Marginal error at which a labeling is left alone; its value is right to about eps TOL^2
TOL = 1e-3
WORK = 2.0**34  # pairs of points times labelings times iterations, at most
LOST = 0.01  # of the mass: a labeling with more at the limits of floats is solved in another way
TINY = 1e-300  # in place of a sum that is 0, whose logarithm is clipped
SMALL_WORK = 2.0**28  # of one iteration: float64 takes no more than a second
LEAST, MOST = 6, 1000  # iterations
DAMPING = 2 / 3  # of self problems: their errors fall by a factor of at least 3 per iteration
# Of scalings and sums, which must be representable
LARGEST_LOG = {"float32": 70.0, "float64": 600.0}


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
    """Choose by the size of the whole test, so that all labelings are treated in the same way.

    float32 is taken where it saves much time; not at large blurs, where values are small
    differences of sums near 1.
    """
    work = float(len(points)) ** 2 * n_labelings
    variance = points.var(axis=0).sum()
    is_large_blur = blur > np.sqrt(2 * variance)
    dtype = "float64" if is_large_blur or work < SMALL_WORK else "float32"
    most = np.clip(WORK / work, LEAST, MOST)
    return Effort(dtype, int(most))


def rounding(values: Floats, blur: float, dtype: str) -> float:
    """A bound of the difference between the values of equal labelings."""
    largest = float(np.abs(values).max())
    relative = 1e-6 if dtype == "float32" else 1e-12
    return relative * max(blur**2, largest)


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
    eps = blur**2
    kernel = PooledKernel(points, eps, how.dtype)
    count = len(labels)
    flags = np.empty((2, count), dtype=bool)
    values = Values(np.empty(count), *flags)

    def task(first: int, last: int) -> None:
        sides = np.ascontiguousarray(labels[first:last].T)
        cross, cross_error = _until_converged(_Cross, kernel, sides, how.most)
        own, own_error = _until_converged(_Selves, kernel, sides, how.most)
        values.value[first:last] = eps * (cross - own / 2)
        errors = np.maximum(cross_error, own_error)
        values.converged[first:last] = errors <= TOL
        values.lost[first:last] = np.isinf(cross_error)

    with single_threaded_blas():
        run(task, spans(count, CHUNK))
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

    def __init__(self, kernel: PooledKernel, sides: Booleans) -> None:
        self._kernel = kernel
        self._sides = sides
        self._limit = LARGEST_LOG[kernel.dtype]
        self._a = _uniform(sides)
        self._b = _uniform(~sides)

    def start(self) -> Floats:
        return np.zeros(self._sides.shape)

    def step(self, u: Floats) -> _Step:
        """Update v exactly, then u; the dual value is the one after both."""
        a, b = self._a, self._b
        sides = self._sides
        v = -self._logs(a * np.exp(u), ~sides)
        u_next = -self._logs(b * np.exp(v), sides)

        dual = _totals(a, u_next) + _totals(b, v)
        missed = np.abs(np.expm1(u - u_next))
        error = _totals(a, missed)

        largest = np.maximum(np.abs(v), np.abs(u_next))
        clipped = _totals(a + b, largest >= self._limit)
        error = np.where(clipped > 0, np.maximum(error, 1.0), error)
        error = np.where(clipped > LOST, np.inf, error)
        return _Step(dual, error, u_next)

    def _logs(self, V: Floats, side: Booleans) -> Floats:
        """Logarithms of the sums at the points of a side, from minus the limit on; 0 at the
        others.
        """
        products = self._kernel.product(V)
        sums = np.where(side, products, 1.0)
        logs = np.log(np.maximum(sums, TINY))
        return np.maximum(logs, -self._limit)


class _Selves:
    """Damped symmetric iterations of both self problems; each point has the potential of its own
    side.
    """

    def __init__(self, kernel: PooledKernel, sides: Booleans) -> None:
        self._kernel = kernel
        self._sides = sides
        self._p = _uniform(sides) + _uniform(~sides)
        self._log_diagonal = kernel.log_diagonal[:, None] + np.log(self._p)

    def start(self) -> Floats:
        return -0.5 * np.logaddexp(0.0, self._log_diagonal)

    def step(self, f: Floats) -> _Step:
        """The sum of both dual values at f, and the next f."""
        p, sides = self._p, self._sides
        weights = p * np.exp(f)
        on_sides = [np.where(sides, weights, 0.0), np.where(sides, 0.0, weights)]
        products = self._kernel.product(np.concatenate(on_sides, axis=1))
        first, second = np.split(products, 2, axis=1)
        with np.errstate(divide="ignore"):
            logs = np.log(np.where(sides, first, second))
        log_rows = f + np.logaddexp(logs, self._log_diagonal + f)

        excess = np.expm1(log_rows)
        dual = 2 * _totals(p, f) - _totals(p, excess)
        error = _totals(p, np.abs(excess)) / 2
        return _Step(dual, error, f - DAMPING * log_rows)


def _uniform(sides: Booleans) -> Floats:
    """Equal weights of the points of one side, in each column."""
    weights: Floats = sides / sides.sum(axis=0)
    return weights


def _totals(weights: Floats, values: Floats | Booleans) -> Floats:
    """The sums over the points of weights times values."""
    totals: Floats = np.einsum("ij,ij->j", weights, values)
    return totals


def _until_converged(
    make: Callable[[PooledKernel, Booleans], _Cross | _Selves],
    kernel: PooledKernel,
    sides: Booleans,
    most: int,
) -> tuple[Floats, Floats]:
    """The dual value and the marginal error of each labeling. Those that have converged leave the
    iterations.
    """
    count = sides.shape[1]
    duals = np.empty(count)
    errors = np.empty(count)
    left = np.arange(count)
    problem = make(kernel, sides)
    potentials = problem.start()
    for _ in range(most):
        step = problem.step(potentials)
        duals[left] = step.dual
        errors[left] = step.error
        stays = step.error > TOL
        potentials = step.potentials
        if not stays.any():
            break
        if not stays.all():
            left = left[stays]
            problem = make(kernel, sides[:, left])
            potentials = potentials[:, stays]
    return duals, errors
