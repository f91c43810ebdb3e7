"""Solve small problems by one compiled call, as dense problems that fit the cache of a core.

All other problems, and those that this call leaves unsolved, go to the main loop.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.choice import small_solver
from ..backends.cpu.small_problems import Answers, Problems
from ..backends.normal_forms import Forms, Survey, sizes_of, survey
from ..backends.pointwise import LOG2E
from ..backends.small_rules import FINE
from ..common.array_types import Booleans, Floats, Indices
from ..dual import Normal
from ..measures.clouds import CloudPairs, Clouds
from ..problem import Problem
from ..results.solution import Solution
from .schedule import LIMIT, value_tols
from .small_solutions import Found, SmallSolutions

if TYPE_CHECKING:
    from .sinkhorn import Sinkhorn
    from .small_starts import Starts

# Pairs of a problem: for more of them two-level steps, in which threads share a problem, need less
# time. In a batch, each thread has a problem of its own.
LARGEST_ALONE, LARGEST_TOGETHER = 2**18, 2**20
# Of a point, so that products of weights and clipped entries do not underflow
SMALLEST_MASS = 1e-280
SMALLEST_BLUR = 3e-5  # of the diameter: potentials of 1e9 eps have a rounding of 1e-7 of a marginal
MOST = 1000  # iterations: problems that take more need two-level steps
# Of self problems, which take few iterations, so that their values are accurate beyond doubt
SELF_TOL = 1e-7


def suits(solver: Sinkhorn, starts: Starts | None = None) -> bool:
    """Tell whether the compiled solver of small problems has all settings of a solver, and takes
    these starts.
    """
    is_usual = solver.dtype in (None, "float64")
    known, usual = {"tol", "max_iter", "compression", "backend", "dtype"}, _defaults(type(solver))  # type: ignore[arg-type]  # classes have hashes
    known = known if starts is None else {*known, "init"}
    return is_usual and all(
        value == usual[name] for name, value in solver._compared.items() if name not in known
    )


def any_small(pairs: CloudPairs, is_alone: bool = False) -> bool:
    """Tell whether the problem of a pair of clouds has few enough pairs, if needed after equal
    points are merged, and is balanced with the cost |x - y|^2 / 2.
    """
    largest = _largest(is_alone)
    (clouds, sources, targets, terms) = pairs
    if not terms.are_classical:
        return False
    if (clouds.sizes[sources] * clouds.sizes[targets]).min() <= largest:
        return True
    sizes = {k: len(clouds.measure(k).reduced) for k in {*sources.tolist(), *targets.tolist()}}
    return any(
        sizes[i] * sizes[j] <= largest
        for i, j in zip(sources.tolist(), targets.tolist(), strict=True)
    )


def _largest(is_alone: bool) -> int:
    return LARGEST_ALONE if is_alone else LARGEST_TOGETHER


@cache
def _defaults(kind: type[Sinkhorn]) -> dict[str, Any]:
    return kind()._compared


def solve_small(
    pairs: CloudPairs,
    solver: Sinkhorn,
    is_alone: bool = False,
    selves: dict[int, Solution] | None = None,
    starts: Starts | None = None,
    is_debiased: bool = True,
) -> SmallSolutions:
    """Solve the small problems between pairs of clouds; each cloud's self problem is solved only
    once.

    Parameters
    ----------
    pairs : CloudPairs
    solver : Sinkhorn
        A solver that `suits`.
    is_alone : bool
        Whether this is no batch: larger problems are small in a batch.
    selves : dict, optional
        Known self solutions by the numbers of their clouds; they are used unchanged.
    starts : Starts, optional
        Starts of the problems of a single pair.
    is_debiased : bool
        Whether divergences are wanted, which require more accurate values and the self problems.

    Returns
    -------
    SmallSolutions
    """
    (clouds, sources, targets, terms) = pairs
    largest = _largest(is_alone)
    eps = terms.eps
    forms = clouds.forms
    everyone = np.arange(len(clouds))
    facts = survey(forms, sources, targets)
    are_equal = facts.relations == 0
    selves = selves or {}
    same = _same(everyone, sources, targets, are_equal)
    are_wanted = same == everyone if is_debiased else np.zeros(len(clouds), dtype=bool)
    are_wanted[same[sources[are_equal]]] = True
    are_wanted[list(selves)] = False
    own, own_are_solved = _solve_own(forms, are_wanted, eps, solver, largest, selves, starts)
    own_are_solved = own_are_solved[same]

    # The same bits for (b, a)
    first, second = np.where(facts.relations > 0, (targets, sources), (sources, targets))
    are_ready = own_are_solved[sources] & own_are_solved[targets] | ~(is_debiased | are_equal)
    are_wanted = are_ready & _are_small(forms, facts, first, second, eps, largest) & ~are_equal
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
    return SmallSolutions(pairs, solver, found, selves)


def _solve_own(
    forms: Forms,
    are_wanted: Booleans,
    eps: float,
    solver: Sinkhorn,
    largest: int,
    selves: dict[int, Solution],
    starts: Starts | None,
) -> tuple[Answers, Booleans]:
    """The answers for clouds with themselves, including known ones, and which of them are
    solved.
    """
    everyone = np.arange(len(are_wanted))
    facts = survey(forms, everyone, everyone)
    tols = value_tols(np.sqrt(eps), facts.diameters, solver.tol)
    are_small = _are_small(forms, facts, everyone, everyone, eps, largest)
    own_starts = (
        None
        if starts is None or len(everyone) != 2
        else [LOG2E / eps * f for f in (starts.source, starts.target)]
    )
    problems = _problems(
        facts,
        everyone,
        everyone,
        eps,
        np.minimum(tols, SELF_TOL),
        are_wanted & are_small,
        own_starts,
    )
    own = small_solver(solver.backend)(forms, problems, None, min(MOST, solver.max_iter))
    for k, solution in selves.items():
        if isinstance(solution.found, Normal) and solution.found.answer is not None:
            own.put(k, solution.found.answer, is_free=solution.solve_passes == 0)
    return own, are_small & (own.errors <= tols)


def solve_one_small(problem: Problem, solver: Sinkhorn) -> tuple[Solution | None, float]:
    """Return the solution of a problem, or None if it is not small or stays unsolved, and the
    number of passes.
    """
    clouds = Clouds.of_measures([problem.source, problem.target])
    (source, target) = np.arange(2)[:, None]
    pair = CloudPairs(clouds, source, target, problem.terms)
    if not suits(solver) or not any_small(pair, is_alone=True):
        return None, 0.0
    small = solve_small(pair, solver, is_alone=True, is_debiased=False)
    if not small.are_solved[0]:
        return None, small.passes_spent(0)
    return small.solution(0).of(problem), 0.0


def _same(everyone: Indices, sources: Indices, targets: Indices, are_equal: Booleans) -> Indices:
    """The number of the cloud that represents each cloud: the first of equal clouds."""
    same = everyone.copy()
    if not are_equal.any():
        return same
    np.minimum.at(
        same, np.maximum(sources, targets)[are_equal], np.minimum(sources, targets)[are_equal]
    )
    while (same[same] != same).any():
        same = same[same]
    return same


def _are_small(
    forms: Forms, facts: Survey, first: Indices, second: Indices, eps: float, largest: int
) -> Booleans:
    """Tell whether problems fit the cache, with no extreme blur or weight."""
    sizes = sizes_of(forms.ends)
    blur = np.sqrt(eps)
    is_usual = (blur >= SMALLEST_BLUR * facts.diameters) & (blur <= LIMIT * facts.diameters)
    fits = (sizes[first] * sizes[second] <= largest) & (facts.least >= SMALLEST_MASS)
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
    """The problems between clouds. Starts, if there are any, are potentials of the second cloud in
    bits.
    """
    count = len(first)
    is_started = starts is not None
    flat = np.empty(0) if starts is None else np.concatenate(starts)
    are_fine = np.sqrt(eps) < FINE * facts.diameters
    scales = np.full(count, LOG2E / 2 / eps)
    return Problems(
        first, second, scales, tols, are_fine, are_wanted, flat, np.full(count, is_started)
    )
