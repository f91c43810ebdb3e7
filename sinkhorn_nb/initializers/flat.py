"""The closed form at temperatures far above all costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..problem import Problem
from .base import Initializer, Start

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

HOT = 2.0**40  # largest costs in a temperature at which sums of exp(-C / eps) C are sums of C


@dataclass(frozen=True)
class Flat(Initializer):
    """Mean costs, f_i = sum_j b_j C_ij - m / 2 and g alike, where m is the mean of all costs.

    Relative to m, the value there misses about the largest cost over eps.
    """

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the potentials by one pass per side."""
        largest = problem.cost.bound(problem.diameter)
        eps = min(problem.eps, HOT * largest)  # at a higher one, squares may vanish
        kernel = problem.kernel("float64", solver.backend, eps)
        sides = np.zeros(len(problem.source)), np.zeros(len(problem.target))
        f = kernel.costs(*sides)
        g = f if problem.is_self else kernel.T.costs(*sides[::-1])
        level = float(problem.source.partition.probabilities @ f) / 2
        f = f - level
        return Start(f, f if problem.is_self else g - level)
