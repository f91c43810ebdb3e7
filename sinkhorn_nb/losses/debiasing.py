"""Solve the three problems of a divergence as accurately as their small difference requires."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..backends import small_rules
from ..backends.small_rules import AMPLIFICATION, FINE, LEAST_ERROR, SAFETY, SHARPENING
from ..initializers import Auto, Debiased, Initializer, Resumed, Sorted
from ..problem import Problem
from ..results.divergence import difference
from ..results.outlook import Watch
from ..results.solution import Solution
from ..results.status import Status
from ..solver import Sinkhorn, value_tol

# The error of a dual value is at most about this factor times the gain of an exact update, after
# two-level steps and after Sinkhorn's iterations alone, which leave masses to be exchanged between
# far clusters. For most problems the factor is one or a few. A divergence SAFETY times as large as
# the error is not sharpened.
TWO_LEVEL, PLAIN = 50.0, AMPLIFICATION
# Each round reduces the marginal errors to the share SHARPENING, and the errors of the values at
# least as much. The last round changes the values by less than LARGEST_CHANGE of the divergence.
# After Sinkhorn's iterations the bound is smaller, because their slowest modes hardly change the
# marginal error.
LARGEST_CHANGE = 1 / 4
LARGEST_PLAIN_CHANGE = small_rules.LARGEST_CHANGE
MOST_ROUNDS = 8
# A divergence that is this many times smaller than the one whose solutions started it is sharpened
FAR_BELOW = 10.0


def solve_debiased(
    problem: Problem, solver: Sinkhorn, watch: Watch, xx: Solution, yy: Solution
) -> list[Solution]:
    """Solve a problem and continue it, together with the given self solutions of its measures: xy,
    xx and yy.
    """
    if problem.is_self:
        return [xx, xx, yy]
    cross = near(watch.over(problem), xx, yy)
    return sharpened(solver, cross.attempt(problem), xx, yy)


def sharpened(solver: Sinkhorn, xy: Solution, xx: Solution, yy: Solution) -> list[Solution]:
    """Continue the solutions until the relative change of the divergence is small.

    The divergence is then right to a few percent, or to 1e-9 eps. If iterations run out before, the
    status of the cross problem says so. Two-level steps continue the schemes of the papers.
    """
    solutions = [xy, xx, yy]
    if xy.problem.is_self or not all(s.converged for s in solutions):
        return solutions
    is_plain = solver.acceleration != "auto"
    if is_far_below_the_start(solver, difference(*solutions)):
        start = Debiased(xx.iterate.f, yy.iterate.f, otherwise=_from(xy))
        solutions[0] = _continued(solver, xy, start, SHARPENING * xy.marginal_error)

    is_fine = xy.problem.blur < FINE * xy.problem.diameter
    amplification = PLAIN if is_plain else TWO_LEVEL
    gains = sum(map(_gain, solutions))
    largest_error = SAFETY * amplification * gains
    if not is_fine and difference(*solutions) >= largest_error:
        return solutions

    largest_change = LARGEST_PLAIN_CHANGE if is_plain else LARGEST_CHANGE
    for _ in range(MOST_ROUNDS):
        before = solutions
        tols = _tolerances(before)
        rounds = zip(before, tols, strict=True)
        solutions = [_continued(solver, old, _from(old), tol) for old, tol in rounds]
        errors = [solution.marginal_error for solution in solutions]
        if any(error > tol for error, tol in zip(errors, tols, strict=True)):
            break  # no further progress

        changed = zip(solutions, before, strict=True)
        changes = [abs(new._transported - old._transported) for new, old in changed]
        change = sum(changes)
        value = difference(*solutions)
        gains = sum(map(_gain, solutions))
        has_settled = change <= largest_change * value and SAFETY * gains <= value
        if has_settled or max(tols) <= LEAST_ERROR:
            return solutions
    if any(solution.n_iter >= solver.max_iter for solution in solutions):
        solutions[0] = replace(solutions[0], status=Status.UNSETTLED)
    return solutions


def _from(solution: Solution) -> Initializer:
    """The start from a solution of the same problem."""
    return Sorted(solution.iterate.f, solution.iterate.g)


def is_far_below_the_start(solver: Sinkhorn, value: float) -> bool:
    """Tell whether errors of an earlier divergence at small masses, which no bound shows, may be
    too large here.
    """
    start = solver._start
    if not isinstance(start, Resumed):
        return False
    earlier = difference(start.xy, start.xx, start.yy)
    return value < earlier / FAR_BELOW


def _tolerances(solutions: list[Solution]) -> list[float]:
    """An eighth of the largest marginal error; of its own error for a solution whose dual value can
    still gain much.
    """
    largest = max(solution.marginal_error for solution in solutions)
    least = difference(*solutions) / (5 * SAFETY)
    tols = []
    for solution in solutions:
        error = solution.marginal_error if _gain(solution) > least else largest
        tols.append(SHARPENING * max(error, LEAST_ERROR))
    return tols


def _gain(solution: Solution) -> float:
    """The gain in dual value of the better exact update."""
    problem = solution.problem
    return problem.mass * problem.reduced.dual().gain(solution.iterate)


def _continued(solver: Sinkhorn, solution: Solution, start: Initializer, tol: float) -> Solution:
    """Continue a solution to a smaller marginal error, if iterations are left, and keep its
    status.
    """
    left = solver.max_iter - solution.n_iter
    if solution.marginal_error <= tol or left < 1:
        return solution
    settings: dict[str, Any] = {
        "acceleration": "auto",
        "certify": False,
        "dtype": solver.dtype or "float64",
    }
    further = replace(solver, tol=tol, max_iter=left, **settings)
    new = replace(further, init=start).attempt(solution.problem)
    passes = solution.solve_passes + new.solve_passes
    history = np.concatenate([solution.history, new.history])
    if new.marginal_error > solution.marginal_error:
        new = solution
    return replace(
        new, status=solution.status, tol=solver.tol, solve_passes=passes, history=history
    )


def near(solver: Sinkhorn, xx: Solution, yy: Solution) -> Sinkhorn:
    """The solver that starts the cross problem from the self potentials if they are close to its
    solution.

    The difference of the cross problem's potentials from these is known from an earlier divergence,
    if there is one.
    """
    if isinstance(solver._start, Resumed):
        return replace(solver, init=solver._start.beside(xx, yy))
    if solver.acceleration == "symmetric" or solver._start != Auto():
        return solver
    return replace(solver, init=Debiased(xx.iterate.f, yy.iterate.f))


def unchanged(solver: Sinkhorn, problem: Problem) -> Solution | None:
    """The solution of the same self problem in an earlier divergence, if it is as accurate as the
    solver requires.
    """
    if not isinstance(solver._start, Resumed) or solver.certify:
        return None
    for known in (solver._start.xx, solver._start.yy):
        if _is_of(known, problem) and _is_accurate(known, problem, solver):
            settings: dict[str, Any] = {"tol": solver.tol, "backend": solver.backend}
            return known._with(
                problem=problem, solve_passes=0.0, history=known.history[:0], **settings
            )
    return None


def _is_of(known: Solution, problem: Problem) -> bool:
    """Tell whether a self solution solves this self problem."""
    has_same_terms = known.problem.terms == problem.terms
    return has_same_terms and known.problem.source.equals(problem.source)


def _is_accurate(known: Solution, problem: Problem, solver: Sinkhorn) -> bool:
    """Tell whether the pairs have the precision, and the marginals the error, that the solver
    requires.
    """
    if solver.dtype is not None and known.dtype != solver.dtype:
        return False
    if known.dtype != "float64" and problem.source.points.dtype != np.float32:
        return False
    return known.converged and known.marginal_error <= value_tol(problem, solver)
