"""Solutions and divergences between grids, whose arrays have the shapes of the images."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .. import validation
from ..common.array_types import ArrayLike, Floats
from ..common.caching import cached_property
from ..dual import Iterate
from ..gradients import LINEAR_TOL, Gradient
from ..gradients.reports import HessianProduct, ImplicitGradient, Tangents, with_report
from ..measures.lattice import Lattice
from ..measures.pixels import GridMeasure, Pixels
from ..problem import Problem
from .divergence import Divergence
from .plan import Plan
from .solution import Solution


@dataclass(frozen=True, eq=False, repr=False)
class GridSolution(Solution):
    """A `Solution` between two images, histograms or volumes.

    Potentials, maps and gradients have the shapes of the images, with one more axis for
    coordinates. The plan, and values at new points, are those between the pixels as points: each of
    its products is a pass over all pairs of pixels with mass.

    Attributes
    ----------
    method : str
        "grid" if sums went along the axes, "points" if the few pixels with mass were points.
    """

    @classmethod
    def of_solution(cls, solution: Solution) -> GridSolution:
        """The same solution with arrays in the shapes of the images."""
        return cls(**_fields_of(solution))

    @property
    def method(self) -> str:
        """The way in which the problem was solved: "grid" or "points"."""
        return "grid" if isinstance(self.problem.source, GridMeasure) else "points"

    @property
    def f(self) -> Floats:
        """The potential of the source, per pixel and in units of cost."""
        return self.problem.source.shaped(super().f)

    @property
    def g(self) -> Floats:
        """The potential of the target, per pixel and in units of cost."""
        return self.problem.target.shaped(super().g)

    @property
    def T(self) -> GridSolution:
        """The solution of the transposed problem."""
        return GridSolution.of_solution(super().T)

    @cached_property
    def plan(self) -> Plan:
        """The plan between the pixels as points, in the order of `image.ravel()`."""
        return super().plan if self.method == "points" else self.on_points.plan

    def potential(self, x_new: ArrayLike) -> Floats:
        """f at new points, like `Solution.potential`."""
        if self._is_plain:
            return super().potential(x_new)
        return self.on_points.potential(x_new)

    def map(self, x_new: ArrayLike | None = None) -> Floats:
        """The barycentric map of all pixels, with one more axis for coordinates, or of new points,
        as (q, d).
        """
        if x_new is None:
            return self.problem.source.shaped(super().map())
        if self._is_plain:
            return super().map(x_new)
        return self.on_points.map(x_new)

    def gradient(self) -> Gradient:
        """The gradient of the value: a and b in the pixels, x and y in their places."""
        gradient = super().gradient()
        return gradient.shaped(self.problem.source, self.problem.target)

    @cached_property
    def on_points(self) -> Solution:
        """The solution between the pixels as points, with flat arrays."""
        known = _fields_of(self)
        if self._is_plain:
            return Solution(**known)

        source = _as_points(self.problem.source)
        target = _as_points(self.problem.target)
        f, g, log_rows, log_columns = self.iterate
        potentials = source.collapse(f), target.collapse(g)
        logs = source.collapse(log_rows), target.collapse(log_columns)
        problem = self.problem.between(source, target)
        iterate = Iterate(*potentials, *logs)
        return Solution(**known | {"problem": problem, "found": iterate})

    def pullback(
        self,
        f: ArrayLike | None = None,
        g: ArrayLike | None = None,
        map: ArrayLike | None = None,
        plan: tuple[ArrayLike, ArrayLike] | None = None,
        tol: float = LINEAR_TOL,
    ) -> ImplicitGradient:
        """Like `Solution.pullback`, with arrays in the shapes of the images, apart from `plan`; its
        passes are over all pairs of pixels.
        """
        source, target = self.problem.source, self.problem.target
        on_map = flat("map", map, source, source.dimension)
        parts = flat("f", f, source), flat("g", g, target), on_map
        found = self.on_points.pullback(*parts, plan, tol)
        gradient = ImplicitGradient(*found.shaped(source, target))
        return with_report(gradient, found.linear_solve)

    def pushforward(
        self,
        x: ArrayLike | None = None,
        y: ArrayLike | None = None,
        a: ArrayLike | None = None,
        b: ArrayLike | None = None,
        tol: float = LINEAR_TOL,
        C: ArrayLike | None = None,
    ) -> Tangents:
        """Like `Solution.pushforward`, with arrays in the shapes of the images; its passes are over
        all pairs of pixels.
        """
        source, target = self.problem.source, self.problem.target
        d = source.dimension
        moves = flat("x", x, source, d), flat("y", y, target, d)
        changes = flat("a", a, source), flat("b", b, target)
        found = self.on_points.pushforward(*moves, *changes, tol, C)
        potentials = source.shaped(found.f), target.shaped(found.g)
        return with_report(Tangents(*potentials, found.value), found.linear_solve)

    def hessian_vector_product(
        self, dx: ArrayLike | None = None, dy: ArrayLike | None = None, tol: float = LINEAR_TOL
    ) -> HessianProduct:
        """Like `Solution.hessian_vector_product`, with arrays in the shapes of the images."""
        return _hessian_product(self.problem, self.on_points, (dx, dy), tol)

    def _per_row(self, potential: Floats, is_source: bool = True) -> Floats:
        """A potential per pixel; pixels without mass have the softmin."""
        if self._is_plain:
            return super()._per_row(potential, is_source)
        iterate = self.iterate if is_source else self.iterate.T
        dual = self.problem.dual() if is_source else self.problem.dual().T
        return np.where(dual.a > 0, potential, dual.updated_rows(iterate))

    @property
    def _is_plain(self) -> bool:
        return self.method == "points"

    def _facts(self) -> dict[str, object]:
        shapes = {"shape": _lattice(self.problem.source).shape, "method": self.method}
        return super()._facts() | shapes


@dataclass(frozen=True, eq=False, repr=False)
class GridDivergence(Divergence):
    """A `Divergence` between two images, histograms or volumes, with arrays in their shapes."""

    xy: GridSolution
    xx: GridSolution
    yy: GridSolution

    @classmethod
    def of_solutions(cls, xy: Solution, xx: Solution, yy: Solution) -> GridDivergence:
        """The divergence of three solutions between pixels."""
        known: dict[int, GridSolution] = {}
        for solution in (xy, xx, yy):
            known.setdefault(id(solution), GridSolution.of_solution(solution))
        return cls(*(known[id(solution)] for solution in (xy, xx, yy)))

    @property
    def method(self) -> str:
        """The way in which the problems were solved: "grid" or "points"."""
        return self.xy.method

    @property
    def potentials(self) -> tuple[Floats, Floats]:
        """(f_ab - f_aa, g_ab - g_bb) per pixel: the first variations of S_eps in a and b."""
        f, g = super().potentials
        problem = self.xy.problem
        return problem.source.shaped(f), problem.target.shaped(g)

    def gradient(self) -> Gradient:
        """The gradient of S_eps: a and b in the pixels, x and y in their places."""
        gradient = super().gradient()
        return gradient.shaped(self.xy.problem.source, self.xy.problem.target)

    def hessian_vector_product(
        self, dx: ArrayLike | None = None, dy: ArrayLike | None = None, tol: float = LINEAR_TOL
    ) -> HessianProduct:
        """Like `Divergence.hessian_vector_product`, with arrays in the shapes of the images."""
        return _hessian_product(self.xy.problem, self.on_points, (dx, dy), tol)

    @cached_property
    def on_points(self) -> Divergence:
        """The divergence between the pixels as points, with flat arrays."""
        return Divergence(self.xy.on_points, self.xx.on_points, self.yy.on_points)


def _hessian_product(
    problem: Problem,
    on_points: Solution | Divergence,
    moves: tuple[ArrayLike | None, ArrayLike | None],
    tol: float,
) -> HessianProduct:
    source, target = problem.source, problem.target
    dx = flat("dx", moves[0], source, source.dimension)
    dy = flat("dy", moves[1], target, source.dimension)
    found = on_points.hessian_vector_product(dx, dy, tol)
    values = source.shaped(found.x), target.shaped(found.y)
    return with_report(HessianProduct(*values), found.linear_solve)


def flat(name: str, value: ArrayLike | None, measure: Any, *last: int) -> Floats | None:
    """Values per pixel, in the shape of the image, as an array with one entry or row per pixel."""
    if value is None:
        return None
    shape = (*_lattice(measure).shape, *last)
    array = validation.real_array(name, value, f"a {shape} array").astype(np.float64)
    validation.shape(name, array, shape, "one number or row per pixel, in the image's shape")
    return array.reshape(-1, *last)


def _fields_of(solution: Solution) -> dict[str, Any]:
    return {field.name: getattr(solution, field.name) for field in fields(solution)}


def _lattice(measure: Any) -> Lattice:
    assert isinstance(measure, Pixels)
    return measure.lattice


def _as_points(measure: Any) -> Pixels:
    lattice = _lattice(measure)
    return Pixels(measure.points, measure.weights, measure.traits, lattice=lattice)
