"""Entropic transport and divergences between grids, on the grid or between the pixels as points,
whichever is cheaper.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .. import validation
from ..backends.cpu.threads import single_threaded_blas
from ..costs import SQUARED_EUCLIDEAN
from ..initializers import Auto, Gaussian, Initializer, Potentials, Resumed, Sorted, Warm, Zeros
from ..interop.arrays import HOST
from ..kernels.grid import has_grid_kernel
from ..measures.clouds import CloudPairs, Clouds
from ..measures.grid import Grid
from ..measures.measure import Measure
from ..measures.pixels import GridMeasure, Pixels
from ..problem import Problem
from ..results.grid_results import GridDivergence, GridSolution
from ..results.outlook import Watch
from ..results.solution import Solution
from ..solver import Sinkhorn, reported, solve
from ..terms import Terms, with_divergence
from .arguments import between, check_self
from .debiasing import solve_debiased, unchanged
from .solved_pairs import solve_pairs

# A pass over the pairs of pixels with mass takes as long as this share of the terms of a sweep
PAIRS_PER_TERM = 1 / 3
# Pairs for which the compiled solver of small problems takes less than a solve on grids, with its
# dozens of calls: 1 ms and not 12
FEW_PAIRS = 2**17


def two_grids(x: Any, y: Any, a: Any, b: Any) -> tuple[Grid, Grid]:
    """Check the measures of a call in which one of them is a grid."""
    for name, other, value in (("x", "y", x), ("y", "x", y)):
        if not isinstance(value, Grid):
            raise TypeError(
                f"{name}: expected a Grid like {other}, got {type(value).__name__}; pass "
                f"Grid({name}), or the pixels of {other} as points: {other}.points.reshape(-1, d) "
                f"and {other}.weights.ravel()"
            )
    validation.without_weights("a", a, "Grid")
    validation.without_weights("b", b, "Grid")
    return x, y


def grid_problem(x: Grid, y: Grid, terms: Terms, names: tuple[str, str] = ("x", "y")) -> Problem:
    """The problem between two grids: between all pixels, or between those with mass as points."""
    x_name, y_name = names
    validation.same_spacing(y_name, y.lattice.spacing, x_name, x.lattice.spacing)
    if terms.cost.has_length:
        pixel = max(x.lattice.pixel, y.lattice.pixel)
        validation.wide_as_a_pixel(terms.blur, pixel)
    source, target = cheaper_measures(x, y, terms)
    return between(source, target, terms, names + names)


def cheaper_measures(x: Grid, y: Grid, terms: Terms) -> tuple[Pixels, Pixels]:
    """All pixels of two grids with the same spacing, or those with mass as points: where this is
    cheaper, and for costs without sums along the axes.
    """
    d = len(x.shape)
    is_possible = has_grid_kernel(terms.cost, d, terms.blur, _diagonal(x, y))
    as_points = not is_possible or _are_sparse(x, y, terms)
    source, target = (grid.on_points if as_points else grid.on_grid for grid in (x, y))
    return source, source if x is y else target


def _diagonal(x: Grid, y: Grid) -> float:
    corners = np.concatenate([x.lattice.corners, y.lattice.corners])
    return float(np.linalg.norm(np.ptp(corners, axis=0)))


def _are_sparse(x: Grid, y: Grid, terms: Terms) -> bool:
    n_pairs = x.n_filled * y.n_filled
    if terms.are_classical and n_pairs <= FEW_PAIRS:
        return True
    work = (x.lattice.work + y.lattice.work) / 2
    return n_pairs < PAIRS_PER_TERM * work


def grid_transport(x: Grid, y: Grid, terms: Terms, solver: Sinkhorn) -> GridSolution:
    """Entropic transport between two grids."""
    problem = grid_problem(x, y, terms)
    if not _is_on_grid(problem):
        solution = _between_points(solver).solve(problem)
        return GridSolution.of_solution(solution)
    watch = Watch(_started(solver, problem))
    attempt = watch.over(problem).attempt(problem)
    (solution,) = reported([attempt], watch)
    return GridSolution.of_solution(solution)


def grid_selves(problem: Problem, solver: Sinkhorn) -> list[GridSolution]:
    """The solutions of both measures of a problem between grids with themselves."""
    selves = [problem.on_source(), problem.on_target()]
    distinct = selves[:1] if problem.source.equals(problem.target) else selves
    if _is_on_grid(problem):
        watch = Watch(solver)
        attempts = [_started(watch.over(own), own).attempt(own) for own in distinct]
        found = reported(attempts, watch)
    else:
        found = solve(_between_points(solver), distinct)
    solutions = list(map(GridSolution.of_solution, found))
    if len(solutions) == 1:
        of_target = solutions[0].of(selves[1])
        solutions.append(GridSolution.of_solution(of_target))
    return solutions


class GridPairs:
    """Divergences between grids. Each grid is compared with itself once, and there is one warning
    for all that did not converge.
    """

    def __init__(self, terms: Terms, solver: Sinkhorn) -> None:
        self._terms, self._solver = with_divergence(terms), solver
        self._own: dict[tuple[int, bool], tuple[Grid, Solution]] = {}  # grids are kept alive
        self._given: list[Solution] = []
        self._failed: list[Solution] = []
        self._watch = Watch(solver)

    def know(self, grid: Grid, name: str, solution: Solution | None) -> None:
        """Use the self solution of a grid unchanged, for problems between the same pixels."""
        if solution is None:
            return
        is_on_grid = isinstance(solution, GridSolution) and _is_on_grid(solution.problem)
        check_self(name, solution, grid.on_grid if is_on_grid else grid.on_points, self._terms)
        self._own[id(grid), is_on_grid] = grid, solution
        self._given.append(solution)

    def divergence(self, x: Grid, y: Grid, names: tuple[str, str] = ("x", "y")) -> GridDivergence:
        """The divergence of two grids."""
        problem = grid_problem(x, y, self._terms, names)
        solve = self._between_all if _is_on_grid(problem) else self._between_few
        with single_threaded_blas():
            found = solve(x, y, problem)
        failed = [solution for solution in found if not solution.converged]
        given = [id(solution) for solution in self._given]
        self._failed += [solution for solution in failed if id(solution) not in given]
        problems = problem, problem.on_source(), problem.on_target()
        pairs = zip(found, problems, strict=True)
        return GridDivergence.of_solutions(*(solution.of(own) for solution, own in pairs))

    def report(self) -> None:
        """Warn once, if any solution did not converge."""
        reported(self._failed, self._watch)

    def _between_all(self, x: Grid, y: Grid, problem: Problem) -> list[Solution]:
        """The solutions between all pixels."""
        xx = self._of_itself(x, problem.on_source())
        yy = xx if problem.is_self else self._of_itself(y, problem.on_target())
        cross = _started(self._solver, problem)
        say = _in_silence if self._watch.has_warned else self._watch._say
        watch = Watch(cross, say)
        solutions = solve_debiased(problem, cross, watch, xx, yy)
        self._watch.has_warned |= watch.has_warned
        return solutions

    def _of_itself(self, grid: Grid, problem: Problem) -> Solution:
        key = id(grid), True
        if key not in self._own:
            known = unchanged(self._solver, problem)
            known = known or _started(self._solver, problem).attempt(problem)
            self._own[key] = grid, known
        return self._own[key][1]

    def _between_few(self, x: Grid, y: Grid, problem: Problem) -> list[Solution]:
        """The solutions between the few pixels with mass, as points."""
        clouds = Clouds.of_measures([problem.source, problem.target])
        source, target = np.arange(2)[:, None]
        pair = CloudPairs(clouds, source, target, problem.terms)
        keys = (id(x), False), (id(y), False)
        selves = {}
        for k, key in enumerate(keys):
            if key in self._own:
                _, selves[k] = self._own[key]

        solver = _between_points(self._solver)
        solved = solve_pairs(pair, solver, self._watch, [HOST], selves)
        found = solved.divergence(0)
        self._own.setdefault(keys[0], (x, found.xx))
        self._own.setdefault(keys[1], (y, found.yy))
        return [found.xy, found.xx, found.yy]


def grid_divergence(
    x: Grid, y: Grid, terms: Terms, solver: Sinkhorn, selves: dict[str, Solution | None]
) -> GridDivergence:
    """The divergence of two grids; known self solutions are used unchanged."""
    pairs = GridPairs(terms, solver)
    for grid, (name, solution) in zip((x, y), selves.items(), strict=True):
        pairs.know(grid, name, solution)
    found = pairs.divergence(x, y)
    pairs.report()
    return found


def _in_silence(text: str) -> None:
    """Say nothing: there was a warning before."""


def _is_on_grid(problem: Problem) -> bool:
    return isinstance(problem.source, GridMeasure)


def _between_points(solver: Sinkhorn) -> Sinkhorn:
    """The solver of the few pixels with mass; compressed solutions know nothing of images."""
    return replace(solver, init=solver._start, compression=None)


def _started(solver: Sinkhorn, problem: Problem) -> Sinkhorn:
    """The solver with its start for a problem between all pixels."""
    if solver.backend == "cuda" and problem.cost != SQUARED_EUCLIDEAN:
        raise ValueError(
            "backend: expected 'auto' or 'cpu' for grids with this cost, got 'cuda'; pass pixels "
            "as points, grid.points.reshape(-1, d) and grid.weights.ravel(), to use a GPU"
        )
    return replace(solver, init=_start(solver._start, problem))


def _start(start: Initializer, problem: Problem) -> Initializer:
    if isinstance(start, Resumed):
        earlier = start.xy, start.xx, start.yy
        suitable = [own for own in earlier if _are_same_pixels(own.problem, problem)]
        start = Warm(suitable[0] if suitable else start.xy)
    if isinstance(start, Warm):
        known = start.solution
        if not _are_same_pixels(known.problem, problem):
            return Auto()
        return Sorted(known.iterate.f, known.iterate.g)
    if isinstance(start, Potentials):
        return Auto() if problem.is_self else start.reduced(problem)
    if isinstance(start, (Auto, Zeros, Gaussian)):
        return start
    raise ValueError(
        f"init: expected 'auto', 'zeros', 'gaussian', a solution or potentials for grids, got "
        f"{start!r}; take init='auto'"
    )


def _are_same_pixels(known: Problem, problem: Problem) -> bool:
    """Tell whether potentials of one problem are potentials of the other, pixel by pixel."""
    if known.is_self != problem.is_self:
        return False
    have_same_source = _have_one_lattice(known.source, problem.source)
    return have_same_source and _have_one_lattice(known.target, problem.target)


def _have_one_lattice(old: Measure, new: Measure) -> bool:
    if isinstance(old, GridMeasure) and isinstance(new, GridMeasure):
        return old.lattice == new.lattice
    return False
