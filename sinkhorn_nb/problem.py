"""A problem to be solved: two measures, a cost and a temperature."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from . import validation
from .common.array_types import Coordinates, Floats, Precision
from .common.caching import cached_property
from .common.representation import Represented
from .costs import SQUARED_EUCLIDEAN, Cost
from .dual import Dual
from .kernels.choice import NO_POINTS, kernel_of, pairs_per_pass
from .kernels.ledger import Ledger
from .kernels.protocol import Kernel
from .marginals import BALANCED, Marginals, Scaling
from .measures.measure import Measure
from .measures.partition import Partition
from .terms import Terms

# With float32 pairs, rounding leaves a marginal error of about this times the radii of the tiles,
# in blurs.
ROUNDING = 5e-8
LARGEST_ROUNDING = 0.1  # marginal error by rounding above which no pass is made in float32


@dataclass(frozen=True, eq=False, repr=False)
class Problem(Represented):
    """OT_eps(a, b) = min_P <P, C> + eps KL(P | a (x) b), with marginals P1 = a and P'1 = b.

    Parameters
    ----------
    source, target : Measure
        Measures in the same space; of the same mass if both marginals are exact.
    eps : float
        The temperature in units of cost.
    cost : Cost, default |x - y|^2 / 2
    marginals : Marginals, default exact
        What the plan pays for marginals that are not the measures.
    """

    source: Measure
    target: Measure
    eps: float
    cost: Cost = SQUARED_EUCLIDEAN
    marginals: Marginals = BALANCED

    def __post_init__(self) -> None:
        is_temperature = type(self.eps) is float and 0.0 < self.eps < math.inf
        if not is_temperature:
            validation.positive("eps", self.eps)
        source = self.source
        target = self.target
        if source is target:
            return
        validation.same_dimension("target", target.points, "source", source.points)
        if not self.marginals.are_exact:
            return
        rounding = max(source.traits.mass_rounding, target.traits.mass_rounding)
        validation.equal_masses("target", target.weights, "source", source.weights, rounding)

    @property
    def terms(self) -> Terms:
        """The terms that the problem shares with problems between other measures."""
        return Terms(self.eps, self.cost, self.marginals)

    @property
    def blur(self) -> float:
        """The temperature as a length, in the unit of the points."""
        return self.cost.blur(self.eps)

    @cached_property
    def scaling(self) -> Scaling:
        """The factors and shifts that make this problem from the one between probabilities."""
        return self.marginals.scaling(self.source.mass, self.target.mass, self.eps)

    @property
    def mass(self) -> float:
        """The factor from the plan between probabilities to the plan between the measures; this is
        the transported mass if both marginals are exact.
        """
        return self.scaling.mass

    def dual(self, eps: float | None = None) -> Dual:
        """The dual problem between probabilities, in the order of the partitions, at the problem's
        temperature unless another is given.
        """
        a = self.source.partition.probabilities
        b = self.target.partition.probabilities
        return Dual(a, b, self._own_unless(eps), self.marginals)

    def _own_unless(self, eps: float | None) -> float:
        """The problem's temperature, unless another is given."""
        return self.eps if eps is None else eps

    @property
    def T(self) -> Problem:
        """The problem with source and target exchanged."""
        return replace(
            self,
            source=self.target,
            target=self.source,
            marginals=self.marginals.T,
        )

    @property
    def reduced(self) -> Problem:
        """The same problem between distinct points with positive weights. The solver solves this
        problem.
        """
        source_is_reduced = self.source.reduced is self.source
        target_is_reduced = self.target.reduced is self.target
        return self if source_is_reduced and target_is_reduced else self._reduced

    @cached_property
    def _reduced(self) -> Problem:
        return self.between(self.source.reduced, self.target.reduced)

    @cached_property
    def is_self(self) -> bool:
        """Whether source and target are the same measure, so that one potential serves both."""
        if self.marginals != self.marginals.T:
            return False
        return self.source.equals(self.target)

    @cached_property
    def centre(self) -> Floats:
        """(d,) origin of all computations, halfway between the centroids."""
        return (self.source.centroid + self.target.centroid) / 2

    @property
    def origin(self) -> Floats:
        """(d,) point near the data, which does not depend on the order of the rows."""
        first_of_source = self.source.partition.points[0]
        first_of_target = self.target.partition.points[0]
        return (first_of_source + first_of_target) / 2

    @property
    def has_points(self) -> bool:
        """Whether there are maps, and derivatives in the points; measures of indices have none."""
        return self.cost.has_points

    def require_points(self) -> None:
        """Raise a ValueError if there are no points."""
        if not self.has_points:
            raise ValueError(NO_POINTS)

    @property
    def resolution(self) -> float:
        """Side of the cells in which points of a stream were merged; 0 if all points are there."""
        return max(self.source.traits.resolution, self.target.traits.resolution)

    @property
    def coordinates(self) -> tuple[Coordinates, Coordinates]:
        """(n, d) and (m, d) points in which results are differentiated; (n, 0) and (m, 0) if there
        are none.
        """
        x = self.source.points
        y = self.target.points
        return (x, y) if self.has_points else (x[:, :0], y[:, :0])

    @cached_property
    def diameter(self) -> float:
        """An upper bound of the distances between the points, in the unit of the blur."""
        return self.cost.diameter(self.source, self.target)

    @cached_property
    def rounding(self) -> float:
        """The marginal error that float32 pairs are expected to leave.

        Only for the cost |x - y|^2 / 2 are they relative to the centers of tiles. For other costs a
        quarter of the largest cost is about that of the pairs that matter.
        """
        if self.cost != SQUARED_EUCLIDEAN:
            largest = self.cost.bound(self.diameter)
            return ROUNDING * (1 + largest / 4 / self.eps)
        of_source = self.source.partition.radius
        of_target = self.target.partition.radius
        return ROUNDING * (1 + of_source * of_target / self.eps)

    @property
    def rough_dtype(self) -> Precision:
        """The precision of the pairs in passes that need not be accurate."""
        return "float32" if self.rounding <= LARGEST_ROUNDING else "float64"

    def between(self, source: Measure, target: Measure, eps: float | None = None) -> Problem:
        """The same problem between other measures, at the same temperature unless another is
        given; cost and marginals stay.
        """
        return replace(self, source=source, target=target, eps=self._own_unless(eps))

    def kernel(self, dtype: str, backend: str = "auto", eps: float | None = None) -> Kernel:
        """The Gibbs kernel between the two measures, at the problem's temperature unless another is
        given.
        """
        source = self.source.partition
        target = source if self.is_self else self.target.partition
        return self.kernel_between(source, target, dtype, backend, eps)

    def kernel_between(
        self,
        x: Partition,
        y: Partition,
        dtype: str,
        backend: str = "auto",
        eps: float | None = None,
    ) -> Kernel:
        """The Gibbs kernel of the same cost between the points of two other partitions."""
        return kernel_of(x, y, self._own_unless(eps), dtype, backend, self.cost)

    def passes(self, ledger: Ledger) -> float:
        """The pairs of a ledger, in passes of the problem's kernel."""
        per_pass = pairs_per_pass(self.source.partition, self.target.partition)
        return ledger.pairs / per_pass

    def on_source(self) -> Problem:
        """OT_eps(a, a)."""
        return replace(self, target=self.source, marginals=self.marginals.of_source())

    def on_target(self) -> Problem:
        """OT_eps(b, b)."""
        return replace(self, source=self.target, marginals=self.marginals.of_target())

    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {}
        facts["n"] = len(self.source)
        facts["m"] = len(self.target)
        if self.has_points:
            facts["d"] = self.source.dimension
        return facts | self._temperature

    @property
    def _temperature(self) -> dict[str, object]:
        """The blur or, if the cost has no unit of length, eps, for display."""
        return {"blur": self.blur} if self.cost.has_length else {"eps": self.eps}
