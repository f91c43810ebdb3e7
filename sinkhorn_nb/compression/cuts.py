"""Cut cells along the axes in which the transport map stretches them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..backends.cpu.compressed_moments import cut_bits
from ..common.array_types import Floats, Indices
from ..measures.measure import Measure
from .cells import SPLIT, Cells, Grid, cut_cells, grid_keys, joined, looked_up
from .nodes import Nodes
from .potentials import Potential, stretch

MOST = 25.0  # parts per axis
OF_ROOT = 0.97  # parts are this share of the root of the stretch, rounded up
MISSED = 3  # times as many parts by the stretch at the nodes of the parts: the cell is cut again
ROUNDING = 1e-9


class Cut(NamedTuple):
    """Cells of a grid, each in a number of parts per axis.

    Attributes
    ----------
    numbers : (c, d) array
        Numbers of parts along the axes.
    fine : Cells
        Parts of the parts, in which potentials are expanded.
    parts : Cells
        The parts, which have the nodes.
    parent : Indices
        The part of each fine cell.
    """

    numbers: Floats
    fine: Cells
    parts: Cells
    parent: Indices


def cut(measure: Measure, grid: Grid, cells: Cells, numbers: Floats) -> Cut:
    """Cut cells into some number of parts, by one reading of the points."""
    fine = cut_cells(measure, grid, cells, SPLIT * numbers)
    return Cut(numbers, fine, *joined(fine))


def most_parts(side: float, resolution: float) -> float:
    """Most parts per axis of a cell: each is at least twice as wide as the cells of a stream, which
    hide what is in them.
    """
    if resolution == 0:
        return MOST
    fitting = math.floor(side / (2 * resolution) + ROUNDING)
    return min(MOST, max(1.0, fitting))


def cuts(
    grid: Grid,
    cells: Cells,
    nodes: Nodes,
    earlier: Nodes | None,
    there: Potential,
    most: float = MOST,
) -> Floats:
    """(c, d) numbers of parts of each cell: by the largest stretch at nodes in it, its own and
    those solved earlier; `most` at most.
    """
    points = nodes.points
    owner = nodes.cell
    if earlier is not None:
        keys = grid_keys(earlier.points, grid)
        cell, is_inside = looked_up(keys, cells.keys)
        points = np.concatenate([points, earlier.points[is_inside]])
        owner = np.concatenate([owner, cell[is_inside]])

    largest = np.ones(cells.first.shape[:2])
    np.maximum.at(largest, owner, stretch(points, there))
    return _numbers(largest, most)


def missed(made: Cut, nodes: Nodes, there: Potential, most: float) -> Floats:
    """Numbers of parts as they were, but for cells where the stretch at the nodes of the parts asks
    for many more: the map jumps between the nodes of the whole cells.
    """
    d = made.numbers.shape[1]
    cell = made.parts.keys >> (cut_bits(d) * d)
    owner = cell[nodes.cell]
    largest = np.ones_like(made.numbers)
    np.maximum.at(largest, owner, stretch(nodes.points, there))
    needed = _numbers(largest, most)
    are_many = needed >= MISSED * made.numbers
    return np.where(are_many, needed, made.numbers)


def _numbers(stretches: Floats, most: float) -> Floats:
    """Numbers of parts by stretches, at most `most` and no more than keys can number."""
    d = stretches.shape[1]
    countable = 2 ** cut_bits(d) // SPLIT
    parts = np.ceil(OF_ROOT * np.sqrt(stretches))
    return np.minimum(parts, min(most, countable))
