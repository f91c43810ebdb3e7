"""Gradients of optimal values by the envelope theorem: no linear system, one pass per side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.cpu.small_slopes import Potentials, write_slopes
from ..backends.pointwise import LOG2E
from ..common.array_types import Floats, Pair
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
        return Gradient(
            source.shaped(self.x),
            target.shaped(self.y),
            source.shaped(self.a),
            target.shaped(self.b),
        )


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
) -> tuple[Pair, Pair]:
    """The updated potentials of both sides, on which the derivatives in the weights depend, and the
    derivatives in the points, per unit of the scaled probabilities; one pass per side that is
    needed. Derivatives on the other side are NaN.

    The derivative in x_i is a_i r_i sum_j W_ij dC_ij / dx_i, where W is the row-normalized plan and
    r_i the marginal ratio. All arrays are in the order of the partitions.
    """
    dual = problem.dual()
    f = dual.updated_rows(iterate)
    g = dual.updated_columns(iterate)
    (x, y) = problem.coordinates
    if not problem.has_points:
        return (f, g), (x.astype(np.float64), y.astype(np.float64))

    kernel = with_points(problem.kernel(dtype, backend))
    on_x = np.full(x.shape, np.nan)
    on_y = np.full(y.shape, np.nan)
    if sides.x or (problem.is_self and sides.y):
        on_x = kernel.mean_gradients(dual.softmin_rows(iterate), g)
        on_x = _scaled(dual.ratios_after(iterate), on_x)
    if problem.is_self:
        return (f, g), (on_x, on_x)

    if sides.y:
        of_f = dual.softmin_columns(iterate)
        on_y = kernel.T.mean_gradients(of_f, f)
        ratios = dual.T.ratios_after(iterate.T)
        on_y = _scaled(ratios, on_y)
    return (f, g), (on_x, on_y)


def envelope_of_normal_forms(problem: Problem, found: Normal) -> tuple[Pair, Pair]:
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
    potentials = Potentials(
        per_cost * iterate.f,
        per_cost * iterate.g,
        per_cost * of_g,
        per_cost * of_f,
    )

    cost = problem.cost
    is_self = problem.is_self
    x = problem.source.normal_form.points
    y = problem.target.normal_form.points
    places = [cost.places(x), cost.places(y)]
    on_x = np.empty(places[0].shape)
    on_y = on_x if is_self else np.empty(places[1].shape)
    arguments = *places, a, b, is_self, potentials, on_x, on_y
    write_slopes(problem.terms.profile, dual.rates, *arguments)
    on_x = cost.pulled(x, on_x)
    on_y = on_x if is_self else cost.pulled(y, on_y)
    updated = dual.damped_rows(of_g), dual.T.damped_rows(of_f)
    return updated, (on_x, on_y)


def _scaled(ratios: Floats | float, gradients: Floats) -> Floats:
    return gradients if isinstance(ratios, float) else ratios[:, None] * gradients


def pull(measure: Measure, mass: float, on_points: Floats) -> Floats:
    """The derivative of the value in the points of a measure, from the derivative per unit of the
    scaled probabilities.
    """
    return (mass * measure.probabilities)[:, None] * on_points


def with_value(value: float, problem: Problem, gradient: Gradient) -> Gradient:
    """Choose the constant in the weights' part of the gradient such that <a, grad.a> + <b, grad.b>
    = value.
    """
    source = problem.source
    target = problem.target
    pairing = source.weights @ gradient.a + target.weights @ gradient.b
    shift = (value - pairing) / (source.mass + target.mass)
    return gradient._replace(
        a=gradient.a + shift,
        b=gradient.b + shift,
    )
