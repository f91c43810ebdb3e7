"""Entropic optimal transport and Sinkhorn divergences: certified, linear in memory, fast on a plain
CPU.
"""

import os
import threading
from importlib import import_module
from typing import TYPE_CHECKING

# For editors and type checkers; at run time `__getattr__` imports these names later
if TYPE_CHECKING:
    from . import estimators as estimators
    from . import initializers as initializers
    from . import plotting as plotting
    from .estimators import (
        BatchAligner,
        EntropicAligner,
        EntropicQuantileTransformer,
        SinkhornDriftDetector,
        SinkhornKMeans,
    )
    from .functional import entropic_ot, sinkhorn_divergence, sinkhorn_divergences
    from .gradients import Gradient
    from .losses.barycenter import Barycenter, sinkhorn_barycenter
    from .losses.divergences import Divergences
    from .losses.hausdorff import HausdorffDivergence, hausdorff_divergence
    from .losses.matrices import entropic_ot_matrix, sinkhorn_divergence_matrix
    from .losses.mmd import MMD, mmd
    from .losses.negentropy import Negentropy, sinkhorn_negentropy
    from .losses.pairwise import pairwise_sinkhorn_divergence
    from .losses.soft import SoftValues, soft_quantile, soft_rank, soft_sort
    from .losses.two_sample import TwoSampleTest, sinkhorn_two_sample_test
    from .losses.wasserstein import WassersteinBounds, wasserstein_bounds
    from .measures.grid import Grid
    from .measures.measure import Measure
    from .problem import Problem
    from .results.divergence import Divergence
    from .results.plan import Plan
    from .results.solution import Solution
    from .results.status import Status
    from .results.warning import ConvergenceWarning
    from .scale import suggest_blur
    from .solver import Sinkhorn

__version__ = "0.1.0"

__all__ = [
    "MMD",
    "Barycenter",
    "BatchAligner",
    "ConvergenceWarning",
    "Divergence",
    "Divergences",
    "EntropicAligner",
    "EntropicQuantileTransformer",
    "Gradient",
    "Grid",
    "HausdorffDivergence",
    "Measure",
    "Negentropy",
    "Plan",
    "Problem",
    "Sinkhorn",
    "SinkhornDriftDetector",
    "SinkhornKMeans",
    "SoftValues",
    "Solution",
    "Status",
    "TwoSampleTest",
    "WassersteinBounds",
    "entropic_ot",
    "entropic_ot_matrix",
    "hausdorff_divergence",
    "mmd",
    "pairwise_sinkhorn_divergence",
    "sinkhorn_barycenter",
    "sinkhorn_divergence",
    "sinkhorn_divergence_matrix",
    "sinkhorn_divergences",
    "sinkhorn_negentropy",
    "sinkhorn_two_sample_test",
    "soft_quantile",
    "soft_rank",
    "soft_sort",
    "suggest_blur",
    "wasserstein_bounds",
]

_HOMES = {
    "MMD": "losses.mmd",
    "Barycenter": "losses.barycenter",
    "BatchAligner": "estimators",
    "ConvergenceWarning": "results.warning",
    "Divergence": "results.divergence",
    "Divergences": "losses.divergences",
    "EntropicAligner": "estimators",
    "EntropicQuantileTransformer": "estimators",
    "Gradient": "gradients",
    "Grid": "measures.grid",
    "HausdorffDivergence": "losses.hausdorff",
    "Measure": "measures.measure",
    "Negentropy": "losses.negentropy",
    "Plan": "results.plan",
    "Problem": "problem",
    "Sinkhorn": "solver",
    "SinkhornDriftDetector": "estimators",
    "SinkhornKMeans": "estimators",
    "SoftValues": "losses.soft",
    "Solution": "results.solution",
    "Status": "results.status",
    "TwoSampleTest": "losses.two_sample",
    "WassersteinBounds": "losses.wasserstein",
    "entropic_ot": "functional",
    "entropic_ot_matrix": "losses.matrices",
    "hausdorff_divergence": "losses.hausdorff",
    "mmd": "losses.mmd",
    "pairwise_sinkhorn_divergence": "losses.pairwise",
    "sinkhorn_barycenter": "losses.barycenter",
    "sinkhorn_divergence": "functional",
    "sinkhorn_divergence_matrix": "losses.matrices",
    "sinkhorn_divergences": "functional",
    "sinkhorn_negentropy": "losses.negentropy",
    "sinkhorn_two_sample_test": "losses.two_sample",
    "soft_quantile": "losses.soft",
    "soft_rank": "losses.soft",
    "soft_sort": "losses.soft",
    "suggest_blur": "scale",
    "wasserstein_bounds": "losses.wasserstein",
}
_SUBMODULES = ("estimators", "initializers", "plotting")
# SciPy's imports have cycles: two threads in them get a deadlock error from Python
_importing = threading.RLock()

if hasattr(os, "register_at_fork"):  # no thread of the parent continues in a child
    os.register_at_fork(after_in_child=lambda: globals().update(_importing=threading.RLock()))


if not TYPE_CHECKING:  # to a type checker a name that is not there is a mistake

    def __getattr__(name: str) -> object:
        """Import a public name or submodule when it is first asked for: numba and SciPy take half a
        second.
        """
        if name not in _SUBMODULES and name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        with _importing:
            module = import_module(f".{_HOMES.get(name, name)}", __name__)
        value = globals()[name] = module if name in _SUBMODULES else getattr(module, name)
        return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBMODULES, "__version__"])
