"""Solutions that the compiled solver of small problems has found, as arrays and as objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..backends.cpu.small_problems import Answers, Problems
from ..backends.normal_forms import Forms, sizes_of
from ..backends.pointwise import LOG2E
from ..common.array_types import Booleans, Floats, Indices, Numbers
from ..common.caching import cached_property, know
from ..dual import Dual, Iterate, Normal
from ..measures.clouds import CloudPairs
from ..problem import Problem
from ..results.solution import Solution
from ..results.status import Status
from ..terms import Terms
from .small_gradients import FlatGradients, flat_gradients
from .small_scales import PairScales, differences

if TYPE_CHECKING:
    from .sinkhorn import Sinkhorn

# Passes per iteration, which reads the kernel, per build of the kernel, and per level of annealing,
# which does both.
PASSES = np.array([1.0, 1.0, 2.0])
SELF_PASSES = np.array([0.5, 1.0, 0.0])


class Solved(NamedTuple):
    """Problems and the answers to them."""

    forms: Forms  # with the points that the cost takes
    problems: Problems
    answers: Answers
    are_solved: Booleans


class Found(NamedTuple):
    """The results of the compiled solver for clouds and for pairs of clouds."""

    own: Solved  # for each cloud with itself
    cross: Solved
    same: Indices  # the number of the cloud that represents each cloud in self problems
    relations: Indices  # the same as in a Survey


class SmallSolutions:
    """The solutions of small problems between pairs of clouds: arrays for all of them, and objects
    made at first use.

    Attributes
    ----------
    are_solved : (B,) bool array
        Whether the required accuracy was reached. All other attributes are valid for these pairs.
    value, n_iter, n_passes, marginal_error : (B,) arrays
        The attributes of the divergences.
    """

    def __init__(
        self,
        pairs: CloudPairs,
        solver: Sinkhorn,
        found: Found,
        selves: dict[int, Solution] | None = None,
    ) -> None:
        self.clouds, self.sources, self.targets, self._terms = self._pairs = pairs
        self.eps = self._terms.eps
        own, cross, self._same, self._relations = found
        self._own = own.answers
        self._own_are_solved = own.are_solved[self._same]
        self._cross = cross.answers
        self.are_solved = cross.are_solved
        self._found = found
        self._tol = solver.tol
        self._backend = solver.backend
        self._self_solutions = dict(selves or {})
        self._x = self._same[self.sources]
        self._y = self._same[self.targets]

    @cached_property
    def are_equal(self) -> Booleans:
        """(B,) whether the two clouds are the same measure, so that its self problem serves."""
        return self._relations == 0

    @cached_property
    def _scales(self) -> PairScales:
        return PairScales.of(self._pairs)

    @cached_property
    def value(self) -> Floats:
        """(B,) S_eps."""
        unit = self.eps / LOG2E
        are_solved = self.are_solved & ~self.are_equal
        cross = unit * np.where(are_solved, self._cross.values, 0.0)
        own = unit * np.where(self._own.errors < np.inf, self._own.values, 0.0)
        values = differences(self._pairs, self._scales, self._same, cross, own)
        return np.where(are_solved, np.maximum(values, 0.0), 0.0)

    @property
    def converged(self) -> Booleans:
        """(B,) whether the pairs have converged: those that are solved have."""
        return self.are_solved

    @cached_property
    def n_iter(self) -> Indices:
        """(B,) largest numbers of iterations of the three solutions."""
        return self._largest(self._cross.counts[:, 0], self._own.counts[:, 0])

    @cached_property
    def marginal_error(self) -> Floats:
        """(B,) largest marginal errors of the three solutions."""
        return self._largest(np.where(self.are_equal, 0.0, self._cross.errors), self._own.errors)

    @cached_property
    def n_passes(self) -> Floats:
        """(B,) sweeps over the n x m pairs of points of each pair."""
        sizes = sizes_of(self.clouds.forms.ends)
        own = self._own.counts @ SELF_PASSES * sizes**2
        pairs = sizes[self.sources] * sizes[self.targets]
        cross = np.where(self.are_equal, 0.0, self._cross.counts @ PASSES * pairs)
        return (cross + own[self._x] + np.where(self._x == self._y, 0.0, own[self._y])) / pairs

    def _largest(self, of_cross: Numbers, of_self: Numbers) -> Numbers:
        return np.maximum(of_cross, np.maximum(of_self[self._x], of_self[self._y]))

    def passes_spent(self, q: int) -> float:
        """Number of passes for the problem between the clouds of a pair, solved or not."""
        return float(self._cross.counts[q] @ PASSES)

    def solved_self(self, k: int) -> Solution | None:
        """The self solution of a cloud, or None if its self problem is not solved."""
        return self.self_solution(k) if self._own_are_solved[k] else None

    def self_solution(self, k: int) -> Solution:
        """The self solution of a cloud."""
        if k not in self._self_solutions:
            measure = self.clouds.measure(k)
            first = int(self._same[k])
            problem = know(Problem(measure, measure, *self._own_terms), is_self=True)
            self._self_solutions[k] = (
                self._solved_self(problem, k)
                if first == k
                else self.self_solution(first).of(problem)
            )
        return self._self_solutions[k]

    def _solved_self(self, problem: Problem, k: int) -> Solution:
        span = slice(*self._own.v_ends[k : k + 2])
        a = self.clouds.normal_form(k).probabilities
        v = self._own.v[span]
        f = self.eps / LOG2E * v
        rate = self._terms.marginals.rates(self.eps)[0]
        logs = (self._own.logs[span] - rate * v) / LOG2E
        return self._solution(
            problem, Normal(Iterate(f, f, logs, logs), a, a, self._own.of(k)), self._own, k
        )

    @property
    def _own_terms(self) -> Terms:
        return self._terms._replace(marginals=self._terms.marginals.of_source())

    def problem(self, q: int) -> Problem:
        """The problem between the clouds of a pair."""
        i = int(self.sources[q])
        j = int(self.targets[q])
        problem = Problem(self.clouds.measure(i), self.clouds.measure(j), *self._terms)
        return know(problem, is_self=bool(self.are_equal[q]))

    def solutions(self, q: int) -> tuple[Solution, Solution, Solution]:
        """The solution between the clouds of a pair and their self solutions; equal clouds have one
        solution.
        """
        i = int(self.sources[q])
        j = int(self.targets[q])
        if self.are_equal[q]:
            return (self.self_solution(i),) * 3
        return self.solution(q), self.self_solution(i), self.self_solution(j)

    def solution(self, q: int) -> Solution:
        """The solution of the problem between the clouds of a pair."""
        if self.are_equal[q]:
            return self.self_solution(int(self.sources[q]))
        is_turned = self._relations[q] > 0
        cross = self._cross
        unit = self.eps / LOG2E
        a, b = (self.clouds.normal_form(k[q]).probabilities for k in (self.sources, self.targets))
        a, b = (b, a) if is_turned else (a, b)
        u = cross.u[slice(*cross.u_ends[q : q + 2])]
        v_span = slice(*cross.v_ends[q : q + 2])
        v = cross.v[v_span]
        marginals = self._terms.marginals
        dual = Dual(a, b, self.eps, marginals.T if is_turned else marginals)
        f, g = dual.balanced(unit * u, unit * v)
        log_rows = -dual.rates[0] / LOG2E * u
        log_columns = (cross.logs[v_span] - dual.rates[1] * v) / LOG2E
        found = Normal(Iterate(f, g, log_rows, log_columns), a, b)
        return self._solution(self.problem(q), found.T if is_turned else found, cross, q)

    def has_flat_gradient(self, q: int) -> bool:
        """Whether `gradients` includes a pair: it excludes rows without mass, because each of them
        needs a softmin.
        """
        is_inert = self._have_inert_rows[self.sources[q]] or self._have_inert_rows[self.targets[q]]
        return not is_inert and not self.are_equal[q] and self.clouds.has_one_dimension

    @cached_property
    def _have_inert_rows(self) -> Booleans:
        owners = self.clouds.forms.owners
        if owners.min() >= 0:
            return np.zeros(len(self.clouds), dtype=bool)
        return np.minimum.reduceat(owners, self.clouds.rows.ends[:-1]) < 0

    def gradients(self) -> FlatGradients:
        """The gradients of the divergences per row of the caller, in flat arrays, for clouds of the
        same dimension.
        """
        are_wanted = self.are_solved & ~self.are_equal
        return flat_gradients(self._pairs, self._found, self._scales, are_wanted, self.value)

    def _solution(self, problem: Problem, found: Normal, answers: Answers, q: int) -> Solution:
        n_iter = answers.counts[q, 0]
        error = float(answers.errors[q])
        units = SELF_PASSES if problem.is_self else PASSES
        passes = float(answers.counts[q] @ units)
        history = answers.histories[q, :n_iter].copy()
        solution = Solution(
            problem, found, Status.CONVERGED, passes, history, "float64", self._tol, self._backend
        )
        return know(
            solution, marginal_error=error, _dual=float(self.eps / LOG2E * answers.values[q])
        )
