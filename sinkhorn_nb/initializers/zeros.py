"""Start from zero, as Sinkhorn's iteration does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..problem import Problem
from .base import Initializer, Start

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn


@dataclass(frozen=True)
class Zeros(Initializer):
    """Potentials that are both zero."""

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Return the start, without a pass."""
        f = np.zeros(len(problem.source))
        if problem.is_self:
            return Start(f, f)
        return Start(f, np.zeros(len(problem.target)))
