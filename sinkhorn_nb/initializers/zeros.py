"""Start from zero, as Sinkhorn's iteration does."""

from dataclasses import dataclass

import numpy as np

from .base import Initializer, Start


@dataclass(frozen=True)
class Zeros(Initializer):
    """Potentials that are both zero."""

    def __call__(self, problem, solver):
        """Return the start, without a pass."""
        f = np.zeros(len(problem.source))
        return Start(f, f if problem.is_self else np.zeros(len(problem.target)), 0.0)
