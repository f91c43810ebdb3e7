"""Temperatures, made as data before the loop."""

from typing import NamedTuple

import numpy as np


class Level(NamedTuple):
    """Iterate at eps until the marginal error is within tol, or max_iter times."""

    eps: float
    tol: float
    max_iter: float


# Of one blur to the next: .7 took 3-17 % more passes, .3 as many within 8 %.
RATIO = 0.5
# Marginal error at which a level is left: .1 and .03 took 122 and 104 passes at blur .01; with a
# memory of 10, .1, .03 and .01 took 130, 124 and 108.
LEVEL_TOL = 0.03
LEVEL_MAX_ITER = 50
LEAST_TOL = 1e-12  # float64 sums reach it at any blur


def value_tol(problem, solver):
    """The marginal error to iterate to: tol, and less where the blur exceeds the diameter.

    The value's error is about eps times its square: unscaled, S would drown in it.
    """
    return max(solver.tol * min(1.0, problem.diameter / problem.blur), min(LEAST_TOL, solver.tol))


def annealing(problem, solver):
    """Decreasing temperatures from the diameter down to the target.

    The paper's scheme spends one iteration on each. A problem with itself needs none: its
    averaged step contracts whatever eps.
    """
    once = solver.acceleration == "symmetric"
    levels = []
    if not problem.is_self and problem.diameter > problem.blur:
        n_levels = int(np.ceil(np.log(problem.diameter / problem.blur) / -np.log(RATIO)))
        tol, max_iter = (np.inf, 1) if once else (LEVEL_TOL, LEVEL_MAX_ITER)
        levels = [Level((problem.blur * RATIO**-k) ** 2, tol, max_iter) for k in range(n_levels, 0, -1)]
    return [*levels, Level(problem.eps, value_tol(problem, solver), np.inf)]
