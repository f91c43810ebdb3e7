"""Small problems: each is solved whole by one compiled call, as a dense problem that fits the cache of a core.

The others, and those that this leaves unsolved, go to the main loop.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..backends.choice import small_solver
from ..backends.small_problems import Problems
from ..backends.threads import single_threaded_blas
from ..dual import Iterate
from ..gibbs import LOG2E
from ..initializers import Sorted
from ..solution import Solution
from ..status import Status
from .descent import completed
from .schedule import is_limit, value_tol
from .sinkhorn import Sinkhorn

LARGEST = 2**18  # pairs: from there on the two-level steps need less time
SMALLEST_MASS = 1e-280  # of a point: products of weights and clipped entries stay apart from rounding
SMALLEST_BLUR = 3e-5  # of the diameter: the rounding of potentials of 1e9 eps is 1e-7 of a marginal
MOST = 300  # iterations: what is not solved by then needs two-level steps


class _Task(NamedTuple):
    """A reduced problem, turned so that (a, b) and (b, a) have the same bits, and its place among all."""

    number: int
    problem: object
    is_turned: bool

    @classmethod
    def of(cls, number, problem):
        problem = problem.reduced
        is_turned = problem.target.precedes(problem.source)
        return cls(number, problem.T if is_turned else problem, is_turned)


def solve_together(solver, problems, watch, alone=None):
    """Solutions of many problems, each the same in any company.

    Those that are not small, and those that the compiled solver leaves unsolved, by `alone(problem)`.
    """
    alone = alone or (lambda problem: watch.over(problem).attempt(problem))
    solutions = [None] * len(problems)
    with single_threaded_blas():
        tasks = [_Task.of(k, p) for k, p in enumerate(problems) if is_small(p)] if suits(solver) else []
        for task, solution in zip(tasks, _solve_tasks(solver, tasks), strict=True):
            solution = solution.T if task.is_turned else solution
            solutions[task.number] = solution.of(problems[task.number])
        pairs = zip(problems, solutions, strict=True)
        return [_finished(solver, problem, solution, alone) for problem, solution in pairs]


def _finished(solver, problem, solution, alone):
    """The solution, or one by the main loop where there is none or it is unsolved; all passes count."""
    if solution is None:
        return alone(problem)
    if _is_done(solver, solution):
        return solution
    found = alone(problem)
    return replace(found, solve_passes=found.solve_passes + solution.solve_passes)


def _is_done(solver, solution):
    return solution.n_iter >= solver.max_iter or solution.history.min() <= value_tol(solution.problem, solver)


def solve_from(solver, problem, start):
    """The solution of a problem from the potentials of an initializer, small or not; as `Sinkhorn.attempt`."""
    if not suits(solver) or not is_small(problem):
        return replace(solver, init=start).attempt(problem)
    task = _Task.of(0, problem)
    start = (start.T if task.is_turned else start)(task.problem, solver)
    (solution,) = _solve_tasks(solver, [task], [start.g])
    solution = (solution.T if task.is_turned else solution).of(problem)
    passes, history = solution.solve_passes + start.n_passes, solution.history
    if not _is_done(solver, solution):
        init = Sorted(solution.iterate.f, solution.iterate.g)
        solution = replace(solver, init=init, max_iter=solver.max_iter - solution.n_iter).attempt(problem)
        passes, history = passes + solution.solve_passes, np.concatenate([history, solution.history])
    return replace(solution, solve_passes=passes, history=history)


def suits(solver):
    """Whether a solver asks for nothing that the compiled solver of small problems does not do."""
    known = {"tol": 1e-3, "max_iter": 3000, "dtype": None if solver.dtype == "float64" else solver.dtype}
    return replace(solver, **known, backend="auto") == Sinkhorn()


def is_small(problem):
    """Whether a problem is small enough for the cache, and neither its blur nor a weight out of all proportion."""
    source, target = problem.reduced.source, problem.reduced.target
    least = min(source.probabilities.min(), target.probabilities.min())
    fits = len(source) * len(target) <= LARGEST and least >= SMALLEST_MASS
    return fits and problem.blur >= SMALLEST_BLUR * problem.diameter and not is_limit(problem)


def _solve_tasks(solver, tasks, starts=()):
    if not tasks:
        return []
    problems = [task.problem for task in tasks]
    solve_all = small_solver(solver.backend)
    answers = solve_all(_flat(problems, solver, starts), min(MOST, solver.max_iter))
    parts = zip(problems, _parts(answers, problems), strict=True)
    return [_solution(problem, solver, *answer) for problem, answer in parts]


def _flat(problems, solver, starts):
    """The problems in flat arrays, each seen from an origin of its own; starts of g, where they are given."""
    x = [problem.source.partition.points - problem.origin for problem in problems]
    y = [(problem.target.partition.points - problem.origin).T for problem in problems]
    return Problems(
        x=np.concatenate([block.ravel() for block in x]),
        y=np.concatenate([block.ravel() for block in y]),
        a=np.concatenate([problem.source.partition.probabilities for problem in problems]),
        b=np.concatenate([problem.target.partition.probabilities for problem in problems]),
        x_ends=_ends(len(block) for block in x),
        y_ends=_ends(block.shape[1] for block in y),
        x_blocks=_ends(block.size for block in x),
        y_blocks=_ends(block.size for block in y),
        dimensions=np.array([block.shape[1] for block in x]),
        scales=np.array([LOG2E / 2 / problem.eps for problem in problems]),
        is_self=np.array([problem.is_self for problem in problems]),
        tols=np.array([value_tol(problem, solver) for problem in problems]),
        starts=np.concatenate([LOG2E / p.eps * g for p, g in zip(problems, starts, strict=False)] or [np.empty(0)]),
        is_started=np.full(len(problems), len(starts) > 0),
    )


def _ends(sizes):
    return np.cumsum([0, *sizes])


def _parts(answers, problems):
    """Split the answers into those of each problem."""
    x_cuts = np.cumsum([len(problem.source) for problem in problems])[:-1]
    y_cuts = np.cumsum([len(problem.target) for problem in problems])[:-1]
    u, v, logs = np.split(answers.u, x_cuts), np.split(answers.v, y_cuts), np.split(answers.logs, y_cuts)
    return zip(u, v, logs, answers.histories, answers.counts, answers.errors, strict=True)


def _solution(problem, solver, u, v, logs, history, counts, error):
    n_iter, n_kernels, n_levels = counts.tolist()
    unit, log_columns = problem.eps / LOG2E, logs / LOG2E
    if problem.is_self:
        iterate = Iterate(unit * v, unit * v, log_columns, log_columns)
    else:
        iterate = Iterate(unit * u, unit * v, np.zeros(len(u)), log_columns)
    status = Status.CONVERGED if error <= solver.tol else Status.MAX_ITER
    passes = float(n_iter + n_kernels + 2 * n_levels)  # a kernel is built by one, an iteration reads it once
    settings = "float64", solver.tol, solver.backend
    return Solution(problem, completed(iterate, problem), status, passes, history[:n_iter].copy(), *settings)
