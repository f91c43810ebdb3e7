"""Warn early of a blur that is too small for the data, and propose another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from ..common.array_types import Floats
from ..problem import Problem
from .status import is_too_slow, warn

if TYPE_CHECKING:
    from ..solver.descent import Iteration
    from ..solver.sinkhorn import Sinkhorn

FINEST = 1e-4  # of the diameter: blurs below take thousands of iterations, if they converge at all
# Expected iterations from which a blur below the distance of neighbors counts as too small. Such a
# blur alone says little, because sparse points in many dimensions and small clouds are solved in a
# few iterations.
MANY = 100
USUAL = 0.05  # of the diameter: the first blur that the how-to recommends
# The same temperatures relative to the range of the costs |x - y|^2 / 2
FINEST_EPS, USUAL_EPS = 1e-7, 0.005
DIFFERENT_UNITS = 1e3  # ratio of the extents of two columns
# A solve is checked if it takes longer than PATIENCE seconds, on two slow cores.
PATIENCE, SECONDS_PER_ITERATION, PAIRS_PER_SECOND = 0.5, 8e-3, 2e8


def advice(problem: Problem) -> str | None:
    """The reason why the blur is too small for the data, and a better one, in words; None if it is
    not too small.
    """
    diameter = problem.diameter
    if not problem.has_points:
        return _advice_on_costs(problem.eps, diameter)
    n_iter = expected_iterations(problem)
    if 0 < problem.blur < FINEST * diameter:
        reason = f"{problem.blur / diameter:.1e} of the diameter {diameter:.3g}{_widest(problem)}"
    else:
        if not n_iter > MANY:
            return None
        spacing = _spacing(problem)
        if not problem.blur < spacing:
            return None
        reason = (
            f"below {spacing:.3g}, the distance of neighboring points (the diameter is "
            f"{diameter:.3g})"
        )
    return (
        f"the blur {problem.blur:.3g} is {reason}: expect some {n_iter:.0e} iterations; "
        f"{_rescale(problem)}try blur={USUAL * diameter:.3g}, 5 % of the diameter"
    )


def _advice_on_costs(eps: float, span: float) -> str | None:
    """The same for costs without points, in units of cost."""
    if not 0 < eps < FINEST_EPS * span:
        return None
    return (
        f"the temperature eps={eps:.3g} is {eps / span:.1e} of the range of the costs, {span:.3g}: "
        f"expect thousands of iterations; try eps={USUAL_EPS * span:.3g}, 0.5 % of the range"
    )


def expected_iterations(problem: Problem) -> float:
    """A rough number of iterations, fitted to random clouds of some hundred points in two and three
    dimensions.

    They took 40 to 130 at a blur of 1 % of the diameter, 830 to 7300 at 0.1 %, 3600 to more than 20
    000 at 0.03 %.
    """
    return (problem.diameter / problem.blur) ** 1.5 / 25


class Watch:
    """Watch the solves of one call, and warn once, in the first second, if a blur is too small for
    the data.

    Many problems with such a blur are solved very fast, for instance those of sorted or nearly
    equal clouds. So the warning is given only if a solve takes half a second and is not on its way
    to tol within max_iter. `say` is called with the text of the warning.

    Attributes
    ----------
    has_warned : bool
    """

    def __init__(self, solver: Sinkhorn, say: Callable[[str], object] = warn) -> None:
        self._solver, self._say = solver, say
        self.has_warned = False

    def over(self, problem: Problem) -> Sinkhorn:
        """The solver of a problem, with a callback that watches it."""
        # Its start is not read again, because the caller's arrays may have changed
        solver = self._solver
        return replace(solver, init=solver._start, callback=_Progress(self, problem, solver))

    def warn(self, problem: Problem) -> None:
        """Warn, unless there was a warning or the blur is large enough."""
        if not self.has_warned and (text := advice(problem)) is not None:
            self.has_warned = True
            self._say(text[0].upper() + text[1:])


class _Progress:
    """The errors of one solve, checked after half a second and whenever their number has
    doubled.
    """

    def __init__(self, watch: Watch, problem: Problem, solver: Sinkhorn) -> None:
        self._watch, self._problem, self._solver = watch, problem, solver
        self._errors: list[float] = []
        n_pairs = len(problem.source) * len(problem.target)
        self._due = ceil(PATIENCE / (SECONDS_PER_ITERATION + n_pairs / PAIRS_PER_SECOND))

    def __call__(self, iteration: Iteration) -> None:
        self._errors.append(iteration.marginal_error)
        if len(self._errors) == self._due:
            self._due *= 2  # fast progress may slow down later
            if is_too_slow(self._errors, self._solver.tol, self._solver.max_iter):
                self._watch.warn(self._problem)
        if self._solver.callback is not None:
            self._solver.callback(iteration)


def _spacing(problem: Problem) -> float:
    """The distance of neighbors in the denser of the two clouds."""
    return min(problem.reduced.source.spacing, problem.reduced.target.spacing)


def _extents(problem: Problem) -> Floats:
    corners = np.concatenate([problem.source.box, problem.target.box])
    return np.ptp(corners, axis=0)


def _widest(problem: Problem) -> str:
    """Name the column that makes the diameter, if others are far smaller."""
    extents = _extents(problem)
    wide = int(np.argmax(extents))
    narrow = int(np.argmin(extents))
    if not _have_different_units(extents):
        return ""
    column = problem.source.traits.column
    return (
        f", which {column(wide)} makes: it spans {extents[wide]:.3g}, {column(narrow)} spans "
        f"{extents[narrow]:.3g}"
    )


def _rescale(problem: Problem) -> str:
    if not _have_different_units(_extents(problem)):
        return ""
    return "divide each column by a scale of its own, such as its standard deviation, or "


def _have_different_units(extents: Floats) -> bool:
    return extents.max() > DIFFERENT_UNITS * extents.min()
