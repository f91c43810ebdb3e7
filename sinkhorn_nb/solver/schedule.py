"""The phases of a solve, with their temperatures and precisions, made as data before the loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..measures.pixels import GridMeasure
from ..problem import LARGEST_ROUNDING, Problem
from ..results.solution import Solution

if TYPE_CHECKING:
    from .sinkhorn import Sinkhorn


class Phase(NamedTuple):
    """Iterate at eps with pairs of dtype until the marginal error is within tol, max_iter times, or
    until it stalls.
    """

    eps: float
    dtype: str
    tol: float
    max_iter: float = np.inf
    rounding: float = 0.0  # marginal error that the pairs are expected to leave
    is_last: bool = True  # no phase of higher precision follows
    goal: float = 0.0  # the tolerance for marginals that are exact whatever the dtype

    def stalls(self, errors: Sequence[float]) -> bool:
        """Tell whether rounding keeps the error from falling: the last iterations made hardly any
        progress.
        """
        is_near = min(errors) <= (LAST_NEAR if self.is_last else NEAR) * self.rounding
        if self.is_last and not is_near:
            return False
        patience = PATIENCE if is_near else LONG_PATIENCE
        return len(errors) > patience and min(errors[-patience:]) > PROGRESS * min(
            errors[:-patience]
        )


# A phase ends after PATIENCE iterations without this progress near the expected rounding, and after
# LONG_PATIENCE far from it. The last phase has no better one after it, so it ends only if the
# rounding is nearly reached.
PROGRESS = 0.7
NEAR = 30.0
LAST_NEAR = 4.0
PATIENCE = 8
LONG_PATIENCE = 50


ROUGH, MOST_ROUGH = 0.02, 30  # marginal error and iterations at the blurs before a small one
# In largest costs: at higher temperatures any start is good. Then the ratio of successive
# temperatures, and the iterations at each.
WARM, COOLING, MOST_COOLING = 1 / 200, 1 / 4, 60
STRICTER = 0.1  # of the tolerance: groups that differ by nearly the tolerance must not be missed
RATIO = 0.5  # of successive blurs in the paper's annealing
SMALL_BLUR = 0.1  # in diameters
LEAST_TOL = 1e-12  # float64 sums reach this marginal error at any blur
SHARE = 1 / 6  # of the tolerance: the most that rounding may take
BELOW = 0.98  # of the tolerance: another way to add up the same marginals must agree
MARGIN = 3.0  # the rounding of the marginal error may exceed the expected one by this factor
UNIT = {"float32": 1.0, "float64": 2.0**-29}  # rounding relative to float32
LARGEST_BLUR = 2.0  # in diameters, for float32: rounding changes the value by 1e-7 eps
# In diameters: at larger blurs the closed form between Gaussians has a relative error of 1e-12 in
# the value. It ignores third moments, whose effect is smaller than the rounding, 1e-16 eps, of any
# iteration.
LIMIT = 1e3
# In largest costs, for other costs: the mean cost is then right to 1e-8
LIMIT_OF_OTHERS = 3e7


def value_tol(problem: Problem, solver: Sinkhorn) -> float:
    """The marginal error to iterate to: tol, or less if the blur is not small compared with the
    diameter.

    The error of the value is about eps times its square. Without this scaling it could be larger
    than S.
    """
    tol = solver.tol * min(1.0, SMALL_BLUR * problem.diameter / problem.blur)
    return max(tol, min(LEAST_TOL, solver.tol))


def is_limit(problem: Problem) -> bool:
    """Tell whether the temperature is so large that a closed form is more accurate than iterations,
    in balanced transport: for |x - y|^2 / 2, only the first two moments of the measures matter; for
    other costs, only their means.
    """
    if problem.terms.are_classical:
        return problem.blur > LIMIT * problem.diameter
    if not (problem.marginals.are_exact and problem.cost.is_finite):
        return False
    return 0 < LIMIT_OF_OTHERS * problem.cost.bound(problem.diameter) < problem.eps


def phases(problem: Problem, solver: Sinkhorn) -> list[Phase]:
    """The paper's annealing, if requested, and then the target: in float32, and in float64 if that
    is needed.
    """
    tol = value_tol(problem, solver)
    expected = problem.rounding
    dtypes = _dtypes(problem, solver, tol)
    target = [
        Phase(problem.eps, dtype, tol, rounding=expected * UNIT[dtype], goal=BELOW * tol)
        for dtype in dtypes
    ]
    if len(target) > 1:
        target[0] = target[0]._replace(tol=max(tol, expected), is_last=False)
    elif target[0].dtype == "float32":  # so that the true error is within tol
        target[0] = target[0]._replace(tol=max(tol - MARGIN * expected, tol / 2))
    return [*_annealing(problem, solver, target[0].dtype), *target]


def _annealing(problem: Problem, solver: Sinkhorn, dtype: str) -> list[Phase]:
    """One iteration at each temperature from the squared diameter down; self problems need none."""
    if solver.acceleration != "symmetric" or problem.is_self or problem.diameter <= problem.blur:
        return []
    n_levels = int(np.ceil(np.log(problem.diameter / problem.blur) / -np.log(RATIO)))
    return [
        Phase(problem.cost.eps(problem.blur * RATIO**-k), dtype, 0.0, 1)
        for k in range(n_levels, 0, -1)
    ]


def warmer(phase: Phase, problem: Problem) -> list[Phase]:
    """Rough phases at four times and at twice the blur, for potentials that are far from the
    solution.
    """
    return [
        phase._replace(
            eps=problem.cost.eps(ratio) * phase.eps, tol=ROUGH, goal=ROUGH, max_iter=MOST_ROUGH
        )
        for ratio in (4.0, 2.0)
    ]


def cooling(phase: Phase, problem: Problem) -> list[Phase]:
    """Phases from a temperature at which any start is good, down to the one above the phase's.

    Each is stricter than the phase: what a group of points has too much must be seen while it is
    near others, in temperatures.
    """
    powers = range(count_cooling(problem, phase.eps), 0, -1)
    return [
        phase._replace(
            eps=phase.eps * COOLING**-k,
            tol=STRICTER * phase.tol,
            goal=STRICTER * phase.goal,
            max_iter=MOST_COOLING,
            is_last=False,
        )
        for k in powers
    ]


def count_cooling(problem: Problem, eps: float) -> int:
    """The number of temperatures that `cooling` goes through; none if costs have no bound."""
    warmest = WARM * problem.cost.bound(problem.diameter)
    if not eps < warmest < np.inf:
        return 0
    return int(np.ceil(np.log(warmest / eps) / -np.log(COOLING)))


def _dtypes(problem: Problem, solver: Sinkhorn, tol: float) -> list[str]:
    if solver.dtype is not None:
        return [solver.dtype]
    if problem.cost.has_long_pairs or isinstance(problem.source, GridMeasure):
        return ["float64"]
    if problem.blur > LARGEST_BLUR * problem.diameter or problem.rounding > LARGEST_ROUNDING:
        return ["float64"]
    clouds = (problem.source.points, problem.target.points)
    suffices = (
        all(cloud.dtype == np.float32 for cloud in clouds) and problem.rounding <= SHARE * tol
    )
    return ["float32"] if suffices else ["float32", "float64"]


def certifying(phase: Phase, solution: Solution, share: float, dtype: str | None) -> Phase:
    """The phase that reduces a solution's marginal error to a share, or as far as the precision
    allows.
    """
    dtype = dtype or "float64"
    expected = solution.problem.rounding * UNIT[dtype]
    tol = share * solution.marginal_error
    return phase._replace(tol=tol, dtype=dtype, rounding=expected, goal=BELOW * tol)


def is_rough(problem: Problem, solver: Sinkhorn) -> bool:
    """Tell whether the rounding of float32 pairs, which the caller chose, can hide a marginal error
    of tol.
    """
    return solver.dtype == "float32" and MARGIN * problem.rounding > solver.tol / 2


def is_doubtful(problem: Problem, error: float, tol: float) -> bool:
    """Tell whether a marginal error measured in float32 may be within tol only by its rounding."""
    return error <= tol < error + MARGIN * problem.rounding
