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
        no_f = np.zeros(len(problem.source))
        no_g = np.zeros(len(problem.target))
        f = kernel.costs(no_f, no_g)
        a = problem.source.partition.probabilities
        level = float(a @ f) / 2
        if problem.is_self:
            f = f - level
            return Start(f, f)
        g = kernel.T.costs(no_g, no_f)
        return Start(f - level, g - level)
