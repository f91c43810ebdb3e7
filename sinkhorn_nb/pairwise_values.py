"""Divergences between numbered clouds: each cloud is compared with itself once, and then with others."""

from typing import NamedTuple

import numpy as np

from .backends.home import HOST
from .clouds import Clouds
from .divergences import solve_pairs
from .outlook import Watch


class Failure(NamedTuple):
    """A pair that has not converged: its row, the marginal error and the text of `Solution.message`."""

    row: int
    marginal_error: float
    message: str


class Values(NamedTuple):
    """S_eps of each pair, whether its three solutions converged, and the worst pair that did not."""

    value: np.ndarray
    converged: np.ndarray
    failure: Failure | None


def self_solutions(measures, eps, solver, say):
    """The self solution of each measure; `say` is called with the text of an early warning."""
    numbers = np.arange(len(measures))
    solved = _solved(measures, numbers, numbers, eps, solver, say)
    return [solved.divergence(k).xx for k in range(len(measures))]


def values(selves, pairs, solver, say):
    """S_eps of pairs (P, 2) of indices into `selves`, the self solutions; a value does not depend on other pairs."""
    measures, eps = [own.problem.source for own in selves], selves[0].problem.eps
    solved = _solved(measures, *pairs.T, eps, solver, say, dict(enumerate(selves)))
    converged = solved.array("converged", np.bool_)
    failed = [_failure(row, solved.divergence(row)) for row in np.flatnonzero(~converged).tolist()]
    worst = max(failed, key=lambda failure: failure.marginal_error, default=None)
    return Values(solved.array("value", np.float64), converged, worst)


def _solved(measures, sources, targets, eps, solver, say, selves=None):
    homes = [HOST] * len(sources)
    return solve_pairs(Clouds.of_measures(measures), sources, targets, eps, solver, Watch(solver, say), homes, selves)


def _failure(row, divergence):
    solutions = divergence.xy, divergence.xx, divergence.yy
    worst = max((s for s in solutions if not s.converged), key=lambda s: s.marginal_error)
    return Failure(row, worst.marginal_error, worst.message)
