"""Checks of all user input. Every message names the argument, what was expected, what came and what
to do.
"""

from .arrays import (
    are_plain,
    cloud,
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
    vector,
)
from .digits import resolved, surely_resolved
from .foreign import native_names, points_first, several_clouds
from .indices import indices
from .masses import equal_masses, masses, one_mass, uniform, weights
from .meaning import PLAIN, Traits, same_meaning, same_unit
from .settings import (
    blur,
    choice,
    count,
    entry,
    fitted_mixture,
    instance,
    jobs,
    positive,
    random_state,
    share,
)

__all__ = [
    "PLAIN",
    "Traits",
    "are_plain",
    "blur",
    "choice",
    "cloud",
    "count",
    "entry",
    "equal_masses",
    "factors",
    "fitted_mixture",
    "home",
    "host_array",
    "indices",
    "instance",
    "jobs",
    "levels",
    "like",
    "masses",
    "matrix",
    "native_names",
    "on_a_line",
    "one_mass",
    "points",
    "points_first",
    "positive",
    "random_state",
    "resolved",
    "same_dimension",
    "same_length",
    "same_meaning",
    "same_unit",
    "sequence",
    "several_clouds",
    "shape",
    "share",
    "surely_resolved",
    "uniform",
    "vector",
    "weights",
]
