"""Solve small problems by one compiled call, as dense problems that fit the cache of a core.

All other problems, and those that this call leaves unsolved, go to the main loop.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.choice import small_solver
from ..backends.cpu.small_problems import Problems
from ..backends.normal_forms import WEIGHT_ROUNDING
from ..backends.pointwise import LOG2E
from ..backends.small_survey import Limits, Survey, survey
from ..common.array_types import Booleans, Floats, Indices
from ..dual import Normal
from ..initializers import Auto
from ..measures.clouds import CloudPairs, Clouds
from ..problem import Problem
from ..results.solution import Solution
from ..terms import Terms
from .schedule import LEAST_TOL, LIMIT, SMALL_BLUR
from .small_scales import Balance
from .small_solutions import Found, SmallSolutions, Solved

if TYPE_CHECKING:
    from .sinkhorn import Sinkhorn
    from .small_starts import Starts

# Pairs of a problem: for more of them two-level steps, in which threads share a problem, need less
# time; they also need few passes from the start of a similar divergence.
LARGEST, LARGEST_STARTED = 2**20, 2**19
# In diameters. At n = 1024 and 1 %, Sinkhorn's iterations and two-level steps need the same time;
# at 0.5 %, the iterations that are given up need half as much as two-level steps. Self problems
# need few iterations at any blur.
FINE_BLUR, LARGEST_FINE = 0.0075, 2**18
# Of a point, so that products of weights and clipped entries do not underflow
SMALLEST_MASS = 1e-280
# For distances of 1: potentials of 1e9 eps have a rounding of 1e-7 of a marginal
SMALLEST_EPS = 9e-10
LARGEST_RATE = 1e6  # eps / rho: above, nothing is transported
LEAST_PRICED_MASS = 1e-150  # of a cloud, if marginals have a price: products of masses are no zeros
MOST = 1000  # iterations: problems that take more need two-level steps
# Of self problems, which take few iterations, so that their values are accurate beyond doubt
SELF_TOL = 1e-7
USUAL_START = Auto()


def suits(solver: Sinkhorn, terms: Terms, starts: Starts | None = None) -> bool:
    """Tell whether the compiled solver of small problems has all settings of a solver, serves these
    terms, and takes these starts.

    On GPUs, it serves only balanced problems with the cost |x - y|^2 / 2.
    """
    if solver.dtype == "float32" or not (terms.are_classical or solver.backend != "cuda"):
        return False
    if starts is None and solver._start != USUAL_START:
        return False
    usual = _unknown_settings(type(solver))  # type: ignore[arg-type]  # classes have hashes
    return all(getattr(solver, name) == value for name, value in usual)


def any_small(pairs: CloudPairs, is_started: bool = False) -> bool:
    """Tell whether the problem of a pair of clouds has few enough pairs, if needed after equal
    points are merged, and the cost is no function of the caller.
    """
    largest = _largest(is_started)
    (clouds, sources, targets, terms) = pairs
    marginals = terms.marginals
    if terms.profile is None or max(marginals.rates(terms.eps)) > LARGEST_RATE:
        return False
    if not marginals.are_exact and clouds.masses.min() < LEAST_PRICED_MASS:
        return False
    if (clouds.sizes[sources] * clouds.sizes[targets]).min() <= largest:
        return True
    sizes = {k: len(clouds.measure(k).reduced) for k in {*sources.tolist(), *targets.tolist()}}
    return any(
        sizes[i] * sizes[j] <= largest
        for i, j in zip(sources.tolist(), targets.tolist(), strict=True)
    )


def _largest(is_started: bool) -> int:
    return LARGEST_STARTED if is_started else LARGEST


@cache
def _unknown_settings(kind: type[Sinkhorn]) -> list[tuple[str, Any]]:
    """The settings that the compiled solver does not have, and their defaults."""
    known = {"init", "tol", "max_iter", "compression", "backend", "dtype"}
    return [(name, value) for name, value in kind().get_params().items() if name not in known]


def solve_small(
    pairs: CloudPairs,
    solver: Sinkhorn,
    is_started: bool = False,
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
    is_started : bool
        Whether this is a divergence with a start: larger problems are small without one.
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
    limits = _limits(terms, solver, is_started)
    everyone = np.arange(len(clouds))
    facts = _related(survey(clouds.forms, sources, targets, limits), pairs)
    are_equal = facts.relations == 0
    selves = selves or {}
    same = _same(everyone, sources, targets, are_equal)
    are_wanted = same == everyone if is_debiased else np.zeros(len(clouds), dtype=bool)
    if same is not everyone:
        are_wanted[same[sources[are_equal]]] = True
    if selves:
        are_wanted[list(selves)] = False
    own = _solve_own(pairs, are_wanted, solver, limits, selves, starts)
    own_are_solved = own.are_solved if same is everyone else own.are_solved[same]

    # The same bits for (b, a)
    are_turned = facts.relations > 0
    first = np.where(are_turned, targets, sources)
    second = np.where(are_turned, sources, targets)
    are_ready = own_are_solved[sources] & own_are_solved[targets]
    if not is_debiased:
        are_ready |= ~are_equal
        facts.are_fine[:] = False
    beyond = None
    if starts is not None:
        of_second = starts.g if second[0] == targets[0] else starts.f
        beyond = [LOG2E / terms.eps * of_second + own.answers.of(same[second[0]]).v]
    balance = Balance.of(pairs, are_turned, is_debiased)
    are_wanted = are_ready & facts.are_small & ~are_equal
    problems = _problems(facts, same[first], same[second], terms, balance, are_wanted, beyond)
    max_iter = min(MOST, solver.max_iter)
    cross = small_solver(solver.backend)(own.forms, problems, own.answers, max_iter)
    are_solved = are_ready & ((cross.errors <= problems.tols) & cross.are_accurate | are_equal)
    found = Found(own, Solved(own.forms, problems, cross, are_solved), same, facts.relations)
    return SmallSolutions(pairs, solver, found, selves)


def _limits(terms: Terms, solver: Sinkhorn, is_started: bool) -> Limits:
    """The limits below which a problem is small for a solver."""
    cost = terms.cost
    return Limits(
        blur=terms.blur,
        tol=solver.tol,
        least_tol=LEAST_TOL,
        small_blur=SMALL_BLUR,
        smallest_blur=cost.blur(SMALLEST_EPS),
        largest_blur=LIMIT,
        most_pairs=_largest(is_started),
        fine_blur=FINE_BLUR,
        most_fine_pairs=min(LARGEST_FINE, _largest(is_started)),
        least_mass=SMALLEST_MASS,
        has_sides=cost.has_sides,
        widest=cost.widest,
    )


def _related(facts: Survey, pairs: CloudPairs) -> Survey:
    """Facts about pairs in which only clouds of the same mass are equal, and of these only if both
    marginals have the same price.
    """
    (clouds, sources, targets, terms) = pairs
    marginals = terms.marginals
    if marginals.are_exact:
        return facts
    masses = clouds.masses
    excess = masses[sources] - masses[targets]
    are_same = np.abs(excess) <= WEIGHT_ROUNDING * np.maximum(masses[sources], masses[targets])
    if marginals != marginals.T:
        are_same[:] = False
    order = np.where(excess > 0, 1, -1)
    return facts._replace(
        relations=np.where((facts.relations == 0) & ~are_same, order, facts.relations)
    )


def _solve_own(
    pairs: CloudPairs,
    are_wanted: Booleans,
    solver: Sinkhorn,
    limits: Limits,
    selves: dict[int, Solution],
    starts: Starts | None,
) -> Solved:
    """The answers for clouds with themselves, including known ones, and which of them are
    solved.
    """
    (clouds, _, _, terms) = pairs
    everyone = np.arange(len(are_wanted))
    facts = survey(clouds.forms, everyone, everyone, limits._replace(fine_blur=0.0))
    own_starts = (
        None
        if starts is None or len(everyone) != 2
        else [LOG2E / terms.eps * f for f in (starts.source, starts.target)]
    )
    own_terms = terms._replace(marginals=terms.marginals.of_source())
    selfs = CloudPairs(clouds, everyone, everyone, own_terms)
    balance = Balance.of(selfs, are_wanted, is_debiased=False)
    sharp = facts._replace(tols=np.minimum(facts.tols, SELF_TOL))
    are_wanted = are_wanted & facts.are_small
    problems = _problems(sharp, everyone, everyone, terms, balance, are_wanted, own_starts)
    forms = clouds.places(terms.cost)
    own = small_solver(solver.backend)(forms, problems, None, min(MOST, solver.max_iter))
    for k, solution in selves.items():
        if isinstance(solution.found, Normal) and solution.found.answer is not None:
            own.put(k, solution.found.answer, is_free=solution.solve_passes == 0)
    return Solved(forms, problems, own, facts.are_small & (own.errors <= facts.tols))


def solve_one_small(problem: Problem, solver: Sinkhorn) -> tuple[Solution | None, float]:
    """Return the solution of a problem, or None if it is not small or stays unsolved, and the
    number of passes.
    """
    clouds = Clouds.of_measures([problem.source, problem.target])
    (source, target) = np.arange(2)[:, None]
    pair = CloudPairs(clouds, source, target, problem.terms)
    if not suits(solver, problem.terms) or not any_small(pair):
        return None, 0.0
    small = solve_small(pair, solver, is_debiased=False)
    if not small.are_solved[0]:
        return None, small.passes_spent(0)
    return small.solution(0).of(problem), 0.0


def _same(everyone: Indices, sources: Indices, targets: Indices, are_equal: Booleans) -> Indices:
    """The number of the cloud that represents each cloud: the first of equal clouds."""
    if not are_equal.any():
        return everyone
    same = everyone.copy()
    np.minimum.at(
        same, np.maximum(sources, targets)[are_equal], np.minimum(sources, targets)[are_equal]
    )
    while (same[same] != same).any():
        same = same[same]
    return same


def _problems(
    facts: Survey,
    first: Indices,
    second: Indices,
    terms: Terms,
    balance: Balance,
    are_wanted: Booleans,
    starts: list[Floats] | None,
) -> Problems:
    """The problems between clouds. Starts, if there are any, are potentials of the second cloud in
    bits.
    """
    return Problems(
        sources=first,
        targets=second,
        profile=terms.profile,
        rates=balance.rates,
        tols=facts.tols,
        shares=balance.shares,
        constants=balance.constants,
        are_fine=facts.are_fine,
        are_wanted=are_wanted,
        starts=np.empty(0) if starts is None else np.concatenate(starts),
        are_started=np.array([starts is not None] * len(first)),
    )
