"""Decide whether a problem is compressed, and say why not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..backends.cpu.threads import single_threaded_blas
from ..costs import SQUARED_EUCLIDEAN, cost_of
from ..initializers import Auto, Initializer, Resumed, Warm
from ..interop.arrays import HOST, Home
from ..problem import Problem
from ..results.compression import LEAST_ON_GPU, LEAST_POINTS, SMALL, Compression
from .compressed import Compressed
from .divergence import CompressedDivergence
from .hausdorff import Hausdorff
from .rounds import Rounds
from .solution import CompressedSolution, solutions

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

DISTANCE = cost_of(1)
LEAST_TOL = 1e-4  # nodes are solved in float32
HIGHEST_DIMENSION = 10  # an expansion has the cube of it as many numbers
MOST_BLURS = 1000.0  # along an axis: float32 between nodes is exact enough
LARGEST_BLUR = 1e15  # in the unit of the points: the squares of 1000 blurs are within float32
# A divergence far below eps, whose error is above this share of it, is left to a plain solve, which
# takes some seconds for this number of pairs.
LOST = 0.25
MOST_PAIRS = 10**9
USUAL = {"acceleration": "auto", "certify": False, "callback": None}


def compressed_solution(
    problem: Problem, solver: Sinkhorn
) -> tuple[CompressedSolution | None, Compression]:
    """Solve a problem between nodes, if it should be and can be; the report tells why if not."""
    found, report = compressed(problem, solver, is_debiased=False)
    return solutions(found, solver)[0] if found else None, report


def compressed_divergence(
    problem: Problem, solver: Sinkhorn, home: Home = HOST
) -> tuple[CompressedDivergence | None, Compression]:
    """The divergence of a problem's measures, like `compressed_solution`."""
    found, report = compressed(problem, solver, is_debiased=True)
    if not found:
        return None, report
    divergence = CompressedDivergence(*_at_home(found, solver, home))
    lost = lost_in_error(problem, solver, divergence.value, divergence.value_error)
    return (divergence, report) if lost is None else (None, lost)


def compressed_hausdorff(
    problem: Problem, solver: Sinkhorn, home: Home = HOST
) -> tuple[tuple[CompressedSolution, CompressedSolution, Hausdorff] | None, Compression]:
    """The self solutions of a problem's measures and their Hausdorff divergence, like
    `compressed_solution`.
    """
    if problem.cost != SQUARED_EUCLIDEAN:
        reason = f"the cost {problem.cost.formula} is not |x - y|^2 / 2, which is smooth"
        require_all_points(problem, reason)
        return None, Compression.none(reason)
    found, report = compressed(problem, solver, is_debiased=True)
    if not found:
        return None, report
    divergence = Hausdorff(found, solver)
    lost = lost_in_error(problem, solver, *divergence.estimate)
    if lost is not None:
        return None, lost
    _, xx, yy = _at_home(found, solver, home)
    return (xx, yy, divergence), report


def _at_home(found: Compressed, solver: Sinkhorn, home: Home) -> list[CompressedSolution]:
    """The solutions of a divergence's problems, whose results are arrays of the caller's kind."""
    return [replace(solution, home=home) for solution in solutions(found, solver)]


def lost_in_error(
    problem: Problem, solver: Sinkhorn, value: float, error: float
) -> Compression | None:
    """The reason to leave a small divergence to a plain solve, if it is not too large for one."""
    n_pairs = len(problem.source) * len(problem.target)
    is_large = n_pairs > MOST_PAIRS or problem.resolution > 0
    if solver.compression != "auto" or is_large or error <= LOST * value:
        return None
    reason = f"the divergence, {value:.1e}, was lost in its error of {error:.1e} between nodes"
    return Compression.none(reason)


def compressed(
    problem: Problem, solver: Sinkhorn, is_debiased: bool
) -> tuple[Compressed | None, Compression]:
    """Solutions between nodes, or None and the reason, which is an error for streams."""
    found, report = _tried(problem, solver, is_debiased)
    if found is None:
        require_all_points(problem, report.reason)
    return found, report


def require_all_points(problem: Problem, reason: str) -> None:
    """Refuse the plain solve of a stream: it does not tell what the cells hide."""
    if problem.resolution:
        raise ValueError(
            "chunks: expected a problem that is solved between nodes, which tells what the cells "
            f"of a stream hide, got one that is not: {reason}; change this or, to compare the "
            "nodes of the cells alone, pass measure.points and measure.weights"
        )


def _tried(
    problem: Problem, solver: Sinkhorn, is_debiased: bool
) -> tuple[Compressed | None, Compression]:
    """Solutions between nodes, or None and the reason."""
    reason = _against(problem, solver)
    if reason is not None:
        return None, Compression.none(reason)
    kappa = None if solver.compression == "auto" else solver.compression
    with single_threaded_blas():  # its idle threads spin on the cores that the passes need
        found = Rounds(problem, solver, is_debiased, kappa).run()
    if isinstance(found, Compression):
        return None, found
    error = found.marginal_error
    may_refuse = kappa is None and not problem.resolution
    if may_refuse and not error <= solver.tol:
        reason = f"{found.report.reason}, which left a marginal error of {error:.1e}"
        return None, Compression.none(reason)
    return found, found.report


def _against(problem: Problem, solver: Sinkhorn) -> str | None:
    """The reason why a problem is not compressed, as far as it is known before the points are put
    in cells.
    """
    is_automatic = solver.compression == "auto"
    if solver.compression is None:
        return "the solver has compression=None"
    n_points = len(problem.source) + len(problem.target)
    if is_automatic and not problem.resolution:
        if n_points <= LEAST_POINTS:
            return SMALL.reason
        if solver.backend == "cuda" and n_points <= LEAST_ON_GPU:
            return f"a GPU solves {LEAST_ON_GPU} points or fewer as fast without"
    if (setting := _unusual(solver)) is not None:
        return f"the solver has {setting}"
    if problem.cost not in (SQUARED_EUCLIDEAN, DISTANCE):
        return f"the cost {problem.cost.formula} is neither |x - y| nor |x - y|^2 / 2"
    if problem.cost == DISTANCE and problem.resolution:
        return "for the cost |x - y| all points are needed"
    if problem.source.dimension > HIGHEST_DIMENSION:
        return f"there are more than {HIGHEST_DIMENSION} dimensions"
    if is_automatic and solver.tol < LEAST_TOL:
        return f"tol is below {LEAST_TOL:g}"
    if not 1 / LARGEST_BLUR <= problem.blur <= LARGEST_BLUR:
        return f"the blur is {problem.blur:.2g}, too {_far(problem.blur)} for squares in float32"
    width = Rounds(problem, solver, False).extent / problem.blur
    if width > MOST_BLURS:
        return f"the data are {width:.2g} blurs wide, too wide for float32"
    return None


def _far(blur: float) -> str:
    return "large" if blur > 1 else "small"


def _unusual(solver: Sinkhorn) -> str | None:
    """The first setting that only a plain solve can follow."""
    for name, usual in USUAL.items():
        if getattr(solver, name) != usual:
            return f"{name}={getattr(solver, name)!r}"
    if solver.dtype == "float64":
        return "dtype='float64'"
    return None if _is_free(solver._start) else "a start other than 'auto'"


def _is_free(start: Initializer) -> bool:
    """Whether the start is the default, or an earlier compressed result, which is not needed."""
    if isinstance(start, Warm):
        return isinstance(start.solution, CompressedSolution)
    if isinstance(start, Resumed):
        return isinstance(start.xy, CompressedSolution)
    return start == Auto()
