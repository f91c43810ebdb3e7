"""The derivative of the equations that the potentials solve.

They are derivatives of the functions as computed. The problem is between probabilities a / sum(a)
and b / sum(b). Its potentials have <a, f> = <b, g> if both marginals are exact; potentials and plan
follow from them by the `Scaling` of the masses. With K as in `LinearSystem`, d log P_ij = da_i /
a_i + db_j / b_j + (df_i + dg_j - dC_ij) / eps. Row sums a exp(-f / rho) mean (1 + kx) df + K c dg =
K c dC - eps K (c / b) db; the columns are alike.

References
----------
Thornton & Cuturi 2023, "Rethinking initialization of the Sinkhorn algorithm", section 2.2.
"""

from __future__ import annotations

from ..common.array_types import Floats
from ..dual import Iterate, aim
from ..measures.measure import Measure
from ..problem import Problem
from .linear_system import LinearSystem


class Linearization:
    """The linear system of a problem at an iterate, all in the order of the partitions.

    x and y are embedded points, and `images` are the points y of maps, all of them centered.
    """

    def __init__(self, problem: Problem, iterate: Iterate, backend: str) -> None:
        self.problem = problem
        self.iterate = iterate
        self.source = problem.source.partition
        self.target = problem.target.partition
        self.a = self.source.probabilities
        self.b = self.target.probabilities
        x = self.source.points
        y = self.target.points
        if problem.has_points:
            # The cost is a function of the distance between these points, unless its kind says more
            self.x = problem.cost.embedded(x, problem.centre)
            self.y = problem.cost.embedded(y, problem.centre)
            self.images = y - problem.centre
        else:
            self.x = x[:, :0]
            self.y = y[:, :0]
            self.images = self.y

        # The derivative of the cost in x_i is s_ij (x_i - y_j)
        _, kind = problem.cost.kind(1.0)
        self.slopes_are_one = kind is None or not problem.has_points
        self.system = LinearSystem(problem, iterate, backend)
        # r / a and c / b, also of points without mass
        (kx, ky) = problem.dual().rates
        eps = problem.eps
        self.row_ratios = aim(iterate.f / eps, kx) if kx else 1.0
        self.column_ratios = aim(iterate.g / eps, ky) if ky else 1.0
        self.scaling_rates = problem.marginals.scaling_rates(eps)


def of_weights(on_probabilities: Floats, measure: Measure, on_log_mass: float) -> Floats:
    """Derivatives in the weights from derivatives in the normalized probabilities and in the log of
    the mass.
    """
    level = measure.partition.probabilities @ on_probabilities
    return (on_probabilities - level + on_log_mass) / measure.mass


def of_probabilities(tangent: Floats, measure: Measure) -> tuple[Floats, float]:
    """Tangents of the probabilities and of the log of the mass from tangents of the weights."""
    total = tangent.sum()
    by_total = measure.partition.probabilities * total
    own = (tangent - by_total) / measure.mass
    return own, total / measure.mass
