"""Small problems: each is solved whole by one compiled call, as a dense problem that fits the cache of a core.

The others, and those that this leaves unsolved, go to the main loop.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from ..backends.choice import small_solver
from ..backends.normal_forms import survey
from ..backends.small_gradients import Solved, gradients
from ..backends.small_problems import Answers, Problems
from ..caching import cached_property, know
from ..clouds import Clouds
from ..dual import Iterate, Normal, balanced
from ..gibbs import LOG2E
from ..problem import Problem
from ..solution import Solution
from ..status import Status
from .schedule import LIMIT, value_tols

LARGEST = 2**18  # pairs: from there on the two-level steps need less time
MOST_ROWS = 2**26  # pairs of rows, before equal points are merged
SMALLEST_MASS = 1e-280  # of a point: products of weights and clipped entries stay apart from rounding
SMALLEST_BLUR = 3e-5  # of the diameter: the rounding of potentials of 1e9 eps is 1e-7 of a marginal
FINE = 1e-3  # of the diameter: at smaller blurs, small masses that have far to go make any estimate too small
MOST = 300  # iterations: what is not solved by then needs two-level steps
SELF_TOL = 1e-7  # of self problems, which are solved in a few iterations: their values are then beyond doubt
# Passes for an iteration, which reads the kernel, for building it, and for a level of annealing, which does both.
PASSES, SELF_PASSES = np.array([1.0, 1.0, 2.0]), np.array([0.5, 1.0, 0.0])


def suits(solver):
    """Whether a solver asks for nothing that the compiled solver of small problems does not do."""
    is_usual = solver.dtype in (None, "float64")
    known, usual = {"tol", "max_iter", "backend", "dtype"}, _defaults(type(solver))
    return is_usual and all(value == usual[name] for name, value in solver._compared.items() if name not in known)


@cache
def _defaults(kind):
    return kind()._compared


def solve_small(clouds, sources, targets, eps, solver, selves=None, is_debiased=True):
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
    is_debiased : bool
        Whether divergences are wanted, which ask for more accurate values and for the self problems.

    Returns
    -------
    SmallSolutions
    """
    forms, blur, max_iter, solve_all = (
        clouds.forms,
        np.sqrt(eps),
        min(MOST, solver.max_iter),
        small_solver(solver.backend),
    )
    facts, everyone = survey(forms, sources, targets), np.arange(len(clouds))
    are_equal = facts.relations == 0
    same = _same(everyone, sources, targets, are_equal)
    own_facts = survey(forms, everyone, everyone)
    own_tols = value_tols(blur, own_facts.diameters, solver.tol)
    own_are_small = _are_small(forms, own_facts, everyone, everyone, blur)
    selves = selves or {}
    known = {k: own.found.answer for k, own in selves.items() if isinstance(own.found, Normal) and own.found.answer}
    are_wanted = own_are_small & (same == everyone) & ~np.isin(everyone, list(selves))
    if not is_debiased:
        are_wanted &= np.isin(everyone, same[sources[are_equal]])
    own_problems = _problems(own_facts, everyone, everyone, eps, np.minimum(own_tols, SELF_TOL), are_wanted)
    own = solve_all(forms, own_problems, None, max_iter)
    for k, answer in known.items():
        own.put(k, answer)
    own_are_solved = own_are_small & (own.errors <= own_tols)[same]

    tols = value_tols(blur, facts.diameters, solver.tol)
    first, second = np.where(facts.relations > 0, (targets, sources), (sources, targets))  # the same bits for (b, a)
    are_ready = own_are_solved[sources] & own_are_solved[targets] | ~(is_debiased | are_equal)
    are_wanted = are_ready & _are_small(forms, facts, first, second, blur) & ~are_equal
    cross = solve_all(
        forms, _problems(facts, same[first], same[second], eps, tols, are_wanted, is_debiased), own, max_iter
    )
    are_solved = are_ready & ((cross.errors <= tols) & cross.are_accurate | are_equal)
    found = Found(own, cross, same, facts.relations, are_solved, own_are_solved)
    return SmallSolutions(clouds, sources, targets, eps, solver, found, selves)


def solve_one_small(problem, solver):
    """The solution of a problem, and the passes made for it; None for the solution if it is not small or unsolved."""
    clouds, numbers = Clouds.of_measures([problem.source, problem.target]), np.arange(2)
    if not suits(solver) or len(problem.source) * len(problem.target) > MOST_ROWS:
        return None, 0.0
    small = solve_small(clouds, numbers[:1], numbers[1:], problem.eps, solver, is_debiased=False)
    if not small.are_solved[0]:
        return None, small.passes_spent(0)
    return small.solution(0).of(problem), 0.0


def _same(everyone, sources, targets, are_equal):
    """The number of the cloud that stands for each cloud: of those that are found to be equal, the first."""
    same = everyone.copy()
    np.minimum.at(same, np.maximum(sources, targets)[are_equal], np.minimum(sources, targets)[are_equal])
    while (same[same] != same).any():
        same = same[same]
    return same


def _are_small(forms, facts, first, second, blur):
    """Whether problems fit the cache, and neither the blur nor a weight is out of all proportion."""
    sizes = np.diff(forms.ends)
    is_usual = (blur >= SMALLEST_BLUR * facts.diameters) & (blur <= LIMIT * facts.diameters)
    fits = (sizes[first] * sizes[second] <= LARGEST) & (facts.least >= SMALLEST_MASS)
    return fits & (is_usual | (facts.diameters == 0))


def _problems(facts, first, second, eps, tols, are_wanted, is_debiased=False):
    count = len(first)
    are_fine = is_debiased & (np.sqrt(eps) < FINE * facts.diameters)
    scales = np.full(count, LOG2E / 2 / eps)
    return Problems(first, second, scales, tols, are_fine, are_wanted, np.empty(0), np.zeros(count, dtype=bool))


class Found(NamedTuple):
    """What the compiled solver found for clouds and for pairs of them."""

    own: Answers  # of each cloud with itself
    cross: Answers
    same: np.ndarray  # the number of the cloud whose self problem stands for that of each
    relations: np.ndarray  # as in a Survey
    are_solved: np.ndarray  # pairs
    own_are_solved: np.ndarray  # clouds


class SmallSolutions:
    """The solutions of small problems between pairs of clouds, as arrays, and one by one when they are asked for.

    Attributes
    ----------
    are_solved : (B,) bool array
        Whether all that was asked for was reached. Everything else is about these.
    value, n_iter, n_passes, marginal_error : (B,) arrays
        Those of the divergences.
    """

    def __init__(self, clouds, sources, targets, eps, solver, found, selves=None):
        self.clouds, self.sources, self.targets, self.eps = clouds, sources, targets, eps
        self._own, self._cross, self._same, self._relations, self.are_solved, self._own_are_solved = found
        self._tol, self._backend, self._self_solutions = solver.tol, solver.backend, dict(selves or {})
        self._x, self._y = self._same[sources], self._same[targets]

    @cached_property
    def are_equal(self):
        """(B,) whether the two clouds are the same measure: its problem with itself serves."""
        return self._relations == 0

    @cached_property
    def value(self):
        """(B,) S_eps."""
        unit, masses, are_solved = self.eps / LOG2E, self.clouds.masses, self.are_solved & ~self.are_equal
        cross = (
            (masses[self.sources] + masses[self.targets]) / 2 * (unit * np.where(are_solved, self._cross.values, 0.0))
        )
        sides = (self.sources, self._x), (self.targets, self._y)
        of_x, of_y = (masses[k] * (unit * np.where(are_solved, self._own.values[s], 0.0)) for k, s in sides)
        differences = cross - (of_x + of_y) / 2
        return np.maximum(differences, 0.0)

    @property
    def converged(self):
        """(B,) all of them are."""
        return self.are_solved

    @cached_property
    def n_iter(self):
        """(B,) the most iterations of the three."""
        return self._largest(self._cross.counts[:, 0], self._own.counts[:, 0])

    @cached_property
    def marginal_error(self):
        """(B,) the largest of the three."""
        return self._largest(np.where(self.are_equal, 0.0, self._cross.errors), self._own.errors)

    @cached_property
    def n_passes(self):
        """(B,) sweeps over the n x m pairs of each."""
        sizes = np.diff(self.clouds.forms.ends)
        own, pairs = self._own.counts @ SELF_PASSES * sizes**2, sizes[self.sources] * sizes[self.targets]
        cross = np.where(self.are_equal, 0.0, self._cross.counts @ PASSES * pairs)
        return (cross + own[self._x] + np.where(self._x == self._y, 0.0, own[self._y])) / pairs

    def _largest(self, of_cross, of_self):
        return np.maximum(of_cross, np.maximum(of_self[self._x], of_self[self._y]))

    def passes_spent(self, q):
        """Passes made for the problem between the clouds of a pair, solved or not."""
        return float(self._cross.counts[q] @ PASSES)

    def solved_self(self, k):
        """The solution of the problem of a cloud with itself, or None if that is not solved."""
        return self.self_solution(k) if self._own_are_solved[k] else None

    def self_solution(self, k):
        """The solution of the problem of a cloud with itself."""
        if k not in self._self_solutions:
            measure, first = self.clouds.measure(k), int(self._same[k])
            problem = know(Problem(measure, measure, self.eps), is_self=True)
            self._self_solutions[k] = (
                self._solved_self(problem, k) if first == k else self.self_solution(first).of(problem)
            )
        return self._self_solutions[k]

    def _solved_self(self, problem, k):
        span, a = slice(*self._own.v_ends[k : k + 2]), self.clouds.normal_form(k).probabilities
        f, logs = self.eps / LOG2E * self._own.v[span], self._own.logs[span] / LOG2E
        return self._solution(problem, Normal(Iterate(f, f, logs, logs), a, a, self._own.of(k)), self._own, k)

    def problem(self, q):
        """The problem between the clouds of a pair."""
        i, j = int(self.sources[q]), int(self.targets[q])
        problem = Problem(self.clouds.measure(i), self.clouds.measure(j), self.eps)
        return know(problem, is_self=bool(self.are_equal[q]))

    def solutions(self, q):
        """Those of the problem between the clouds of a pair and of each of them with itself; equal ones have one."""
        i, j = int(self.sources[q]), int(self.targets[q])
        if self.are_equal[q]:
            return (self.self_solution(i),) * 3
        return self.solution(q), self.self_solution(i), self.self_solution(j)

    def solution(self, q):
        """That of the problem between the clouds of a pair."""
        if self.are_equal[q]:
            return self.self_solution(int(self.sources[q]))
        is_turned, cross, unit = self._relations[q] > 0, self._cross, self.eps / LOG2E
        a, b = (self.clouds.normal_form(k[q]).probabilities for k in (self.sources, self.targets))
        a, b = (b, a) if is_turned else (a, b)
        u_span, v_span = slice(*cross.u_ends[q : q + 2]), slice(*cross.v_ends[q : q + 2])
        f, g = balanced(a, b, unit * cross.u[u_span], unit * cross.v[v_span])
        found = Normal(Iterate(f, g, np.zeros(len(f)), cross.logs[v_span] / LOG2E), a, b)
        return self._solution(self.problem(q), found.T if is_turned else found, cross, q)

    def has_inert_rows(self, q):
        """Whether a cloud of a pair has rows without mass: their potentials take a softmin each."""
        return bool(self._have_inert_rows[self.sources[q]] or self._have_inert_rows[self.targets[q]])

    @cached_property
    def _have_inert_rows(self):
        return np.minimum.reduceat(self.clouds.forms.owners, self.clouds.rows.ends[:-1]) < 0

    def gradients(self):
        """The gradients of the divergences per row of the caller, in flat arrays; rows without mass have zeros."""
        are_wanted, scale = self.are_solved & ~self.are_equal, LOG2E / 2 / self.eps
        pairs = self.sources, self.targets, self._relations > 0, are_wanted, scale, self.eps / LOG2E, self.value
        solved = Solved(*pairs, self._same, self.clouds.masses)
        return gradients(self.clouds.forms, self.clouds.rows, solved, self._own, self._cross)

    def _solution(self, problem, found, answers, q):
        n_iter, error = answers.counts[q, 0], float(answers.errors[q])
        units = SELF_PASSES if problem.is_self else PASSES
        passes, history = float(answers.counts[q] @ units), answers.histories[q, :n_iter].copy()
        solution = Solution(problem, found, Status.CONVERGED, passes, history, "float64", self._tol, self._backend)
        return know(solution, marginal_error=error, _dual=float(self.eps / LOG2E * answers.values[q]))
