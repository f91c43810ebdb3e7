"""The initializers, which compute the start of a solve, and their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from .. import validation
from ..results.solution import Solution
from .annealed import Annealed
from .auto import Auto
from .base import Initializer, Start
from .coarse import Coarse
from .debiased import Debiased
from .flat import Flat
from .gaussian import Gaussian
from .given import Potentials, Sorted, Warm
from .gmm import GMM
from .resumed import Resumed
from .sorting import DualSort, Sorting
from .subsample import Subsample
from .zeros import Zeros

if TYPE_CHECKING:
    from ..results.divergence import Divergence

__all__ = [
    "GMM",
    "NAMED",
    "Annealed",
    "Auto",
    "Coarse",
    "Debiased",
    "DualSort",
    "Flat",
    "Gaussian",
    "Initializer",
    "Potentials",
    "Resumed",
    "Sorted",
    "Sorting",
    "Start",
    "Subsample",
    "Warm",
    "Zeros",
    "initializer",
]

NAMED = {
    "auto": Auto(),
    "coarse": Coarse(),
    "gaussian": Gaussian(),
    "gmm": GMM(random_state=0),
    "sorting": Sorting(),
    "subsample": Subsample(random_state=0),
    "zeros": Zeros(),
}


def initializer(init: object) -> Initializer:
    """Return the `Initializer` for a name, a `Solution`, a `Divergence` or a pair of potentials."""
    if isinstance(init, Initializer):
        return init
    if isinstance(init, Solution):
        return Warm(init)
    if isinstance(init, tuple) and len(init) == 2:
        return Potentials(*init)
    if isinstance(init, str):
        return NAMED[validation.choice("init", init, tuple(NAMED))]
    if _is_divergence(init):
        return Resumed(init.xy, init.xx, init.yy)
    raise TypeError(
        "init: expected a name, an Initializer, a Solution, a Divergence or a pair (f, g), got "
        f"{type(init).__name__}; pass one of {', '.join(map(repr, NAMED))}, an object of "
        "sinkhorn_nb.initializers, an earlier result or potentials"
    )


def _is_divergence(init: object) -> TypeGuard[Divergence]:
    """Tell whether an object is a divergence, whose class lies above this layer, by its three
    solutions.
    """
    parts = [getattr(init, name, None) for name in ("xy", "xx", "yy")]
    return all(isinstance(part, Solution) for part in parts)
