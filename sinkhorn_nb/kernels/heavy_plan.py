"""The pairs that carry the mass of a plan, and the sums of all others."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..backends.cpu.heavy_values import pair_values
from ..backends.cpu.sparse_products import SparseRows
from ..backends.heavy_pairs import HeavyPairs
from ..backends.tables import Table
from ..common.array_types import Floats
from .side import Side

HIGHEST = 960.0  # log2 of the largest entry


class HeavyPlan(NamedTuple):
    """A plan between probabilities: its heavy entries, and the sums of all others by row and by
    column.
    """

    pairs: SparseRows
    light_rows: Floats
    light_columns: Floats

    def sums(self) -> tuple[Floats, Floats]:
        """The marginals of the plan."""
        n, m = self.pairs.shape
        rows = self.light_rows + self.pairs.right_product(np.ones(m))
        return rows, self.light_columns + self.pairs.left_product(np.ones(n))

    def scaled_rows(self, factors: Floats) -> HeavyPlan:
        """The plan with row i multiplied by factors_i, without the change that this makes to the
        light columns.
        """
        return HeavyPlan(
            self.pairs.scaled_rows(factors), self.light_rows * factors, self.light_columns
        )


def heavy_plan(
    found: HeavyPairs, x: tuple[Side, Floats], y: tuple[Side, Floats], kind: tuple[float, Any]
) -> HeavyPlan:
    """The plan with the heavy pairs that a backend has found, for each side with its potential in
    bits; `kind` has the scale of the points and the kind of the cost.
    """
    (source, F), (target, G) = x, y
    scale, cost = kind
    F = (F + np.log2(source.weights)) / 2
    G = (G + np.log2(target.weights)) / 2
    points = source.points * scale, target.points * scale
    if isinstance(cost, Table):
        values = _looked_up(found, (points[0], F), (points[1], G), cost)
    else:
        entries = points[0], F, points[1], G, 0.25, HIGHEST / 2, cost
        values = pair_values(entries, found.starts, found.columns)
    pairs = SparseRows(found.starts, found.columns, values, len(G))
    return HeavyPlan(pairs, source.weights * found.light_rows, target.weights * found.light_columns)


def _looked_up(
    found: HeavyPairs, x: tuple[Floats, Floats], y: tuple[Floats, Floats], table: Table
) -> Floats:
    """The entries of the pairs, whose costs are in a table."""
    rows = np.repeat(np.arange(len(x[1])), np.diff(found.starts))
    costs = table.costs_of(x[0], rows, y[0], found.columns)
    logs = 2 * (x[1][rows] + y[1][found.columns]) - table.per_cost * costs
    entries: Floats = np.exp2(np.minimum(logs, HIGHEST))
    return entries
