"""One of two compressed measures, with the potentials of both self problems at its points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..common.array_types import Floats
from ..common.caching import cached_property
from ..measures.measure import Measure
from .compressed import Compressed
from .expansion import Expansion, Parts, expand
from .halves import Difference, Half
from .nodes import Nodes
from .potentials import Extended, OnNodes, Potential, extended
from .price import Price, prices


class Own(NamedTuple):
    """The self problem of one measure, between its nodes."""

    parts: Parts
    potential: Potential
    expansion: Expansion
    shift: float

    @property
    def nodes(self) -> Nodes:
        """The nodes of the measure, which the potential belongs to."""
        return self.parts.nodes


class OneSide:
    """A measure a with the potential f of its own self problem and the potential g of the other
    measure's self problem, which is extended to a by a softmin.

    All potentials are those between probabilities; the potentials between the measures are lower by
    the shifts of the two self problems.
    """

    def __init__(self, found: Compressed, side: int) -> None:
        problem = found.problem
        shifts = problem.on_source().scaling.of_f, problem.on_target().scaling.of_f
        of_selves = found.potentials[2:], found.expansions[2:]
        both = [Own(*own) for own in zip(found.parts, *of_selves, shifts, strict=True)]
        self.own = both[side]
        self.other = both[1 - side]
        self.measure: Measure = (problem.source, problem.target)[side]
        self.other_mass = (problem.target, problem.source)[side].mass
        self.price: Price = prices(problem)[side]
        self._marginals = problem.marginals

    @cached_property
    def at_nodes(self) -> Extended:
        """The softmin of the other potential, and its map, at the nodes of the measure."""
        return extended(self.own.nodes.points, self.other.potential)

    @cached_property
    def extension(self) -> Expansion:
        """The other potential's softmin, expanded in the cells of the measure."""
        return expand(self.own.parts, self.at_nodes, self.other.potential)

    def half(self, expansion: Expansion, there: OnNodes, price: Price) -> Half:
        """The potential of an expansion at the points of the measure."""
        parts = self.own.parts
        return Half(self.measure, parts.cells, expansion, there, parts.places, price)

    @cached_property
    def halves(self) -> tuple[Half, Half]:
        """The other potential and the own one."""
        own, other = self.own, self.other
        return (
            self.half(self.extension, other.potential, self.price),
            self.half(own.expansion, own.potential, self.price),
        )

    @cached_property
    def difference(self) -> Difference:
        """The other potential minus the own one, and the same of their images."""
        return Difference(*self.halves)

    @property
    def shift(self) -> float:
        """The constant of a difference of potentials between probabilities."""
        return self.own.shift - self.other.shift

    def earned_beyond(self, own: Own, f: Floats, change: Floats) -> Floats:
        """E(f + change) - E(f) for a potential f between probabilities of either self problem;
        E(f) = (rho + eps) (1 - exp(-f / rho)), or f for an exact marginal.
        """
        return self._marginals.earned_beyond(f - own.shift, change, self.price.eps)

    @property
    def factors(self) -> tuple[float, float]:
        """Factors of the marginal ratios exp(-f / rho) of both potentials, by their shifts."""
        rate = self.price.rate / self.price.eps
        of_other = float(np.exp(rate * self.other.shift))
        of_own = float(np.exp(rate * self.own.shift))
        return of_other, of_own
