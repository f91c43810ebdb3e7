"""Decide whether a problem is compressed, and say why not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..backends.home import HOST
from ..caching import know
from ..initializers import Auto, Resumed, Warm
from ..problem import Problem
from .cells import HIGHEST_DIMENSION
from .report import Compression
from .rounds import Rounds
from .solution import CompressedSolution, solutions

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

LEAST_POINTS = 20_000  # of both measures together: smaller problems are solved as fast without
LEAST_TOL = 1e-5  # nodes are solved in float32
MOST_BLURS = 1000.0  # along an axis: float32 between nodes is exact enough


def compressed(
    problem: Problem, solver: Sinkhorn, is_debiased: bool = False
) -> list[CompressedSolution] | Compression:
    """Solve a problem between nodes, if it should be and can be.

    Returns
    -------
    list of CompressedSolution or Compression
        The solution, and for a divergence those of the two self problems; or a report that tells why there is none.
    """
    reason = _against(problem, solver)
    if reason is not None:
        return Compression.none(reason)
    kappa = None if solver.compression == "auto" else float(solver.compression)
    found = Rounds(problem, solver, is_debiased, kappa).run()
    if isinstance(found, Compression):
        return found
    error = found.marginal_error
    if kappa is None and not error <= solver.tol:
        side = found.report.kappa
        return Compression.none(f"a marginal error of {error:.1e} was left by cells of {side:.2g} blur")
    return solutions(know(problem, is_self=found.are_equal), solver, found)


def _against(problem: Problem, solver: Sinkhorn) -> str | None:
    """The reason why a problem is not compressed, as far as it is known before the points are put in cells."""
    if solver.compression is None:
        return "the solver has compression=None"
    if (setting := _unusual(solver)) is not None:
        return f"the solver has {setting}"
    if problem.home != HOST:
        return "the arrays are on a GPU"
    if problem.source.dimension > HIGHEST_DIMENSION:
        return f"there are more than {HIGHEST_DIMENSION} dimensions"
    if solver.compression != "auto":
        return None
    if len(problem.source) + len(problem.target) <= LEAST_POINTS:
        return f"there are no more than {LEAST_POINTS} points"
    if solver.tol < LEAST_TOL:
        return f"tol is below {LEAST_TOL:g}"
    extent = Rounds(problem, solver, False).extent / problem.blur
    return None if extent <= MOST_BLURS else f"the data are {extent:.2g} blurs wide, too wide for float32"


def _unusual(solver: Sinkhorn) -> str | None:
    """The first setting that asks for what only a plain solve does."""
    usual = replace(solver, acceleration="auto", certify=False, callback=None)
    for name in ("acceleration", "certify", "callback"):
        if getattr(solver, name) != getattr(usual, name):
            return f"{name}={getattr(solver, name)!r}"
    if solver.dtype == "float64":
        return "dtype='float64'"
    if solver.backend == "cuda":
        return "backend='cuda'"
    return None if _is_free(solver) else f"init={solver.init!r}"


def _is_free(solver: Sinkhorn) -> bool:
    """Whether the start is the default, or an earlier compressed result, of which this needs nothing."""
    start = solver._start
    known = start.solution if isinstance(start, Warm) else start.xy if isinstance(start, Resumed) else None
    return start == Auto() or isinstance(known, CompressedSolution)
