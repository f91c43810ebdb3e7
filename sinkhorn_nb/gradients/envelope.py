"""Gradients of optimal values by the envelope theorem: no linear system, one pass per side."""

from typing import NamedTuple

import numpy as np

from ..gibbs import GibbsKernel
from ..representation import Represented, arrays


class Gradient(NamedTuple):
    """Derivatives of a value with respect to the arrays passed in.

    x (n, d), y (m, d): of the points; a (n,), b (m,): of the weights, up to a constant on the
    simplex, chosen so that <a, grad.a> + <b, grad.b> is the value.
    """

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray

    __repr__, _repr_html_, _facts = Represented.__repr__, Represented._repr_html_, arrays  # a tuple has no other base

    def sent(self, home):
        """The derivatives as arrays of another home."""
        return Gradient(*map(home.send, self))


def envelope(problem, iterate, dtype, backend="auto"):
    """(T(g), T(f)), the derivatives in weights, and the barycentric images of both sides' points, one pass per side.

    The derivative in x_i is a_i (x_i - sum_j W_ij y_j), W being the row-normalised plan. Everything is in the order of
    the partitions. The rows are normalised at T(f), the columns at T(g).
    """
    kernel = GibbsKernel.of(problem, dtype, backend)
    f, g = iterate.f - problem.eps * iterate.log_rows, iterate.g - problem.eps * iterate.log_columns
    images = kernel.barycenters(f, g)
    return (f, g), (images, images if problem.is_self else kernel.T.barycenters(g, f))


def pull(measure, mass, images):
    """The derivative of the value in the points of a measure, whose barycentric images are given."""
    return (mass * measure.probabilities)[:, None] * (measure.points - images)


def with_value(value, problem, gradient):
    """The gradient with the constant of its weights' part such that <a, grad.a> + <b, grad.b> = value."""
    pairing = problem.source.weights @ gradient.a + problem.target.weights @ gradient.b
    shift = (value - pairing) / (problem.source.mass + problem.target.mass)
    return gradient._replace(a=gradient.a + shift, b=gradient.b + shift)
