"""Many small problems at once: every pass, and every line of the loop, serves all that are not yet solved.

For small problems the overhead between passes dominates. Those that this loop does not solve are
continued in the main loop from where they stopped.
"""

from dataclasses import replace
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np

from ..backends.threads import single_threaded_blas
from ..blocks import Blocks, Stack
from ..dual import LARGEST_LOG, Iterate
from ..initializers import Warm
from ..problem import Problem
from ..solution import Solution
from ..status import Status
from .acceleration import DUAL_ROUNDING, RIDGE, SELF_STEP, START_ERROR
from .descent import completed
from .schedule import is_limit, is_rough, phases
from .sinkhorn import Sinkhorn

LARGEST = 1024  # points of a measure: from there on the two-level steps pay
RATIO = 4.0  # of the blurs before the last; the first of them is about the root mean square radius
MANY = 2**17  # points that are treated at once
MEMORY = 6
MOST = 60  # iterations, of two passes each


class _Task(NamedTuple):
    """A problem, turned so that (a, b) and (b, a) have the same bits, and its place among all."""

    number: int
    problem: Problem
    is_turned: bool
    phases: list

    @classmethod
    def of(cls, number, problem, solver):
        problem = problem.reduced
        is_turned = problem.target.precedes(problem.source)
        return cls(number, problem.T if is_turned else problem, is_turned, phases(problem, solver))

    @property
    def kind(self):
        """Tasks of equal kind can be solved together."""
        return self.problem.is_self, self.problem.source.dimension, [phase.dtype for phase in self.phases]


def solve_together(solver, problems, watch, alone=None):
    """Solutions of many problems, each the same in any company; those not for this loop by `alone(problem)`."""
    solutions = [None] * len(problems)
    with single_threaded_blas():
        for tasks in _alike(solver, problems):
            for task, solution, is_done in zip(tasks, *_solve_alike(solver, tasks), strict=True):
                solution = solution.T if task.is_turned else solution
                solutions[task.number] = _Stage(solution.of(problems[task.number]), is_done)
    alone = alone or (lambda problem: watch.over(problem).attempt(problem))
    pairs = zip(problems, solutions, strict=True)
    return [
        alone(problem) if stage is None else _gone_on(watch.over(problem), problem, stage) for problem, stage in pairs
    ]


def _alike(solver, problems):
    """Group the small problems with default settings by kind, in portions of limited size."""
    if replace(solver, tol=1e-3, max_iter=3000, dtype=None, backend="auto") != Sinkhorn():
        return []
    small = [(k, p) for k, p in enumerate(problems) if is_small(p) and not is_limit(p) and not is_rough(p, solver)]
    tasks = sorted((_Task.of(k, p, solver) for k, p in small), key=lambda task: task.kind)
    groups = [list(group) for _, group in groupby(tasks, key=lambda task: task.kind)]
    return [portion for group in groups for portion in _portions(group)]


def is_small(problem):
    """Whether a problem is small enough for this loop."""
    return max(len(problem.reduced.source), len(problem.reduced.target)) <= LARGEST


def _portions(tasks):
    """Parts of the tasks of about `MANY` points: the loop's vectors, a few dozen, are as long."""
    filled = np.cumsum([len(task.problem.source) + len(task.problem.target) for task in tasks])
    cuts = np.flatnonzero(np.diff(filled // MANY)) + 1
    return [tasks[start:stop] for start, stop in pairwise([0, *cuts.tolist(), len(tasks)])]


class _Stage(NamedTuple):
    solution: Solution
    is_done: bool


def _gone_on(solver, problem, stage):
    """The solution, continued in the main loop if this one has stopped before the tolerance."""
    solution = stage.solution
    left = solver.max_iter - solution.n_iter
    if stage.is_done or left < 1:
        return solution
    init = Warm(solution) if np.isfinite(solution.value) else solver.init
    further = replace(solver, init=init, max_iter=left).attempt(problem)
    history = np.concatenate([solution.history, further.history])
    return replace(further, solve_passes=solution.solve_passes + further.solve_passes, history=history)


def _solve_alike(solver, tasks):
    descent = _Descent(solver, [task.problem for task in tasks])
    descent.anneal(tasks[0].phases[0].dtype)
    *before, final = zip(*(task.phases for task in tasks), strict=True)
    for step in before:
        descent.iterate(*_common(step), solver.max_iter - 1)
    descent.iterate(*_common(final), solver.max_iter)
    return descent.solutions(final[0].dtype), descent.is_done


def _common(step):
    return step[0].dtype, np.array([phase.tol for phase in step])


class _Descent:
    """The potentials of all problems on their way, in units of each problem's eps, in the order of the partitions.

    Sinkhorn's iteration (problems of a measure with itself: the symmetric one) with Anderson mixing of v.
    """

    def __init__(self, solver, problems):
        self._solver, self._problems, self._is_self = solver, problems, problems[0].is_self
        self._blurs = np.array([problem.blur for problem in problems])
        self._x, self._y = self._stacks(self._blurs)
        self._u, self._v = np.zeros(len(self._x.owner)), np.zeros(len(self._y.owner))
        self._log_columns = np.zeros(len(self._y.owner))
        self._passes, self._histories = np.zeros(len(problems)), [[] for _ in problems]
        self._errors, self._n_iter = np.full(len(problems), np.inf), np.zeros(len(problems), dtype=int)
        self._levels = np.zeros(len(problems), dtype=int)
        self.is_done = np.zeros(len(problems), dtype=bool)
        if not self._is_self:
            self._start()

    def _stacks(self, blurs):
        origins = [problem.origin for problem in self._problems]
        x = Stack.of([problem.source.partition for problem in self._problems], origins, blurs)
        if self._is_self:
            return x, x
        return x, Stack.of([problem.target.partition for problem in self._problems], origins, blurs)

    def _start(self):
        """The potentials that move the mean of each source onto that of its target; levels of annealing from there."""
        means = [np.stack([z.means(column) for column in z.points.T], axis=1) for z in (self._x, self._y)]
        shift, radii = means[0] - means[1], np.zeros(len(self._blurs))
        potentials = []
        for z, mean, sign in zip((self._x, self._y), means, (1, -1), strict=True):
            centred = z.points - mean[z.owner]
            potentials.append(sign * (centred * shift[z.owner]).sum(axis=1) + (shift**2).sum(axis=1)[z.owner] / 4)
            radii += np.sqrt(z.means((centred**2).sum(axis=1)))
        self._u, self._v = potentials
        self._levels = np.ceil(np.log(np.maximum(radii, 1.0)) / np.log(RATIO)).astype(int)

    def anneal(self, dtype):
        """One iteration at each temperature from the radius down."""
        for level in range(max(self._levels), 0, -1):
            x, y = self._stacks(self._blurs * RATIO**level)
            kernels = Blocks(x, y, dtype, self._solver.backend)
            asked, heat = self._levels >= level, RATIO ** (2 * level)
            self._u -= heat * kernels.log_row_sums(self._u / heat, self._v / heat, asked)
            self._v -= heat * kernels.T.log_row_sums(self._v / heat, self._u / heat, asked)
            self._passes += 2 * asked

    def iterate(self, dtype, tols, last):
        """Until the marginal errors are within the tolerances, to the last iteration of all, or for long enough."""
        kernels, mixing = Blocks(self._x, self._y, dtype, self._solver.backend), _Mixing(self._y, DUAL_ROUNDING[dtype])
        self._best = self._now()._replace(errors=np.full(len(tols), np.inf))
        self.is_done = np.zeros(len(tols), dtype=bool)
        for _ in range(MOST):
            asked = ~self.is_done & (self._n_iter < last)
            if not asked.any():
                break
            dual = self._measure(kernels, asked)
            self._tell(asked)
            self._best = self._best.improved(self._x, self._y, self._now())
            self.is_done |= self._errors <= tols
            asked &= ~self.is_done
            step = SELF_STEP if self._is_self else 1.0
            moved = mixing.next(self._v, -step * self._log_columns, dual, self._errors, asked)
            self._v = np.where(asked[self._y.owner], moved, self._v)
        self._u, self._v, self._log_columns, self._errors = self._best

    def _now(self):
        return _Measured(self._u, self._v, self._log_columns, self._errors)

    def _measure(self, kernels, asked):
        """Rows exactly, then the columns; the dual, which no step of the iteration lessens."""
        if self._is_self:
            new, here = kernels.log_row_sums(self._v, self._v, asked), asked[self._y.owner]
            self._log_columns = np.where(here, new, self._log_columns)
            self._passes += asked
            return self._y.means(2 * self._v - self._log_columns)
        self._u -= kernels.log_row_sums(self._u, self._v, asked)
        new, here = kernels.T.log_row_sums(self._v, self._u, asked), asked[self._y.owner]
        self._log_columns = np.where(here, new, self._log_columns)
        self._passes += 2 * asked
        return self._x.means(self._u) + self._y.means(self._v)

    def _tell(self, asked):
        ratios = np.abs(np.expm1(np.minimum(self._log_columns, LARGEST_LOG)))
        self._errors = np.where(asked, self._y.means(ratios), self._errors)
        self._n_iter += asked
        for k in np.flatnonzero(asked):
            self._histories[k].append(self._errors[k])

    def solutions(self, dtype):
        """The solutions of all problems, in the order given."""
        u, v = (self._v, self._v) if self._is_self else (self._u, self._v)
        log_rows = self._log_columns if self._is_self else np.zeros(len(u))
        parts = (self._x.parts(u), self._y.parts(v), self._x.parts(log_rows), self._y.parts(self._log_columns))
        return [self._solution(k, dtype, *vectors) for k, vectors in enumerate(zip(*parts, strict=True))]

    def _solution(self, k, dtype, u, v, log_rows, log_columns):
        problem, solver = self._problems[k], self._solver
        status = Status.CONVERGED if self._errors[k] <= solver.tol else Status.MAX_ITER
        iterate = completed(Iterate(problem.eps * u, problem.eps * v, log_rows, log_columns), problem)
        history = np.array(self._histories[k])
        return Solution(problem, iterate, status, self._passes[k], history, dtype, solver.tol, solver.backend)


class _Measured(NamedTuple):
    """Potentials of all problems and what a pass told of them."""

    u: np.ndarray
    v: np.ndarray
    log_columns: np.ndarray
    errors: np.ndarray

    def improved(self, x, y, other):
        """The other's parts for the problems whose error is smaller there."""
        is_better = other.errors < self.errors
        on_x, on_y = is_better[x.owner], is_better[y.owner]
        return _Measured(
            np.where(on_x, other.u, self.u),
            np.where(on_y, other.v, self.v),
            np.where(on_y, other.log_columns, self.log_columns),
            np.where(is_better, other.errors, self.errors),
        )


class _Mixing:
    """Anderson mixing (type II) of all problems, each in its norm of L2(b) and with a memory of its own.

    An iterate with a lower dual than the last is given up for the plain one that it replaced.
    """

    def __init__(self, stack, slack):
        self._stack, self._slack = stack, slack
        count, size = len(stack.starts) - 1, len(stack.owner)
        self._changes, self._corrections = np.zeros((2, MEMORY, size))  # of unit length; what undoes them: rings
        self._gram = np.zeros((count, MEMORY, MEMORY))
        self._known = np.zeros((count, MEMORY), dtype=bool)
        self._has_last = np.zeros(count, dtype=bool)
        self._last = self._last_residual = self._fallback = np.zeros(size)
        self._best_dual, self._n_seen = np.full(count, -np.inf), 0

    def next(self, v, residual, dual, errors, asked):
        """The next iterate: mixed, or the last plain step for problems whose dual value has dropped."""
        fell = self._has_last & ~(dual >= self._best_dual - self._slack)
        self._best_dual = np.maximum(self._best_dual, np.where(asked, dual, -np.inf))
        near = asked & ~fell & (errors < START_ERROR)
        self._remember(v - self._last, residual - self._last_residual, near & self._has_last)
        self._known[fell] = False
        plain = v + residual
        mixed = self._mixed(plain, residual)
        after = np.where(near[self._stack.owner] & np.isfinite(mixed), mixed, plain)
        after = np.where(fell[self._stack.owner], self._fallback, after)
        self._last, self._last_residual, self._fallback, self._has_last = v, residual, plain, near
        return after

    def _remember(self, move, change, by):
        slot = self._n_seen % MEMORY
        self._n_seen += 1
        sizes = np.sqrt(self._stack.means(change**2))
        by = by & (sizes > 0)
        scales = np.divide(1.0, sizes, out=np.zeros_like(sizes), where=by)[self._stack.owner]
        self._changes[slot], self._corrections[slot] = change * scales, (move + change) * scales
        self._known[:, slot] = by
        inner = self._stack.means(self._changes * self._changes[slot]).T
        self._gram[:, slot], self._gram[:, :, slot] = inner, inner

    def _mixed(self, plain, residual):
        known = self._known[:, :, None] & self._known[:, None]
        moments = np.where(self._known, self._stack.means(self._changes * residual).T, 0.0)
        gram = np.where(known, self._gram, 0.0) + RIDGE * np.eye(MEMORY)
        shares = np.linalg.solve(gram, moments[:, :, None])[:, :, 0].T
        return plain - (shares[:, self._stack.owner] * self._corrections).sum(axis=0)
