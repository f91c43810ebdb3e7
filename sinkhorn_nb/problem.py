"""A problem to be solved: two measures, a cost and a temperature."""

import math
from dataclasses import dataclass

import numpy as np

from . import validation
from .backends.home import HOST, Home
from .caching import cached_property
from .measure import Measure
from .representation import Represented


@dataclass(frozen=True, eq=False, repr=False)
class Problem(Represented):
    """OT_eps(a, b) = min_P <P, C> + eps KL(P | a (x) b), P1 = a, P'1 = b, for C(x, y) = |x - y|^2 / 2.

    Parameters
    ----------
    source, target : Measure
        Measures of the same mass in the same space.
    eps : float
        The temperature, blur**2, in units of cost.
    home : Home
        Where the arrays of results go: the host, or the device that the points came from.
    """

    source: Measure
    target: Measure
    eps: float
    home: Home = HOST

    def __post_init__(self):
        validation.positive("eps", self.eps)
        if self.source is self.target:
            return
        validation.same_dimension("target", self.target.points, "source", self.source.points)
        rounding = max(self.source.traits.mass_rounding, self.target.traits.mass_rounding)
        validation.equal_masses("target", self.target.weights, "source", self.source.weights, rounding)

    @property
    def blur(self):
        """sqrt(eps), in the unit of the points."""
        return float(np.sqrt(self.eps))

    @property
    def mass(self):
        """The mass that is moved."""
        return (self.source.mass + self.target.mass) / 2

    @property
    def mass_shift(self):
        """Potentials of the problem between probabilities, minus those for the given mass."""
        return self.eps / 2 * float(np.log(self.mass))

    @property
    def T(self):
        """The problem with source and target exchanged."""
        return Problem(self.target, self.source, self.eps, self.home)

    @property
    def reduced(self):
        """The same problem between distinct points with positive weights: the one that is solved."""
        is_reduced = self.source.reduced is self.source and self.target.reduced is self.target
        return self if is_reduced else self._reduced

    @cached_property
    def _reduced(self):
        return Problem(self.source.reduced, self.target.reduced, self.eps, self.home)

    @cached_property
    def is_self(self):
        """Source and target are the same measure: one potential serves both."""
        return self.source.equals(self.target)

    @cached_property
    def centre(self):
        """(d,) origin of all computations: half way between the centroids."""
        return (self.source.centroid + self.target.centroid) / 2

    @property
    def origin(self):
        """(d,) point near the data, the same bits for any order of the rows."""
        return (self.source.partition.points[0] + self.target.partition.points[0]) / 2

    @cached_property
    def diameter(self):
        """Diagonal of the bounding box of the two measures."""
        low = np.minimum(self.source.box[0], self.target.box[0])
        high = np.maximum(self.source.box[1], self.target.box[1])
        return math.dist(low.tolist(), high.tolist())  # squares of no length overflow in it

    def on_source(self):
        """OT_eps(a, a)."""
        return Problem(self.source, self.source, self.eps, self.home)

    def on_target(self):
        """OT_eps(b, b)."""
        return Problem(self.target, self.target, self.eps, self.home)

    def _facts(self):
        sizes = {"n": len(self.source), "m": len(self.target), "d": self.source.dimension, "blur": self.blur}
        return sizes if self.home == HOST else sizes | {"arrays": self.home}
