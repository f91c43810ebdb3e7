"""Cut cells along the axes in which the transport map stretches them."""

from __future__ import annotations

import numpy as np

from ..common.array_types import Floats
from .cells import Cells, Grid, grid_keys
from .nodes import Nodes
from .potentials import Potential, stretch

CAP = 625.0  # of the stretch: at most 25 parts per axis
OF_ROOT = 0.97  # parts are this share of the root of the stretch, rounded up


def cuts(grid: Grid, cells: Cells, nodes: Nodes, earlier: Nodes, there: Potential) -> Floats:
    """(c, d) numbers of parts of each cell: by the largest stretch at nodes in it, its own and
    those solved earlier.
    """
    keys = grid_keys(earlier.points, grid)
    place = np.minimum(np.searchsorted(cells.keys, keys), len(cells) - 1)
    is_inside = cells.keys[place] == keys
    points = np.concatenate([nodes.points, earlier.points[is_inside]])
    owner = np.concatenate([nodes.cell, place[is_inside]])
    largest = np.ones(cells.first.shape[:2])
    np.maximum.at(largest, owner, stretch(points, there))
    return np.ceil(OF_ROOT * np.sqrt(np.minimum(largest, CAP)))
