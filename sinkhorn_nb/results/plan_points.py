"""One side of a plan as distinct points. Rows of equal points share one row of the kernel."""

from __future__ import annotations

import numpy as np

from ..common.array_types import Floats
from ..problem import Problem


class PlanPoints:
    """The points of the source that have mass, with potentials between probabilities.

    Rows of equal points may have different potentials if the caller gave them. A row then has the
    factor exp((f_i - F) / eps), where F is such that the factors of a point have the mean 1.

    Parameters
    ----------
    potential : (n,) array
        Potentials of the rows of the problem's source.
    problem : Problem
        The problem that the potentials belong to.

    Attributes
    ----------
    potential : (k,) array
        Potentials of the points, in the order of the reduced measure's partition.
    """

    def __init__(self, potential: Floats, problem: Problem) -> None:
        measure = problem.source
        self._measure = measure
        potential = potential + problem.scaling.of_f
        largest = measure.collapse(potential)
        log_factors = (potential - measure.expand(largest)) / problem.eps
        factors = np.exp(np.minimum(log_factors, 0.0))
        means = measure.average(factors)
        self.potential = largest + problem.eps * np.log(means)
        self._factors = factors / measure.expand(means, at_inert=1.0)
        self._weights = problem.mass * measure.probabilities * self._factors

    def log_sums(self, log_sums: Floats) -> Floats:
        """Convert logs of row sums between probabilities to those of the plan; -inf for rows
        without mass.
        """
        with np.errstate(divide="ignore"):
            return np.log(self._weights) + self._measure.expand(log_sums)

    def average(self, values: Floats) -> Floats:
        """Convert values of rows to values of points: weighted means."""
        return self._measure.average((self._factors * values.T).T)

    def expand(self, sums: Floats) -> Floats:
        """Convert sums between probabilities to the rows of the plan's products; zero for rows
        without mass.
        """
        rows = self._measure.expand(sums)
        return (self._weights * rows.T).T
