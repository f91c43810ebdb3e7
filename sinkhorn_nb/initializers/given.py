"""Start from given potentials, or from the solution of another problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import validation
from ..common.array_types import Floats
from ..common.representation import Settings
from ..costs import SQUARED_EUCLIDEAN
from ..measures.measure import Measure
from ..measures.pixels import Pixels
from ..problem import Problem
from ..results.solution import Solution
from .base import Initializer, Start, extended
from .coarse import Coarse
from .moved import of_self, translated
from .tracks import Track

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn


@dataclass(frozen=True, eq=False, repr=False)
class Potentials(Settings, Initializer):
    """Given potentials of a problem between two measures. Self problems start by default.

    Parameters
    ----------
    f, g : (n,) and (m,) array-likes
        Potentials in units of cost and in the order of the points, like those of a `Solution`;
        those of images may have their shape.
    """

    f: Floats
    g: Floats

    def __post_init__(self) -> None:
        for name in ("f", "g"):
            checked = validation.potential(f"init: {name}", getattr(self, name))
            object.__setattr__(self, name, checked)

    @property
    def T(self) -> Potentials:
        """The initializer with f and g exchanged."""
        return Potentials(self.g, self.f)

    def reduced(self, problem: Problem) -> Initializer:
        """The potentials between probabilities of one row for each distinct point."""
        if problem.is_self:
            return Coarse()
        source = problem.source
        target = problem.target
        scaling = problem.scaling
        f = source.collapse(_per_row("init: f", self.f, source))
        g = target.collapse(_per_row("init: g", self.g, target))
        return Sorted(f + scaling.of_f, g + scaling.of_g)

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Return the potentials, without a pass over the pairs."""
        return self.reduced(problem)(problem, solver)


def _per_row(name: str, values: Floats, measure: Measure) -> Floats:
    """Check that there is a number per point; those per pixel may have the shape of the image."""
    if isinstance(measure, Pixels) and values.shape == measure.lattice.shape:
        return values.ravel()
    validation.shape(name, values, (len(measure),), "one number per point")
    return values


@dataclass(frozen=True, eq=False)
class Sorted(Initializer):
    """Potentials of the problem between probabilities, in the order of the partitions."""

    f: Floats
    g: Floats

    @property
    def T(self) -> Sorted:
        """The initializer with f and g exchanged."""
        return Sorted(self.g, self.f)

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Return the potentials, without a pass over the pairs."""
        return Start(self.f, self.g)


@dataclass(frozen=True, eq=False, repr=False)
class Warm(Settings, Initializer):
    """The solution of a similar problem: moved points keep their potentials, other points take the
    softmin extension.

    Parameters
    ----------
    solution : Solution
        A solution for any points, weights and blur. The solution of a self problem starts self
        problems, and the solution between two measures starts problems between two measures; all
        others start by default.
    """

    solution: Solution

    @property
    def T(self) -> Warm:
        """The transposed solution."""
        return Warm(self.solution.T)

    def reduced(self, problem: Problem) -> Initializer:
        """The start of the reduced problem; each row has the potential of the old row if it is
        close to that row.
        """
        known = self.solution.problem
        if not problem.has_points:
            return by_index(self.solution, problem)
        if not known.has_points:
            raise ValueError(
                "init: solution: expected a solution between points like the data, got "
                f'{known!r}; pass init="auto", or potentials (f, g)'
            )
        validation.same_dimension(
            "init: solution", known.source.points, "the data", problem.source.points
        )
        if known.is_self != problem.is_self:
            return Coarse()
        x = Track.of(known.source, problem.source)
        if problem.is_self:
            f = None
            if x is not None:
                f = of_self(x, self.solution, problem.source, problem.eps)
            return Extended(self.solution, f, f)
        y = Track.of(known.target, problem.target)
        f = None if x is None else x.carried(self.solution)
        g = None if y is None else y.carried(self.solution.T)
        if x is None or y is None or f is None or g is None:
            return Extended(self.solution, f, g)
        if problem.cost != SQUARED_EUCLIDEAN:  # translations change the potentials in no simple way
            return Sorted(f, g)
        return Sorted(*translated(x, f, y, g))

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start; it takes one pass for each side whose points are new."""
        return self.reduced(problem)(problem, solver)


@dataclass(frozen=True, eq=False)
class Extended(Initializer):
    """Potentials of the reduced problem, in the order of the partitions; None is replaced by a
    softmin extension.
    """

    solution: Solution
    f: Floats | None
    g: Floats | None

    @property
    def T(self) -> Extended:
        """The initializer with f and g exchanged."""
        return Extended(self.solution.T, self.g, self.f)

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start; each extension is a pass between new and old points."""
        backend = solver.backend
        f = _at(self.solution, self.f, problem.source, backend)
        if problem.is_self:
            return Start(f, f)
        g = _at(self.solution.T, self.g, problem.target, backend)
        return Start(f, g)


def by_index(known: Solution, problem: Problem) -> Initializer:
    """The start of a reduced problem between indices; each index keeps its potential."""
    n = len(problem.source)
    m = len(problem.target)
    old = known.problem
    old_sizes = len(old.source), len(old.target)
    if old.has_points or old_sizes != (n, m):
        raise ValueError(
            f"init: solution: expected a solution for a {n} x {m} matrix of costs, "
            f'got {old!r}; pass init="auto", or potentials (f, g)'
        )
    if old.is_self != problem.is_self:
        return Coarse()
    f = known.on_host.f
    g = known.on_host.g
    if problem.is_self:
        own = problem.source.collapse(f) + problem.scaling.of_f
        return Sorted(own, own)
    return Potentials(f, g).reduced(problem)


def _at(solution: Solution, f: Floats | None, measure: Measure, backend: str) -> Floats:
    """f or, if it is None, the extension of the solution to the points of a measure."""
    return f if f is not None else extended(solution, measure.partition, backend)
