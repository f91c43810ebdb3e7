"""The start of Sinkhorn's iteration."""

from dataclasses import dataclass

import numpy as np

from .base import Initializer, Start


@dataclass(frozen=True)
class Zeros(Initializer):
    """Both potentials zero."""

    def __call__(self, problem, solver):
        """The start, for nothing."""
        f = np.zeros(len(problem.source))
        return Start(f, f if problem.is_self else np.zeros(len(problem.target)), 0.0)
