"""Gradients of optimal values by the envelope theorem: no linear system, one pass per side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.cpu.small_slopes import Potentials, write_slopes
from ..backends.pointwise import LOG2E
from ..common.array_types import Floats
from ..common.caching import know
from ..common.representation import Represented, arrays
from ..dual import Dual, Iterate, Normal
from ..interop.arrays import Home
from ..kernels.choice import with_points
from ..measures.measure import Measure
from ..problem import Problem


class Gradient(NamedTuple):
    """Derivatives of a value with respect to the arrays passed in.

    x (n, d) and y (m, d) belong to the points, a (n,) and b (m,) to the weights. The latter are
    unique up to a constant on the simplex, chosen so that <a, grad.a> + <b, grad.b> is the value.
    """

    x: Floats
    y: Floats
    a: Floats
    b: Floats

    __repr__, _repr_html_, _facts = Represented.__repr__, Represented._repr_html_, arrays  # type: ignore[misc]  # no other base

    def sent(self, home: Home) -> Gradient:
        """The derivatives as arrays of another home."""
        return Gradient(*map(home.send, self))

    def shaped(self, source: Measure, target: Measure) -> Gradient:
        """The derivatives in the shapes of the measures: those of images, if they are images."""
        points = source.shaped(self.x), target.shaped(self.y)
        return Gradient(*points, source.shaped(self.a), target.shaped(self.b))


class Sides(NamedTuple):
    """Whether derivatives are needed in the points of the source, and in those of the target."""

    x: bool
    y: bool


BOTH = Sides(True, True)


def envelope(
    problem: Problem,
    iterate: Iterate,
    dtype: str,
    backend: str = "auto",
    sides: Sides = BOTH,
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """The updated potentials of both sides, on which the derivatives in the weights depend, and the
    derivatives in the points, per unit of the scaled probabilities; one pass per side that is
    needed. Derivatives on the other side are NaN.

    The derivative in x_i is a_i r_i sum_j W_ij dC_ij / dx_i, where W is the row-normalized plan and
    r_i the marginal ratio. All arrays are in the order of the partitions.
    """
    dual = problem.dual()
    f, g = dual.updated_rows(iterate), dual.updated_columns(iterate)
    if not problem.has_points:
        on_x, on_y = (points.astype(np.float64) for points in problem.coordinates)
        return (f, g), (on_x, on_y)
    kernel = with_points(problem.kernel(dtype, backend))
    on_x, on_y = (np.full(points.shape, np.nan) for points in problem.coordinates)
    if sides.x or (problem.is_self and sides.y):
        on_x = kernel.mean_gradients(dual.softmin_rows(iterate), g)
        on_x = _scaled(dual.ratios_after(iterate), on_x)
    if problem.is_self:
        return (f, g), (on_x, on_x)

    if sides.y:
        on_y = kernel.T.mean_gradients(dual.softmin_columns(iterate), f)
        on_y = _scaled(dual.T.ratios_after(iterate.T), on_y)
    return (f, g), (on_x, on_y)


def envelope_of_normal_forms(
    problem: Problem, found: Normal
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """The same as `envelope` for a small problem, in the order of the normal forms, by one compiled
    call.
    """
    if found.is_turned:  # the same bits for (a, b) and (b, a)
        turned = know(problem.T, is_self=problem.is_self)
        updated, slopes = envelope_of_normal_forms(turned, found.T)
        return updated[::-1], slopes[::-1]
    (iterate, a, b) = found[:3]
    dual = Dual(a, b, problem.eps, problem.marginals)
    of_g = dual.softmin_rows(iterate)
    of_f = dual.softmin_columns(iterate)
    per_cost = LOG2E / problem.eps
    potentials = Potentials(*(per_cost * part for part in (iterate.f, iterate.g, of_g, of_f)))
    cost = problem.cost
    forms = problem.source.normal_form, problem.target.normal_form
    points = [cost.places(form.points) for form in forms]
    on_x = np.empty(points[0].shape)
    on_y = on_x if problem.is_self else np.empty(points[1].shape)
    arguments = *points, a, b, problem.is_self, potentials, on_x, on_y
    write_slopes(problem.terms.profile, dual.rates, *arguments)
    on_x = cost.pulled(forms[0].points, on_x)
    on_y = on_x if problem.is_self else cost.pulled(forms[1].points, on_y)
    return (dual.damped_rows(of_g), dual.T.damped_rows(of_f)), (on_x, on_y)


def _scaled(ratios: Floats | float, gradients: Floats) -> Floats:
    return gradients if isinstance(ratios, float) else ratios[:, None] * gradients


def pull(measure: Measure, mass: float, on_points: Floats) -> Floats:
    """The derivative of the value in the points of a measure, from that per unit of the scaled
    probabilities.
    """
    return (mass * measure.probabilities)[:, None] * on_points


def with_value(value: float, problem: Problem, gradient: Gradient) -> Gradient:
    """Choose the constant in the weights' part of the gradient such that <a, grad.a> + <b, grad.b>
    = value.
    """
    pairing = problem.source.weights @ gradient.a + problem.target.weights @ gradient.b
    shift = (value - pairing) / (problem.source.mass + problem.target.mass)
    return gradient._replace(a=gradient.a + shift, b=gradient.b + shift)
