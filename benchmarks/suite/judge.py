"""What potentials are worth: marginals, value and plan by dense sums in float64.

Every library is judged alike, from its potentials f and g, by P = a b exp((f + g - C) / eps).
"""

from typing import NamedTuple

import numpy as np


class Judgement(NamedTuple):
    """The marginal error, the dual value, and the share of the mass on the diagonal."""

    marginal_error: float
    dual_value: float
    diagonal_mass: float


def judged(problem, f, g):
    """Judge potentials of a problem."""
    f, g = np.asarray(f, np.float64), np.asarray(g, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        exponents = (f[:, None] + g - problem.costs) / problem.eps
        plan = problem.a[:, None] * problem.b * np.exp(exponents)
        rows, columns = plan.sum(axis=1), plan.sum(axis=0)
        error = max(np.abs(rows - problem.a).sum(), np.abs(columns - problem.b).sum())
        value = problem.a @ f + problem.b @ g - problem.eps * (plan.sum() - 1)
    share = float(np.trace(plan)) if problem.is_diagonal else None
    return Judgement(float(error), float(value), share)
