"""The three problems of a divergence, solved as accurately as their small difference asks for."""

from dataclasses import replace

import numpy as np

from .initializers import Auto, Debiased, Sorted, initializer
from .outlook import watched
from .solver import reported

# The error of a dual value is at most about so many times eps times the square of the marginal error: after two-level
# steps, and where only Sinkhorn's iterations were made, which leave masses to be exchanged between far clusters. It is
# once or a few times that square for most problems. A divergence ACCURACY times as large as the bound is not sharpened.
TWO_LEVEL, PLAIN = 50.0, 5000.0
ACCURACY = 20.0
SHARPENING = 1 / 8  # of the tolerance in each round: what is left of the error is a 64th
MOST_ROUNDS = 8
# A round that changes the divergence by less than this share of it was the last: the next would by a 64th of that.
LARGEST_CHANGE = 1 / 4
# Marginal error, in float64, below which rounding decides; the divergence is exact to eps times its square.
LEAST_ERROR = 1e-9


def solve_debiased(problem, solver, self_x=None, self_y=None):
    """The solutions xy, xx and yy, with one warning for all that did not converge."""
    if problem.is_self:
        xy = solver.attempt(problem)
        return [*reported([xy]), xy, xy]
    xx = self_x or solver.attempt(problem.on_source())
    yy = self_y or solver.attempt(problem.on_target())
    xy = near(watched(solver, problem), problem, xx, yy).attempt(problem)
    reported([xy, *(new for new, known in ((xx, self_x), (yy, self_y)) if known is None)])
    return sharpened(solver, xy, xx, yy)


def difference(xy, xx, yy):
    """S_eps from three dual values; what a mass other than 1 adds to each of them is left out, lest digits are lost.

    It is the same for all three, and of the size of eps. The error of a difference of nearly equal values may make it
    negative.
    """
    return xy._transported - (xx._transported + yy._transported) / 2


def sharpened(solver, xy, xx, yy, is_plain=False):
    """The solutions, continued until the divergence no longer changes by much of itself."""
    solutions = [xy, xx, yy]
    if xy.problem.is_self or not all(solution.converged for solution in solutions):
        return solutions
    amplification = PLAIN if is_plain or solver.acceleration != "auto" else TWO_LEVEL
    value = difference(*solutions)
    for _ in range(MOST_ROUNDS):
        error = max(solution.marginal_error for solution in solutions)
        if value >= ACCURACY * amplification * _squares(solutions) or error <= LEAST_ERROR:
            break
        continued = [_continued(solver, solution, SHARPENING * error) for solution in solutions]
        new = difference(*continued)
        is_stuck = max(solution.marginal_error for solution in continued) >= error
        is_done = is_stuck or abs(new - value) <= LARGEST_CHANGE * new
        solutions, value, amplification = continued, new, TWO_LEVEL
        if is_done:
            break
    return solutions


def _squares(solutions):
    """The squares of the marginal errors, in units of the divergence."""
    problem = solutions[0].problem
    return problem.eps * problem.mass * sum(solution.marginal_error**2 for solution in solutions)


def _continued(solver, solution, tol):
    """The solution at a smaller marginal error, if iterations are left for it; converged as it was."""
    left = solver.max_iter - solution.n_iter
    if solution.marginal_error <= tol or left < 1:
        return solution
    start = Sorted(solution.iterate.f, solution.iterate.g)
    further = replace(solver, tol=tol, init=start, max_iter=left, certify=False, dtype=solver.dtype or "float64")
    new = further.attempt(solution.problem)
    passes, history = solution.solve_passes + new.solve_passes, np.concatenate([solution.history, new.history])
    if new.marginal_error > solution.marginal_error:
        new = solution
    return replace(new, status=solution.status, tol=solver.tol, solve_passes=passes, history=history)


def near(solver, problem, xx, yy):
    """The solver that starts the cross problem from the self potentials where these are near its own."""
    if solver.acceleration == "symmetric" or initializer(solver.init) != Auto():
        return solver
    return replace(solver, init=Debiased(xx.iterate.f, yy.iterate.f))
