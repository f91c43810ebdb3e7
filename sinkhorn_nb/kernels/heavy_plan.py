"""The pairs that carry the mass of a plan, and the sums of all others."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..backends.cpu.heavy_values import pair_values
from ..backends.cpu.sparse_products import SparseRows
from ..backends.heavy_pairs import HeavyPairs
from ..backends.tables import Table
from ..common.array_types import Floats, Pair
from .side import Side

HIGHEST = 960.0  # log2 of the largest entry


class HeavyPlan(NamedTuple):
    """A plan between probabilities: its heavy entries, and the sums of all others by row and by
    column.
    """

    pairs: SparseRows
    light_rows: Floats
    light_columns: Floats

    def sums(self) -> Pair:
        """The marginals of the plan."""
        n, m = self.pairs.shape
        heavy_rows = self.pairs.right_product(np.ones(m))
        heavy_columns = self.pairs.left_product(np.ones(n))
        return self.light_rows + heavy_rows, self.light_columns + heavy_columns

    def scaled_rows(self, factors: Floats) -> HeavyPlan:
        """The plan with row i multiplied by factors_i, without the change that this makes to the
        light columns.
        """
        return HeavyPlan(
            self.pairs.scaled_rows(factors),
            self.light_rows * factors,
            self.light_columns,
        )


class _Cloud(NamedTuple):
    """Scaled points, with half of the logarithms of their factors of the plan, in bits."""

    points: Floats
    half_logs: Floats


def heavy_plan(
    found: HeavyPairs,
    x: tuple[Side, Floats],
    y: tuple[Side, Floats],
    kind: tuple[float, Any],
) -> HeavyPlan:
    """The plan with the heavy pairs that a backend has found, for each side with its potential in
    bits; `kind` has the scale of the points and the kind of the cost.
    """
    scale, cost = kind
    rows = _scaled(x, scale)
    columns = _scaled(y, scale)
    if isinstance(cost, Table):
        values = _looked_up(found, rows, columns, cost)
    else:
        entries = *rows, *columns, 0.25, HIGHEST / 2, cost
        values = pair_values(entries, found.starts, found.columns)

    source = x[0]
    target = y[0]
    m = len(columns.half_logs)
    return HeavyPlan(
        SparseRows(found.starts, found.columns, values, m),
        source.weights * found.light_rows,
        target.weights * found.light_columns,
    )


def _scaled(side_and_bits: tuple[Side, Floats], scale: float) -> _Cloud:
    (side, bits) = side_and_bits
    half_logs = (bits + np.log2(side.weights)) / 2
    return _Cloud(side.points * scale, half_logs)


def _looked_up(found: HeavyPairs, x: _Cloud, y: _Cloud, table: Table) -> Floats:
    """The entries of the pairs, whose costs are in a table."""
    columns = found.columns
    rows = np.repeat(np.arange(len(x.points)), np.diff(found.starts))
    costs = table.costs_of(x.points, rows, y.points, columns)
    logs = 2 * (x.half_logs[rows] + y.half_logs[columns])
    exponents = logs - table.per_cost * costs
    entries: Floats = np.exp2(np.minimum(exponents, HIGHEST))
    return entries
