"""Cut cells along the axes in which the transport map stretches them."""

from __future__ import annotations

import math

import numpy as np

from ..common.array_types import Floats
from .cells import Cells, Grid, grid_keys
from .nodes import Nodes
from .potentials import Potential, stretch

MOST = 25.0  # parts per axis
OF_ROOT = 0.97  # parts are this share of the root of the stretch, rounded up
ROUNDING = 1e-9


def most_parts(side: float, resolution: float) -> float:
    """Most parts per axis of a cell: each is at least twice as wide as the cells of a stream, which
    hide what is in them.
    """
    if resolution == 0:
        return MOST
    return min(MOST, max(1.0, math.floor(side / (2 * resolution) + ROUNDING)))


def cuts(
    grid: Grid, cells: Cells, nodes: Nodes, earlier: Nodes, there: Potential, most: float = MOST
) -> Floats:
    """(c, d) numbers of parts of each cell: by the largest stretch at nodes in it, its own and
    those solved earlier; `most` at most.
    """
    keys = grid_keys(earlier.points, grid)
    place = np.minimum(np.searchsorted(cells.keys, keys), len(cells) - 1)
    is_inside = cells.keys[place] == keys
    points = np.concatenate([nodes.points, earlier.points[is_inside]])
    owner = np.concatenate([nodes.cell, place[is_inside]])
    largest = np.ones(cells.first.shape[:2])
    np.maximum.at(largest, owner, stretch(points, there))
    return np.minimum(np.ceil(OF_ROOT * np.sqrt(largest)), most)
