"""The nodes that stand for all points of a measure when marginals are checked."""

from __future__ import annotations

from dataclasses import replace

from ..backends.cpu.compressed_moments import cut_bits
from ..common.array_types import Floats
from ..measures.measure import Measure
from .cells import SPLIT, Cells, Grid, cut_cells, joined
from .nodes import Nodes, nodes_of

FEW = 500  # cells: nodes of so few would hide much of each other's errors


def partners(measure: Measure, grid: Grid, cells: Cells, fine: Cells, cuts: Floats) -> Nodes:
    """Nodes of the fine cells, or of their parts if these are few, and the fine cell of each.

    Parameters
    ----------
    measure : Measure
    grid : Grid
    cells, fine : Cells
        The cells of the grid, and these cells cut.
    cuts : (c, d) array
        The numbers of parts per axis in `fine`.
    """
    countable = 2 ** cut_bits(measure.dimension)
    if len(fine) > FEW or SPLIT * cuts.max() >= countable:
        return nodes_of(fine, measure)
    finer = cut_cells(measure, grid, cells, SPLIT * cuts)
    nodes = nodes_of(finer, measure)
    _, parent = joined(finer)
    return replace(nodes, cell=parent[nodes.cell])
