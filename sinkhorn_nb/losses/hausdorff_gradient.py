"""The gradient of the Hausdorff divergence, through the potentials of both self problems."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..common.array_types import Floats
from ..gradients import Gradient, with_value
from ..gradients.linear_system import LinearSolve
from ..gradients.reports import ImplicitGradient, with_report
from ..kernels.choice import with_points
from ..problem import Problem
from ..results.solution import Solution

LEAST = 1e-300  # of a derivative at a far point, whose logarithm is taken
LARGEST = 1e100  # of sums, which would overflow for points without mass that are far from the data


class _Parts(NamedTuple):
    """Derivatives in the points x and the weights a of a measure and in the points y of the other
    one.
    """

    x: Floats
    a: Floats
    y: Floats
    report: LinearSolve


def gradient_of(value: float, xx: Solution, yy: Solution, tol: float) -> ImplicitGradient:
    """The gradient of H_eps from the two self solutions, as arrays of the host."""
    xx, yy = xx.on_host, yy.on_host
    of_a = _parts(xx, yy, tol)
    of_b = _parts(yy, xx, tol)
    on_x = of_a.x + of_b.y
    on_y = of_b.x + of_a.y
    gradient = Gradient(on_x, on_y, of_a.a, of_b.a)
    problem = xx.problem.between(xx.problem.source, yy.problem.source)
    if problem.marginals.are_exact:
        gradient = with_value(value, problem, gradient)

    reports = of_a.report, of_b.report
    residual = max(report.residual for report in reports)
    n_iter = max(report.n_iter for report in reports)
    passes = sum(report.n_passes for report in reports)
    report = LinearSolve(residual, tol, n_iter, passes)
    return with_report(ImplicitGradient(*gradient), report)


def _parts(own: Solution, other: Solution, tol: float) -> _Parts:
    """The derivatives of (<b, E(f at y)> - <a, E(f)>) / 2 in x, y and a, through the potential f of
    the measure a and its damped softmin at y; and of <a, E(g at x) - E(f)> / 2 in a itself.

    Here E(f) = (rho + eps) (1 - exp(-f / rho)), or f for exact marginals.
    """
    problem = own.problem
    eps = own.problem.eps
    x = problem.source.partition
    y = other.problem.source.partition
    ma = problem.source.mass
    mb = other.problem.source.mass
    of_f = problem.scaling.of_f
    of_g = other.problem.scaling.of_f
    dual = problem.dual()
    lam = 1 / (1 + dual.rates[0])
    f = x.sort(own._f)
    g = y.sort(other._f)
    potential = f - of_f  # of the measure, not of its probabilities
    kernel = with_points(problem.kernel_between(x, y, "float64", own.backend))

    softmin = kernel.T.softmin(f)
    at_y = dual.damped_rows(softmin) - of_f
    pulls = mb / 2 * _slope(problem, at_y) * np.ones(len(y))
    pulled = y.probabilities * pulls
    sums = kernel.product(f, softmin, pulled[:, None])[:, 0]
    sums = _finite(sums)
    own_pulls = ma / 2 * _slope(problem, potential)
    on_f = -x.probabilities * (lam * sums + own_pulls)
    through = own.pullback(f=x.restore(on_f), tol=tol)

    log_pulls = np.log(np.maximum(pulls, LEAST))
    slopes_at_x = kernel.mean_gradients(f, softmin + eps * log_pulls)
    slopes_at_y = kernel.T.mean_gradients(softmin, f)
    on_x = (lam * x.probabilities * sums)[:, None] * slopes_at_x
    on_y = (lam * pulled)[:, None] * slopes_at_y

    at_x = dual.damped_rows(kernel.softmin(g)) - of_g
    earned = problem.marginals.earned_beyond(potential, at_x - potential, eps)
    on_a = earned / 2 - lam * eps / ma * sums
    share = len(x) / len(y)  # of the pairs of this self problem in the pairs of x and y
    passes = share * through.linear_solve.n_passes + kernel.n_passes
    return _Parts(
        x.restore(on_x) + through.x + through.y,
        x.restore(on_a) + through.a + through.b,
        y.restore(on_y),
        through.linear_solve._replace(n_passes=passes),
    )


def _slope(problem: Problem, f: Floats) -> Floats | float:
    """The derivative of E at a potential."""
    k = problem.dual().rates[0]
    return (1 + k) * problem.marginals.slope(f)


def _finite(sums: Floats) -> Floats:
    numbers = np.nan_to_num(sums, nan=LARGEST)
    return np.clip(numbers, -LARGEST, LARGEST)
