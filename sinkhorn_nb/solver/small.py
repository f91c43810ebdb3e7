"""Solve small problems by one compiled call, as dense problems that fit the cache of a core.

All other problems, and those that this call leaves unsolved, go to the main loop.
"""

from functools import cache

import numpy as np

from ..backends.choice import small_solver
from ..backends.normal_forms import sizes_of, survey
from ..backends.small_problems import Problems
from ..clouds import Clouds
from ..dual import Normal
from ..gibbs import LOG2E
from .schedule import LIMIT, value_tols
from .small_solutions import Found, SmallSolutions

# Pairs of a problem: for more of them two-level steps, in which threads share a problem, need less time. In a batch,
# each thread has a problem of its own.
LARGEST_ALONE, LARGEST_TOGETHER = 2**18, 2**20
SMALLEST_MASS = 1e-280  # of a point, so that products of weights and clipped entries do not underflow
SMALLEST_BLUR = 3e-5  # of the diameter: potentials of 1e9 eps have a rounding of 1e-7 of a marginal
FINE = 1e-3  # of the diameter: at smaller blurs, small masses that must move far make any estimate too small
MOST = 1000  # iterations: problems that take more need two-level steps
SELF_TOL = 1e-7  # of self problems, which take few iterations, so that their values are accurate beyond doubt


def suits(solver, starts=None):
    """Tell whether the compiled solver of small problems has all settings of a solver, and takes these starts."""
    is_usual = solver.dtype in (None, "float64")
    known, usual = {"tol", "max_iter", "backend", "dtype"}, _defaults(type(solver))
    known = known if starts is None else {*known, "init"}
    return is_usual and all(value == usual[name] for name, value in solver._compared.items() if name not in known)


def any_small(clouds, sources, targets, is_alone=False):
    """Tell whether the problem of a pair of clouds has few enough pairs, if needed after equal points are merged."""
    largest = _largest(is_alone)
    if (clouds.sizes[sources] * clouds.sizes[targets]).min() <= largest:
        return True
    sizes = {k: len(clouds.measure(k).reduced) for k in {*sources.tolist(), *targets.tolist()}}
    return any(sizes[i] * sizes[j] <= largest for i, j in zip(sources.tolist(), targets.tolist(), strict=True))


def _largest(is_alone):
    return LARGEST_ALONE if is_alone else LARGEST_TOGETHER


@cache
def _defaults(kind):
    return kind()._compared


def solve_small(clouds, sources, targets, eps, solver, is_alone=False, selves=None, starts=None, is_debiased=True):
    """Solve the small problems between pairs of clouds; each cloud's self problem is solved only once.

    Parameters
    ----------
    clouds : Clouds
    sources, targets : (B,) int arrays
        Numbers of the clouds of each pair.
    eps : float
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
    forms, everyone, largest = clouds.forms, np.arange(len(clouds)), _largest(is_alone)
    facts = survey(forms, sources, targets)
    are_equal, selves = facts.relations == 0, selves or {}
    same = _same(everyone, sources, targets, are_equal)
    are_wanted = same == everyone if is_debiased else np.zeros(len(clouds), dtype=bool)
    are_wanted[same[sources[are_equal]]] = True
    are_wanted[list(selves)] = False
    own, own_are_solved = _solve_own(forms, are_wanted, eps, solver, largest, selves, starts)
    own_are_solved = own_are_solved[same]

    first, second = np.where(facts.relations > 0, (targets, sources), (sources, targets))  # the same bits for (b, a)
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
    return SmallSolutions(clouds, sources, targets, eps, solver, found, selves)


def _solve_own(forms, are_wanted, eps, solver, largest, selves, starts):
    """The answers for clouds with themselves, including known ones, and which of them are solved."""
    everyone = np.arange(len(are_wanted))
    facts = survey(forms, everyone, everyone)
    tols = value_tols(np.sqrt(eps), facts.diameters, solver.tol)
    are_small = _are_small(forms, facts, everyone, everyone, eps, largest)
    own_starts = (
        None if starts is None or len(everyone) != 2 else [LOG2E / eps * f for f in (starts.source, starts.target)]
    )
    problems = _problems(facts, everyone, everyone, eps, np.minimum(tols, SELF_TOL), are_wanted & are_small, own_starts)
    own = small_solver(solver.backend)(forms, problems, None, min(MOST, solver.max_iter))
    for k, solution in selves.items():
        if isinstance(solution.found, Normal) and solution.found.answer is not None:
            own.put(k, solution.found.answer, is_free=solution.solve_passes == 0)
    return own, are_small & (own.errors <= tols)


def solve_one_small(problem, solver):
    """Return the solution of a problem, or None if it is not small or stays unsolved, and the number of passes."""
    clouds, numbers = Clouds.of_measures([problem.source, problem.target]), np.arange(2)
    if not suits(solver) or not any_small(clouds, numbers[:1], numbers[1:], is_alone=True):
        return None, 0.0
    small = solve_small(clouds, numbers[:1], numbers[1:], problem.eps, solver, is_alone=True, is_debiased=False)
    if not small.are_solved[0]:
        return None, small.passes_spent(0)
    return small.solution(0).of(problem), 0.0


def _same(everyone, sources, targets, are_equal):
    """The number of the cloud that represents each cloud: the first of equal clouds."""
    same = everyone.copy()
    if not are_equal.any():
        return same
    np.minimum.at(same, np.maximum(sources, targets)[are_equal], np.minimum(sources, targets)[are_equal])
    while (same[same] != same).any():
        same = same[same]
    return same


def _are_small(forms, facts, first, second, eps, largest):
    """Tell whether problems fit the cache, with no extreme blur or weight."""
    sizes, blur = sizes_of(forms.ends), np.sqrt(eps)
    is_usual = (blur >= SMALLEST_BLUR * facts.diameters) & (blur <= LIMIT * facts.diameters)
    fits = (sizes[first] * sizes[second] <= largest) & (facts.least >= SMALLEST_MASS)
    return fits & (is_usual | (facts.diameters == 0))


def _problems(facts, first, second, eps, tols, are_wanted, starts):
    """The problems between clouds. Starts, if there are any, are potentials of the second cloud in bits."""
    count, is_started = len(first), starts is not None
    flat = np.concatenate(starts) if is_started else np.empty(0)
    are_fine, scales = np.sqrt(eps) < FINE * facts.diameters, np.full(count, LOG2E / 2 / eps)
    return Problems(first, second, scales, tols, are_fine, are_wanted, flat, np.full(count, is_started))
