"""The gradient of a solution's value, without the constants in the weights' part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dual import Normal
from ..gradients import Gradient, Sides, envelope, envelope_of_normal_forms, pull

if TYPE_CHECKING:
    from .solution import Solution


def value_gradient(solution: Solution, sides: Sides) -> Gradient:
    """The derivatives by the envelope theorem, one pass per needed side, with a row for each row of
    the caller.
    """
    problem, found = solution.problem, solution.found
    source, target = problem.source, problem.target
    if isinstance(found, Normal):
        (f, g), (on_x, on_y) = envelope_of_normal_forms(problem, found)
        on_x = source.normal_form.expand(on_x)
        on_y = target.normal_form.expand(on_y)
    else:
        settings = solution.dtype, solution.backend, sides
        (f, g), (on_x, on_y) = envelope(problem.reduced, solution.iterate, *settings)
        on_x = source.expand(on_x)
        on_y = target.expand(on_y)

    scaling = problem.scaling
    on_x = pull(source, scaling.mass, on_x)
    on_y = pull(target, scaling.mass, on_y)
    f = solution._per_row(f)
    g = solution._per_row(g, is_source=False)
    if problem.marginals.are_exact:
        return Gradient(on_x, on_y, f, g)
    potentials = f - scaling.of_f, g - scaling.of_g
    on_weights = problem.marginals.weight_gradients(*potentials, problem.eps)
    return Gradient(on_x, on_y, *on_weights)
