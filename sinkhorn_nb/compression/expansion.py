"""Taylor expansions of the softmin about the means of cells, up to the third order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement, permutations
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from ..backends.cpu.backend import CpuBackend
from ..backends.cpu.compressed_pairs import monomial_sums, near_tiles
from ..backends.cpu.compressed_taylor import taylor
from ..backends.pointwise import LOG2E
from ..common.array_types import Coordinates, Floats, Indices, Numbers
from ..common.caching import cached_property
from ..costs import SQUARED_EUCLIDEAN
from ..kernels.side import PairSettings, Side
from ..measures.partition import Partition
from .cells import Cells
from .nodes import Nodes
from .places import Places
from .potentials import PAIRS, Extended, OnNodes, Tiles, equal_weights, extended

FAR = -18.0  # in units of eps: pairs of tiles whose exponents are all below are left out
LOST = 30.0  # in units of eps: a guess that is further off is made again by the softmin
ORDER = 3


class Expansion(NamedTuple):
    """At centers c: f = T(g), and of y given c the mean, Cov / eps and third cumulants / eps^2."""

    f: Floats
    map: Floats
    second: Floats
    third: Floats

    def minus(self, other: Expansion) -> Expansion:
        """The expansion of the difference of two potentials."""
        return Expansion(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))

    def at(
        self, points: Coordinates, owner: Numbers, centers: Floats, quadratic: float
    ) -> tuple[Extended, Floats]:
        """Potential and map at points, and the square of the last term of each image, which tells
        how far to trust.

        quadratic is 1, or 0 for the difference of two expansions.
        """
        f, images, last = taylor(np.ascontiguousarray(points), owner, centers, self, quadratic)
        return Extended(f, images), last


@dataclass(frozen=True, eq=False)
class Parts:
    """Fine cells, in which potentials are expanded, and the nodes of wider cells.

    Attributes
    ----------
    cells : Cells
    nodes : Nodes
    parent : (c,) array
        The wide cell of each fine cell.
    partners : Nodes
        Nodes that stand for all points in the check, with the fine cell of each.
    places : Places
        The grid, and its cuts into fine cells, where new points are found.
    """

    cells: Cells
    nodes: Nodes
    parent: Indices
    partners: Nodes
    places: Places

    @cached_property
    def tiles(self) -> Tiles:
        """The means of the fine cells, in tiles."""
        return Tiles(equal_weights(self.cells.means))


def expand(parts: Parts, at_nodes: Extended, there: OnNodes) -> Expansion:
    """The expansions at the means of fine cells, guessed from one node of each wide cell, where
    softmin and map are known.
    """
    centers = parts.cells.means
    eps = there.eps
    guess = _guess(parts, at_nodes, there)
    out = _expanded_in(parts.tiles, guess, there)
    is_near = np.abs(out.f - guess.f) < LOST * eps
    are_wild = np.flatnonzero(~is_near)
    if len(are_wild):
        wild = centers[are_wild]
        again = _expanded(wild, extended(wild, there), there)
        for values, new in zip(out, again, strict=True):
            values[are_wild] = new
    return out


def _guess(parts: Parts, at_nodes: Extended, there: OnNodes) -> Extended:
    """First-order extension from the first node in the wide cell; the softmin in cells without
    mass.
    """
    centers = parts.cells.means
    nodes = parts.nodes
    n_wide = max(parts.parent.max(), nodes.cell.max()) + 1
    first = np.full(n_wide, -1)
    backwards = np.arange(len(nodes))[::-1]
    first[nodes.cell[backwards]] = backwards  # the first node of a cell is written last
    node = first[parts.parent]
    are_lost = np.flatnonzero(node < 0)
    lost = centers[are_lost]
    if len(lost):
        _, node[are_lost] = cKDTree(nodes.points).query(lost)

    points = nodes.points[node]
    images = at_nodes.map[node]
    slopes = points - images
    f = at_nodes.f[node] + np.einsum("ik,ik->i", slopes, centers - points)
    if len(lost):
        f[are_lost], images[are_lost] = extended(lost, there)
    return Extended(f, images)


def _expanded(centers: Floats, guess: Extended, there: OnNodes) -> Expansion:
    """One pass of monomials in float32, about the mean image of each tile of centers."""
    return _expanded_in(Tiles(equal_weights(centers)), guess, there)


def _expanded_in(mine: Tiles, guess: Extended, there: OnNodes) -> Expansion:
    """The expansions at points in tiles, like `_expanded`."""
    partition = mine.partition
    d = partition.points.shape[1]
    eps = there.eps
    terms = _monomials(d)
    scale = math.sqrt(LOG2E / eps)
    theirs = there.tiles
    f = partition.sort(guess.f)
    images = partition.sort(guess.map)

    x_tiles = mine.above(f, partition.points - images)
    y_tiles = theirs.above(there.f, there.partition.points - there.map)
    near = near_tiles(x_tiles, y_tiles, FAR * eps)
    origins = mine.mean(images) * scale
    x = _side(mine, eps)
    y = _side(theirs, eps)
    rows = (x.cloud, x.exponents(f))
    columns = (y.cloud, y.exponents(there.f), y.weights)
    sums = monomial_sums(*rows, *columns, near, origins, _grown(terms))

    with np.errstate(all="ignore"):  # sums that are lost are made again
        f = f - eps * np.log(sums[:, 0])
        means = dict(zip(terms, (sums / sums[:, :1]).T, strict=True))
    second, third = _cumulants(means, d)
    images = np.stack([means[k,] for k in range(d)], axis=1)
    images = (np.repeat(origins, mine.sizes, axis=0) + images) / scale
    # second / (scale^2 eps) and third / (scale^3 eps^2), in floats for points of any size
    second = second / LOG2E
    third = third / (LOG2E**1.5 * math.sqrt(eps))
    return Expansion(*map(partition.restore, (f, images, second, third)))


def _side(tiles: Tiles, eps: float) -> Side:
    partition: Partition = tiles.partition
    settings = PairSettings(SQUARED_EUCLIDEAN, eps, PAIRS, CpuBackend())
    points, weights = partition.points, partition.probabilities
    return Side(points, points, weights, tiles.bounds, settings)


def _monomials(d: int) -> list[tuple[int, ...]]:
    """The coordinates in each monomial of d variables, up to the order."""
    return [
        term
        for order in range(ORDER + 1)
        for term in combinations_with_replacement(range(d), order)
    ]


def _grown(terms: list[tuple[int, ...]]) -> Indices:
    """(len(terms), 2) numbers of the monomial from which each one grows, and of the coordinate that
    it adds; zeros for the first one, which is 1.
    """
    place = {term: q for q, term in enumerate(terms)}
    grown = [(place[term[:-1]], term[-1]) for term in terms[1:]]
    return np.array([(0, 0), *grown])


def _cumulants(means: dict[tuple[int, ...], Floats], d: int) -> tuple[Floats, Floats]:
    """Second and third cumulants from means of monomials."""
    count = len(means[()])
    second = np.empty((count, d, d))
    third = np.empty((count, d, d, d))
    for i, j in combinations_with_replacement(range(d), 2):
        covariance = means[i, j] - means[i,] * means[j,]
        second[:, i, j] = covariance
        second[:, j, i] = covariance
    for i, j, k in combinations_with_replacement(range(d), 3):
        u = means[i,]
        v = means[j,]
        w = means[k,]
        crossed = u * second[:, j, k] + v * second[:, i, k] + w * second[:, i, j]
        cumulant = means[i, j, k] - crossed - u * v * w
        for p, q, r in set(permutations((i, j, k))):
            third[:, p, q, r] = cumulant
    return second, third
