"""Entropic optimal transport and Sinkhorn divergences: certified, linear in memory, fast on a plain CPU."""

from importlib import import_module

from .divergence import Divergence
from .divergences import Divergences
from .functional import entropic_ot, sinkhorn_divergence, sinkhorn_divergences, suggest_blur
from .gradients import Gradient
from .measure import Measure
from .plan import Plan
from .problem import Problem
from .soft import SoftValues, soft_quantile, soft_rank, soft_sort
from .solution import Solution
from .solver import Sinkhorn
from .status import Status

__version__ = "0.1.0.dev0"

__all__ = [
    "ConvergenceWarning",
    "Divergence",
    "Divergences",
    "Gradient",
    "Measure",
    "Plan",
    "Problem",
    "Sinkhorn",
    "SoftValues",
    "Solution",
    "Status",
    "entropic_ot",
    "sinkhorn_divergence",
    "sinkhorn_divergences",
    "soft_quantile",
    "soft_rank",
    "soft_sort",
    "suggest_blur",
]


def __getattr__(name):
    """ConvergenceWarning, when first asked for: its base class takes a second to import."""
    if name == "ConvergenceWarning":
        return import_module(".warning", __name__).ConvergenceWarning
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), "ConvergenceWarning"])
