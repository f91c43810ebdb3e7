"""Certified bounds of the unregularized transport cost, from regularized problems of decreasing
blur.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import validation
from ..common.array_types import ArrayLike
from ..common.representation import Represented
from ..costs import cost_of
from ..initializers import Auto
from ..initializers.given import Sorted
from ..kernels.ledger import Ledger, counting
from ..problem import Problem
from ..results.status import warn
from ..results.transport_bounds import lower_bound, upper_bound
from ..solver import Sinkhorn
from ..terms import Terms
from .arguments import between, comparable, usual, with_all_points

FIRST_BLUR = 1 / 50  # of the diameter
# Mass that is missing in a plan may have to be moved by the diameter; this share of the gap may be
# due to it
SHARE_OF_GAP = 0.2
LARGEST_TOL, LEAST_TOL = 1e-3, 1e-10  # marginal error
# Bounds are computed at temperatures up to this many times their allowed gap. Gaps below FINE of
# the value are hard to reach, and others are wanted as well.
NEAR, FINE = 4.0, 1e-4
LEAST_RATIO, LARGEST_RATIO = 1 / 16, 1 / 4  # of successive temperatures
PROGRESS = 0.7  # of the gap of the bounds, at most, to be left by two temperatures
FINEST = 1e-7  # of the diameter: rounding decides below this blur
MAX_ITER = 300  # at one temperature


@dataclass(frozen=True, eq=False, repr=False)
class WassersteinBounds(Represented):
    """Rigorous bounds of the unregularized transport cost: lower <= W(a, b) <= upper.

    Attributes
    ----------
    lower, upper : float
        The value of feasible potentials, and the cost of a plan with the given marginals.
    converged : bool
        Whether their difference is within the tolerance.
    blur : float
        The smallest blur that was solved; 0 for equal measures.
    n_passes : float
        Sweeps over the n x m pairs.
    """

    lower: float
    upper: float
    converged: bool
    blur: float
    n_passes: float

    @property
    def value(self) -> float:
        """The middle of the bounds."""
        return (self.lower + self.upper) / 2

    @property
    def gap(self) -> float:
        """The difference of the bounds."""
        return self.upper - self.lower

    def _facts(self) -> dict[str, object]:
        return {
            "lower": self.lower,
            "upper": self.upper,
            "converged": self.converged,
            "blur": self.blur,
            "n_passes": self.n_passes,
        }


def wasserstein_bounds(
    x: ArrayLike,
    y: ArrayLike,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    *,
    rtol: float = 1e-3,
    p: float = 2,
    solver: Sinkhorn | None = None,
) -> WassersteinBounds:
    """Certified lower and upper bounds of the transport cost min_P <P, C> without regularization,
    for the cost |x - y|^p / p.

    Regularized problems are solved at smaller and smaller blurs. The potentials of each are made
    feasible by minima over all points, and its plan is rounded to the given marginals.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array-likes
        Points.
    a, b : (n,) and (m,) array-likes, optional
        Weights >= 0 of the same total mass, uniform probabilities by default.
    rtol : float, default 1e-3
        Largest difference of the bounds, relative to the upper one.
    p : float, default 2
        Exponent of the cost. With p = 2, the value is half of the squared Wasserstein-2 distance.
    solver : Sinkhorn, optional
        How to solve; its tolerance and start are not used.

    Returns
    -------
    WassersteinBounds
        lower, upper, value, gap, converged, blur, n_passes.

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Warns
    -----
    ConvergenceWarning
        Once, if the bounds are further apart than the tolerance; they are valid bounds.

    Notes
    -----
    Cost: O(n m d) time per pass, O(n + m) memory beyond the points. At small blurs most of the time
    is spent on the few pairs that carry the plan.

    References
    ----------
    Altschuler et al. 2017, "Near-linear time approximation algorithms for optimal transport via
    Sinkhorn iteration", algorithm 2: the rounding.

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> x = np.random.default_rng(0).random((100, 2))
    >>> bounds = snb.wasserstein_bounds(x, x + [3.0, 0.0])
    >>> bounds.lower <= 4.5 <= bounds.upper
    True
    >>> bounds.gap <= 1e-3 * bounds.upper
    True
    """
    validation.points_first(x, y, a, b)
    rtol = validation.positive("rtol", rtol)
    solver = usual(solver)
    cost = cost_of(p)
    source = with_all_points(x, a, ("x", "a"))
    target = with_all_points(y, b, ("y", "b"))
    comparable(source, target, "x", "y")
    diameter = cost.diameter(source, target)
    if not diameter > 0:  # all mass is in one point
        return WassersteinBounds(0.0, 0.0, True, 0.0, 0.0)
    for share in (FINEST / 100, 1.0):  # of the diameter: all blurs that may be tried
        validation.in_units_of_cost("the diameter of x and y", share * diameter, cost.eps)
    eps = cost.eps(FIRST_BLUR * diameter)
    problem = between(source, target, Terms(eps, cost))
    with counting() as ledger:
        bounds = _bounds(problem.reduced, problem.mass, rtol, solver, ledger)
    if not bounds.converged:
        warn(
            f"the bounds are {bounds.gap / bounds.upper:.1e} of the upper one apart, more than "
            f"rtol={rtol:.1e}, at a blur of {bounds.blur:.2e}; use a larger rtol"
        )
    return bounds


def _bounds(
    problem: Problem, mass: float, rtol: float, solver: Sinkhorn, ledger: Ledger
) -> WassersteinBounds:
    """Solve at smaller and smaller temperatures until the bounds meet, or no longer approach each
    other.
    """
    if problem.is_self:
        return WassersteinBounds(0.0, 0.0, True, 0.0, 0.0)
    settings: dict[str, Any] = {"compression": None, "certify": False, "init": Auto()}
    a, b = (m.partition.probabilities for m in (problem.source, problem.target))
    largest = problem.cost.bound(problem.diameter)
    lower, upper = 0.0, np.inf
    tol = LARGEST_TOL
    gaps: list[float] = []
    while True:
        solution = replace(solver, tol=tol, max_iter=MAX_ITER, **settings).attempt(problem)
        f, g, *_ = solution.iterate
        dual = float(a @ f + b @ g)
        value = max(dual, lower)
        ratio = rtol * value / problem.eps

        if problem.eps < NEAR * max(rtol, FINE) * value:
            low = lower_bound(problem, g, solver.backend)
            high = upper_bound(problem, f, g, solver.backend)
            lower = max(lower, low)
            upper = min(upper, high)
            gaps.append(high - low)
            ratio = rtol * upper / gaps[-1]
            is_done = upper - lower <= rtol * upper
            is_stuck = len(gaps) > 2 and gaps[-1] > PROGRESS * gaps[-3]
            if is_done or is_stuck or problem.blur < FINEST * problem.diameter:
                bounds = mass * lower, mass * upper
                n_passes = problem.passes(ledger)
                return WassersteinBounds(*bounds, is_done, problem.blur, n_passes)
        missing = SHARE_OF_GAP * rtol * value / largest
        tol = float(np.clip(missing, LEAST_TOL, LARGEST_TOL))
        factor = float(np.clip(ratio / 2, LEAST_RATIO, LARGEST_RATIO))
        problem = problem.between(problem.source, problem.target, factor * problem.eps)
        settings["init"] = Sorted(f, g)
