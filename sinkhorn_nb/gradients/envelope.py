"""Gradients of optimal values by the envelope theorem: no linear system, one pass a side."""

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


def envelope(problem, iterate, dtype, value, backend="auto"):
    """d OT_eps: a_i (x_i - sum_j W_ij y_j) with W the row-normalised plan; (T(g), T(f)) in weights.

    Rows are normalised with T(g), columns with T(f).
    """
    kernel = GibbsKernel.of(problem, dtype, backend)
    f, g = iterate.f - problem.eps * iterate.log_rows, iterate.g - problem.eps * iterate.log_columns
    on_x, on_y = problem.source.partition.restore, problem.target.partition.restore
    means = kernel.barycenters(f, g)
    means_back = means if problem.is_self else kernel.T.barycenters(g, f)
    grad_x, grad_y = (
        _pull(problem.source, problem.mass, on_x(means)),
        _pull(problem.target, problem.mass, on_y(means_back)),
    )
    return with_value(value, problem, Gradient(grad_x, grad_y, on_x(f), on_y(g)))


def _pull(measure, mass, barycenters):
    return (mass * measure.probabilities)[:, None] * (measure.points - barycenters)


def with_value(value, problem, gradient):
    """The gradient with the constant of its weights' part such that <a, grad.a> + <b, grad.b> = value."""
    pairing = problem.source.weights @ gradient.a + problem.target.weights @ gradient.b
    shift = (value - pairing) / (problem.source.mass + problem.target.mass)
    return gradient._replace(a=gradient.a + shift, b=gradient.b + shift)
