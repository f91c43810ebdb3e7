"""Extend potentials and maps from the points of the solve to new points and to all rows of the
caller.
"""

from __future__ import annotations

import numpy as np

from .. import validation
from ..common.array_types import ArrayLike, Coordinates, Floats, Indices
from ..costs import SquaredEuclidean
from ..dual import Iterate
from ..kernels.choice import with_points
from ..kernels.far_points import are_far, seen_from_afar
from ..kernels.protocol import Kernel
from ..measures.measure import Measure
from ..problem import Problem


class Extension:
    """The softmin extension of the target's potential to any points of the source's space.

    Parameters
    ----------
    problem : Problem
        The caller's problem; the potentials belong to its reduced problem.
    g : (k,) array
        The potential of the target between probabilities, in the order of the reduced partition.
    backend : str
        The backend of the solver.
    """

    def __init__(self, problem: Problem, g: Floats, backend: str) -> None:
        self._problem, self._g, self._backend = problem, g, backend

    def potential(self, points: Coordinates) -> Floats:
        """The exact update of f at the points, between probabilities: T(g), damped unless the
        marginal is exact.
        """
        dual = self._problem.reduced.dual()
        near, far = self._near_and_far(points)
        potential = np.empty(len(points))
        if len(near):
            query, kernel = self._kernel_from(points[near])
            softmin = kernel.softmin(self._g)
            potential[near] = query.expand(dual.damped_rows(softmin))
        if len(far):
            softmin, _ = self._seen_from_afar(points[far])
            potential[far] = dual.damped_rows(softmin)
        return potential

    def images(self, points: Coordinates) -> Floats:
        """The means of the target's points under the conditional plan at the points."""
        near, far = self._near_and_far(points)
        images = np.empty(points.shape)
        if len(near):
            query, kernel = self._kernel_from(points[near])
            softmin = kernel.softmin(self._g)
            means = with_points(kernel).barycenters(softmin, self._g)
            images[near] = query.expand(means)
        if len(far):
            _, images[far] = self._seen_from_afar(points[far])
        return images

    def _near_and_far(self, points: Coordinates) -> tuple[Indices, Indices]:
        """The rows of points near the target, and the rows of points so far away that squared
        distances lose the differences.
        """
        problem = self._problem
        if not isinstance(problem.cost, SquaredEuclidean):
            return np.arange(len(points)), np.arange(0)
        is_far = are_far(points, problem.reduced.target.partition.points, problem.eps)
        return np.flatnonzero(~is_far), np.flatnonzero(is_far)

    def _seen_from_afar(self, points: Coordinates) -> tuple[Floats, Floats]:
        problem = self._problem
        validation.blur(problem.blur, points - problem.centre)
        y = problem.reduced.target.partition
        return seen_from_afar(points, y.points, y.probabilities, self._g, problem.eps)

    def at_rows(self, f: Floats) -> Floats:
        """The source's potential per row of the caller, from the potential of the points. Rows
        without mass have T(g).
        """
        inert = self._inert_points
        at_inert = self.potential(inert) if len(inert) else 0.0
        return self._problem.source.expand(f, at_inert)

    def images_of_rows(self, f: Floats) -> Floats:
        """The barycentric images of the caller's rows, in one pass, because f is T(g) at the
        points.
        """
        problem = self._problem
        kernel = with_points(problem.reduced.kernel("float64", self._backend))
        images = kernel.barycenters(f, self._g)
        inert = self._inert_points
        at_inert = self.images(inert) if len(inert) else 0.0
        return problem.source.expand(images, at_inert)

    @property
    def _inert_points(self) -> Coordinates:
        """The points of the source's rows without mass."""
        source = self._problem.source
        return source.points[source.inert]

    def _kernel_from(self, points: Coordinates) -> tuple[Measure, Kernel]:
        problem = self._problem
        query = Measure.of(points)
        problem.cost.check("x_new", points)
        if problem.cost.has_length:
            validation.blur(problem.blur, points - problem.centre)
        x = query.reduced.partition
        y = problem.reduced.target.partition
        return query, problem.kernel_between(x, y, "float64", self._backend)


def new_points(name: str, points: ArrayLike, problem: Problem) -> Coordinates:
    """Check the caller's new points: they must have the unit and the columns of the source's
    points.
    """
    problem.require_points()
    source = problem.source
    points, traits = validation.cloud(name, points, source.dimension)
    validation.same_dimension(name, points, "the data", source.points)
    validation.same_meaning(name, traits, "the data", source.traits)
    return points


def iterate_of_normal_forms(problem: Problem, known: Iterate) -> Iterate:
    """Convert an iterate from the order of the normal forms to the order of the partitions."""
    source, target = problem.source, problem.target
    f = source.from_normal_form(known.f)
    log_rows = source.from_normal_form(known.log_rows)
    if known.g is known.f:
        return Iterate(f, f, log_rows, log_rows)
    g = target.from_normal_form(known.g)
    log_columns = target.from_normal_form(known.log_columns)
    return Iterate(f, g, log_rows, log_columns)


def iterate_of_rows(problem: Problem, iterate: Iterate, f: Floats, g: Floats) -> Iterate:
    """Convert potentials per row to an iterate in the order of the partitions of all rows.

    Rows of equal points have the same marginal ratios; rows without mass are exact.
    """
    if problem.reduced is problem:
        return iterate
    source, target = problem.source, problem.target
    log_rows = source.expand(np.asarray(iterate.log_rows))
    log_columns = target.expand(np.asarray(iterate.log_columns))
    on_source = [source.partition.sort(values) for values in (f, log_rows)]
    on_target = [target.partition.sort(values) for values in (g, log_columns)]
    return Iterate(on_source[0], on_target[0], on_source[1], on_target[1])
