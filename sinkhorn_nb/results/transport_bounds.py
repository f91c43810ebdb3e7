"""Rigorous bounds of the unregularized transport cost from the potentials of a regularized problem,
between probabilities.
"""

from __future__ import annotations

import numpy as np

from ..common.array_types import Floats
from ..kernels.protocol import Kernel
from ..problem import Problem
from .certificate import ROUNDING, cost_of_product, largest_term, scaled_down

COLD = 2.0**-10  # of the temperature: there a softmin over n points is the minimum, up to log n eps


def lower_bound(problem: Problem, g: Floats, backend: str) -> float:
    """<a, f> + <b, g> for feasible potentials near those given, f_i + g_j <= C_ij.

    f is the least of C_ij - g_j over j, and g then the least of C_ij - f_i over i. Each is bounded
    from below by a softmin at a temperature near zero, in which each point has the weight 1.
    """
    cold = COLD * problem.eps
    kernel = problem.kernel("float64", backend, cold)
    f = _least(kernel, g, problem.target.partition.probabilities)
    g = _least(kernel.T, f, problem.source.partition.probabilities)
    a = problem.source.partition.probabilities
    b = problem.target.partition.probabilities
    value = float(a @ f) + float(b @ g)
    rounding = 32 * ROUNDING * largest_term(problem, f, g)
    return value - rounding


def _least(kernel: Kernel, g: Floats, b: Floats) -> Floats:
    """A lower bound of the least of C_ij - g_j over j."""
    unweighted = g - kernel.eps * np.log(b)
    return kernel.softmin(unweighted)


def upper_bound(problem: Problem, f: Floats, g: Floats, backend: str) -> float:
    """The cost of a plan with exact marginals near the plan of the potentials.

    The plan is scaled down until neither marginal is exceeded, and the missing mass is added as a
    product (Altschuler et al. 2017, algorithm 2).
    """
    kernel = problem.kernel("float64", backend)
    a = problem.source.partition.probabilities
    b = problem.target.partition.probabilities
    eps = problem.eps
    log_rows, _ = kernel.log_sums(f, g)
    f = f - eps * log_rows
    _, log_columns = kernel.log_sums(f, g)
    log_x, log_y, rows, columns = scaled_down(kernel, f, g, log_columns)

    costs = kernel.costs(f + eps * log_x, g + eps * log_y)
    value = float(a @ costs)
    da = a * (1 - rows)
    db = b * (1 - columns)
    missing = da.sum(), db.sum()
    if min(missing) > 0:
        db = db * (missing[0] / missing[1])
        value += cost_of_product(problem, kernel, da, db)
    # Exponents of the size of C / eps are rounded: a share of the mass that may have to be moved by
    # the largest distance
    largest = problem.cost.bound(problem.diameter)
    exponent = largest_term(problem, f, g) / eps
    share = 4 * ROUNDING * (1 + exponent)
    return value + float(share * largest)
