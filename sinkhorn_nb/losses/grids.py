"""Entropic transport and divergences between grids, on the grid or between the pixels as points,
whichever is cheaper.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import validation
from ..backends.cpu.threads import single_threaded_blas
from ..costs import SQUARED_EUCLIDEAN
from ..initializers import Auto, Gaussian, Initializer, Potentials, Resumed, Sorted, Warm, Zeros
from ..measures.grid import Grid
from ..measures.pixels import GridMeasure
from ..problem import Problem
from ..results.grid_results import GridDivergence, GridSolution
from ..results.outlook import Watch
from ..results.solution import Solution
from ..solver import Sinkhorn, reported
from ..terms import Terms, with_divergence
from .arguments import between, check_self
from .debiasing import solve_debiased, unchanged
from .divergences import diverge

# A pass over the pairs of pixels with mass takes as long as this share of the terms of a sweep
PAIRS_PER_TERM = 1 / 3


def two_grids(x: Any, y: Any, a: Any, b: Any) -> tuple[Grid, Grid]:
    """Check the measures of a call in which one of them is a grid."""
    for name, other, value in (("x", "y", x), ("y", "x", y)):
        if not isinstance(value, Grid):
            raise TypeError(
                f"{name}: expected a Grid like {other}, got {type(value).__name__}; pass "
                f"Grid({name}), or the pixels of {other} as points: {other}.points.reshape(-1, d) "
                f"and {other}.weights.ravel()"
            )
    for name, weights, grid in (("a", a, "x"), ("b", b, "y")):
        if weights is not None:
            raise TypeError(
                f"{name}: expected None beside a Grid, which has its weights, got "
                f"{type(weights).__name__}; pass {grid}=Grid(weights)"
            )
    return x, y


def grid_problem(x: Grid, y: Grid, terms: Terms) -> Problem:
    """The problem between two grids: between all pixels, or between those with mass as points."""
    validation.same_spacing("y", y.lattice.spacing, "x", x.lattice.spacing)
    if terms.cost.has_length:
        validation.wide_as_a_pixel(terms.blur, max(x.lattice.spacing))
    as_points = terms.cost != SQUARED_EUCLIDEAN or _are_sparse(x, y)
    source, target = (grid.on_points if as_points else grid.on_grid for grid in (x, y))
    return between(source, source if x is y else target, terms)


def _are_sparse(x: Grid, y: Grid) -> bool:
    work = (x.lattice.work + y.lattice.work) / 2
    return x.n_filled * y.n_filled < PAIRS_PER_TERM * work


def grid_transport(x: Grid, y: Grid, terms: Terms, solver: Sinkhorn) -> GridSolution:
    """Entropic transport between two grids."""
    problem = grid_problem(x, y, terms)
    if not _is_on_grid(problem):
        return GridSolution.of_solution(_between_points(solver).solve(problem))
    watch = Watch(_started(solver, problem))
    return GridSolution.of_solution(reported([watch.over(problem).attempt(problem)], watch)[0])


def grid_divergence(
    x: Grid, y: Grid, terms: Terms, solver: Sinkhorn, selves: dict[str, Solution | None]
) -> GridDivergence:
    """The divergence of two grids; known self solutions are used unchanged."""
    problem = grid_problem(x, y, with_divergence(terms))
    known = _known((x, y), problem, selves)
    if not _is_on_grid(problem):
        divergence = diverge(
            problem,
            _between_points(solver),
            selves={k: own for k, own in enumerate(known) if own is not None},
        )
        return GridDivergence.of_solutions(divergence.xy, divergence.xx, divergence.yy)

    with single_threaded_blas():
        xx = known[0] or _of_itself(solver, problem.on_source())
        yy = xx if problem.is_self else known[1] or _of_itself(solver, problem.on_target())
        cross = _started(solver, problem)
        watch = Watch(cross)
        solutions = solve_debiased(problem, cross, watch, xx, yy)
        reported([solution for solution in solutions if solution not in known], watch)
    return GridDivergence.of_solutions(*solutions)


def _of_itself(solver: Sinkhorn, problem: Problem) -> Solution:
    """The solution of a self problem; one of an earlier divergence may be good enough."""
    return unchanged(solver, problem) or _started(solver, problem).attempt(problem)


def _is_on_grid(problem: Problem) -> bool:
    return isinstance(problem.source, GridMeasure)


def _between_points(solver: Sinkhorn) -> Sinkhorn:
    """The solver of the few pixels with mass; compressed solutions know nothing of images."""
    return replace(solver, init=solver._start, compression=None)


def _known(
    grids: tuple[Grid, Grid], problem: Problem, selves: dict[str, Solution | None]
) -> list[Solution | None]:
    """The given self solutions, if they are between the same kind of pixels."""
    known: list[Solution | None] = []
    for (name, solution), grid in zip(selves.items(), grids, strict=True):
        if solution is None:
            known.append(None)
            continue
        is_same_kind = True
        if isinstance(solution, GridSolution):
            is_same_kind = _is_on_grid(problem) == _is_on_grid(solution.problem)
        own = grid.on_grid if _is_on_grid(problem) == is_same_kind else grid.on_points
        check_self(name, solution, own, problem.terms)
        known.append(solution if is_same_kind else None)
    return known


def _started(solver: Sinkhorn, problem: Problem) -> Sinkhorn:
    """The solver with its start for a problem between all pixels."""
    if solver.backend == "cuda":
        raise ValueError(
            "backend: expected 'auto' or 'cpu' for grids, got 'cuda'; pass pixels as points, "
            "grid.points.reshape(-1, d) and grid.weights.ravel(), to use a GPU"
        )
    return replace(solver, init=_start(solver._start, problem))


def _start(start: Initializer, problem: Problem) -> Initializer:
    if isinstance(start, Resumed):
        earlier = start.xy, start.xx, start.yy
        known = next((s for s in earlier if _are_same_pixels(s.problem, problem)), start.xy)
        start = Warm(known)
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
    pairs = (known.source, problem.source), (known.target, problem.target)
    return all(
        isinstance(old, GridMeasure) and isinstance(new, GridMeasure) and old.lattice == new.lattice
        for old, new in pairs
    )
