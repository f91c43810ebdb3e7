"""The only judge of user input: every message names the argument, what was expected, what came, what to do."""

from .arrays import (
    equal_masses,
    factors,
    home,
    host_array,
    levels,
    like,
    matrix,
    on_a_line,
    points,
    same_dimension,
    same_length,
    sequence,
    shape,
    uniform,
    vector,
    weights,
)
from .indices import indices
from .settings import blur, choice, count, fitted_mixture, instance, positive, random_state

__all__ = [
    "blur",
    "choice",
    "count",
    "equal_masses",
    "factors",
    "fitted_mixture",
    "home",
    "host_array",
    "indices",
    "instance",
    "levels",
    "like",
    "matrix",
    "on_a_line",
    "points",
    "positive",
    "random_state",
    "same_dimension",
    "same_length",
    "sequence",
    "shape",
    "uniform",
    "vector",
    "weights",
]
