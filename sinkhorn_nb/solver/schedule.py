"""Temperatures, made as data before the loop."""

import numpy as np

RATIO = 0.5  # of one blur to the next: coarser steps than Feydy's .5^(1/2)..9 cost the fewest passes


def annealing(problem):
    """Decreasing temperatures above the target, one iteration each, from the diameter down.

    A problem with itself needs none: its averaged step contracts by 1/2 whatever eps.
    """
    if problem.is_self or problem.diameter <= problem.blur:
        return []
    n_steps = int(np.ceil(np.log(problem.diameter / problem.blur) / -np.log(RATIO)))
    return [(problem.blur * RATIO**-k) ** 2 for k in range(n_steps, 0, -1)]
