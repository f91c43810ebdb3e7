"""Divergences between clouds that go by number: each is compared with itself once, and then with others."""

from typing import NamedTuple

import numpy as np

from .backends.threads import single_threaded_blas
from .debiasing import near, sharpened
from .divergence import Divergence
from .outlook import Watch
from .problem import Problem
from .solver import solve_together


class Failure(NamedTuple):
    """A pair that has not converged: its row, the marginal error, and what `Solution.message` says."""

    row: int
    marginal_error: float
    message: str


class Values(NamedTuple):
    """S_eps of each pair, whether its three solutions converged, and the worst of those that did not."""

    value: np.ndarray
    converged: np.ndarray
    failure: Failure | None


def self_solutions(measures, eps, solver, say):
    """The solution of each measure's problem with itself; `say` is called with an early warning."""
    with single_threaded_blas():
        problems = [Problem(measure, measure, eps) for measure in measures]
        return solve_together(solver, problems, Watch(solver, say))


def values(selves, pairs, solver, say):
    """S_eps of pairs (P, 2) of numbers into `selves`, the self solutions of the clouds; the same in any company."""
    with single_threaded_blas():
        watch = Watch(solver, say)
        problems = [_between(selves[i], selves[j]) for i, j in pairs.tolist()]
        own = {id(problem): (selves[i], selves[j]) for problem, (i, j) in zip(problems, pairs.tolist(), strict=True)}

        def alone(problem):
            return near(watch.over(problem), *own[id(problem)]).attempt(problem)

        crosses = iter(solve_together(solver, [p for p in problems if not p.is_self], watch, alone))
        divergences = [_divergence(p, crosses, *own[id(p)], solver) for p in problems]
    converged = np.array([divergence.converged for divergence in divergences], dtype=bool)
    return Values(np.array([d.value for d in divergences]), converged, _worst(divergences))


def _between(xx, yy):
    return Problem(xx.problem.source, yy.problem.source, xx.problem.eps)


def _divergence(problem, crosses, xx, yy, solver):
    xy = xx if problem.is_self else next(crosses)
    return Divergence(*sharpened(solver, xy, xx, yy))


def _worst(divergences):
    failed = [
        Failure(row, solution.marginal_error, solution.message)
        for row, divergence in enumerate(divergences)
        for solution in (divergence.xy, divergence.xx, divergence.yy)
        if not solution.converged
    ]
    return max(failed, key=lambda failure: failure.marginal_error, default=None)
