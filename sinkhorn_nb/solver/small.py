"""Small problems: each is solved whole by one compiled call, as a dense problem that fits the cache of a core.

The others, and those that this leaves unsolved, go to the main loop.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..array_types import Booleans, Floats, Indices
from ..backends.choice import small_solver
from ..backends.normal_forms import Forms, Survey, sizes_of, survey
from ..backends.pointwise import LOG2E
from ..backends.small_problems import Answers, Problems
from ..clouds import Clouds
from ..dual import Normal
from ..problem import Problem
from ..solution import Solution
from .schedule import LIMIT, value_tols
from .small_solutions import Found, SmallSolutions

if TYPE_CHECKING:
    from .sinkhorn import Sinkhorn
    from .small_starts import Starts

LARGEST = 2**18  # pairs: from there on the two-level steps need less time
MOST_ROWS = 2**26  # pairs of rows, before equal points are merged
SMALLEST_MASS = 1e-280  # of a point: products of weights and clipped entries stay apart from rounding
SMALLEST_BLUR = 3e-5  # of the diameter: the rounding of potentials of 1e9 eps is 1e-7 of a marginal
FINE = 1e-3  # of the diameter: at smaller blurs, small masses that have far to go make any estimate too small
MOST = 300  # iterations: what is not solved by then needs two-level steps
SELF_TOL = 1e-7  # of self problems, which are solved in a few iterations: their values are then beyond doubt


def suits(solver: Sinkhorn, starts: Starts | None = None) -> bool:
    """Whether a solver asks for nothing that the compiled solver of small problems does not do, from these starts."""
    is_usual = solver.dtype in (None, "float64")
    known, usual = {"tol", "max_iter", "backend", "dtype"}, _defaults(type(solver))  # type: ignore[arg-type]  # classes have hashes
    known = known if starts is None else {*known, "init"}
    return is_usual and all(value == usual[name] for name, value in solver._compared.items() if name not in known)


@cache
def _defaults(kind: type[Sinkhorn]) -> dict[str, Any]:
    return kind()._compared


def solve_small(
    clouds: Clouds,
    sources: Indices,
    targets: Indices,
    eps: float,
    solver: Sinkhorn,
    selves: dict[int, Solution] | None = None,
    starts: Starts | None = None,
    is_debiased: bool = True,
) -> SmallSolutions:
    """Solve what is small among the problems between pairs of clouds, each cloud's problem with itself only once.

    Parameters
    ----------
    clouds : Clouds
    sources, targets : (B,) int arrays
        Numbers of the clouds of each pair.
    eps : float
    solver : Sinkhorn
        One that suits.
    selves : dict, optional
        Self solutions that are known already by the numbers of their clouds; they are used as they are.
    starts : Starts, optional
        Of the problems of a single pair.
    is_debiased : bool
        Whether divergences are wanted, which ask for more accurate values and for the self problems.

    Returns
    -------
    SmallSolutions
    """
    forms, everyone = clouds.forms, np.arange(len(clouds))
    facts = survey(forms, sources, targets)
    are_equal, selves = facts.relations == 0, selves or {}
    same = _same(everyone, sources, targets, are_equal)
    are_wanted = same == everyone if is_debiased else np.zeros(len(clouds), dtype=bool)
    are_wanted[same[sources[are_equal]]] = True
    are_wanted[list(selves)] = False
    own, own_are_solved = _solve_own(forms, are_wanted, eps, solver, selves, starts)
    own_are_solved = own_are_solved[same]

    first, second = np.where(facts.relations > 0, (targets, sources), (sources, targets))  # the same bits for (b, a)
    are_ready = own_are_solved[sources] & own_are_solved[targets] | ~(is_debiased | are_equal)
    are_wanted = are_ready & _are_small(forms, facts, first, second, eps) & ~are_equal
    tols = value_tols(np.sqrt(eps), facts.diameters, solver.tol)
    beyond = None
    if starts is not None:
        of_second = starts.g if second[0] == targets[0] else starts.f
        beyond = [LOG2E / eps * of_second + own.of(same[second[0]]).v]
    problems = _problems(facts, same[first], same[second], eps, tols, are_wanted, beyond)
    if not is_debiased:
        problems.are_fine[:] = False
    cross = small_solver(solver.backend)(forms, problems, own, min(MOST, solver.max_iter))
    are_solved = are_ready & ((cross.errors <= tols) & cross.are_accurate | are_equal)
    found = Found(own, cross, same, facts.relations, are_solved, own_are_solved)
    return SmallSolutions(clouds, sources, targets, eps, solver, found, selves)


def _solve_own(
    forms: Forms, are_wanted: Booleans, eps: float, solver: Sinkhorn, selves: dict[int, Solution], starts: Starts | None
) -> tuple[Answers, Booleans]:
    """The answers for clouds with themselves, those that are known included, and which of these are solved."""
    everyone = np.arange(len(are_wanted))
    facts = survey(forms, everyone, everyone)
    tols = value_tols(np.sqrt(eps), facts.diameters, solver.tol)
    are_small = _are_small(forms, facts, everyone, everyone, eps)
    own_starts = (
        None if starts is None or len(everyone) != 2 else [LOG2E / eps * f for f in (starts.source, starts.target)]
    )
    problems = _problems(facts, everyone, everyone, eps, np.minimum(tols, SELF_TOL), are_wanted & are_small, own_starts)
    own = small_solver(solver.backend)(forms, problems, None, min(MOST, solver.max_iter))
    for k, solution in selves.items():
        if isinstance(solution.found, Normal) and solution.found.answer is not None:
            own.put(k, solution.found.answer, is_free=solution.solve_passes == 0)
    return own, are_small & (own.errors <= tols)


def solve_one_small(problem: Problem, solver: Sinkhorn) -> tuple[Solution | None, float]:
    """The solution of a problem, and the passes made for it; None for the solution if it is not small or unsolved."""
    clouds, numbers = Clouds.of_measures([problem.source, problem.target]), np.arange(2)
    if not suits(solver) or len(problem.source) * len(problem.target) > MOST_ROWS:
        return None, 0.0
    small = solve_small(clouds, numbers[:1], numbers[1:], problem.eps, solver, is_debiased=False)
    if not small.are_solved[0]:
        return None, small.passes_spent(0)
    return small.solution(0).of(problem), 0.0


def _same(everyone: Indices, sources: Indices, targets: Indices, are_equal: Booleans) -> Indices:
    """The number of the cloud that stands for each cloud: of those that are found to be equal, the first."""
    same = everyone.copy()
    if not are_equal.any():
        return same
    np.minimum.at(same, np.maximum(sources, targets)[are_equal], np.minimum(sources, targets)[are_equal])
    while (same[same] != same).any():
        same = same[same]
    return same


def _are_small(forms: Forms, facts: Survey, first: Indices, second: Indices, eps: float) -> Booleans:
    """Whether problems fit the cache, and neither the blur nor a weight is out of all proportion."""
    sizes, blur = sizes_of(forms.ends), np.sqrt(eps)
    is_usual = (blur >= SMALLEST_BLUR * facts.diameters) & (blur <= LIMIT * facts.diameters)
    fits = (sizes[first] * sizes[second] <= LARGEST) & (facts.least >= SMALLEST_MASS)
    return fits & (is_usual | (facts.diameters == 0))


def _problems(
    facts: Survey,
    first: Indices,
    second: Indices,
    eps: float,
    tols: Floats,
    are_wanted: Booleans,
    starts: list[Floats] | None,
) -> Problems:
    """The problems between clouds, each from its start, a potential of the second in bits, if there are any."""
    count, is_started = len(first), starts is not None
    flat = np.empty(0) if starts is None else np.concatenate(starts)
    are_fine, scales = np.sqrt(eps) < FINE * facts.diameters, np.full(count, LOG2E / 2 / eps)
    return Problems(first, second, scales, tols, are_fine, are_wanted, flat, np.full(count, is_started))
