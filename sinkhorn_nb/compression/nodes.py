"""Weighted nodes with the mass, mean and covariance of the points in each cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..backends.cpu.compressed_moments import points_in
from ..common.array_types import Booleans, Floats, Indices
from ..common.caching import cached_property
from ..measures.measure import Measure
from ..measures.moments import legs, spreads_and_axes
from .cells import Cells


@dataclass(frozen=True, eq=False)
class Nodes:
    """Points (k, d) with weights of sum 1, and the cell of each."""

    points: Floats
    weights: Floats
    cell: Indices

    @cached_property
    def measure(self) -> Measure:
        """The nodes as a measure, which the ordinary solver takes."""
        return Measure(self.points, self.weights)

    def __len__(self) -> int:
        return len(self.points)


def nodes_of(cells: Cells, measure: Measure) -> Nodes:
    """The nodes c +- sqrt(k) s e of each cell along its k axes, with spread s and direction e, all
    of equal weight.

    Axes along which the points hardly spread are dropped. Cells with no more points than nodes keep
    their points.
    """
    d = cells.first.shape[1]
    spreads, axes, n_axes = spreads_and_axes(cells.second)
    are_few = cells.counts <= np.maximum(2 * n_axes, 1)
    parts = []
    for k in range(d + 1):
        which = np.flatnonzero((n_axes == k) & ~are_few)
        parts.append(_along_axes(cells, spreads, axes, which, k))
    parts.append(_kept(cells, measure, are_few))

    points, weights, cell = (np.concatenate(part) for part in zip(*parts, strict=True))
    has_mass = weights > 0
    weights = weights[has_mass] / math.fsum(weights[has_mass])
    return _distinct(Nodes(points[has_mass], weights, cell[has_mass]))


def _distinct(nodes: Nodes) -> Nodes:
    """The nodes with equal points merged, as the solver merges them: repeated points, or nodes of
    lattices.
    """
    if nodes.measure.reduced is nodes.measure:
        return nodes
    points, first, owner = np.unique(nodes.points, axis=0, return_index=True, return_inverse=True)
    weights = np.zeros(len(points))
    np.add.at(weights, owner.ravel(), nodes.weights)
    return Nodes(points, weights, nodes.cell[first])


def _along_axes(
    cells: Cells, spreads: Floats, axes: Floats, which: Indices, k: int
) -> tuple[Floats, Floats, Indices]:
    """Nodes of the cells with k axes."""
    d = cells.first.shape[1]
    z = legs(spreads[which], axes[which], k)
    count = z.shape[1]
    offsets = z * cells.sides[which, None]
    points = cells.means[which, None] + offsets
    weights = np.repeat(cells.masses[which] / count, count)
    return points.reshape(-1, d), weights, np.repeat(which, count)


def _kept(cells: Cells, measure: Measure, are_few: Booleans) -> tuple[Floats, Floats, Indices]:
    """The points of the cells with few points, in an order that does not depend on the caller's."""
    kept = points_in(are_few, cells.owner)
    points = measure.points[kept].astype(np.float64)
    cell = cells.owner[kept].astype(np.intp)
    weights = measure.probabilities[kept]
    order = np.lexsort([weights, *points.T, cell])
    return points[order], weights[order], cell[order]
