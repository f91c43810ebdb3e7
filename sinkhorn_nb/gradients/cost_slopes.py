"""Sums of derivatives of the cost over the plan: first derivatives in the points, changes of the
cost when points move, and second derivatives.

For functions of the distance between (embedded) points they are products with the plan. Costs that
depend on coordinates, and second derivatives other than those of |x - y|^2 / 2, are summed pair by
pair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..common.array_types import Floats, Pair
from ..costs import CityBlock, GivenCost
from ..costs.pair_slopes import SECOND
from ..measures.partition import Partition
from .linearization import Linearization
from .pair_sums import Cloud, PairSums

BY_COORDINATES = CityBlock, GivenCost

NO_SLOPES = (
    "x, y: expected a cost with known derivatives, as the points move, got a function alone; pass "
    "cost=(function, derivative)"
)


class Changes(NamedTuple):
    """First-order changes of sums over the plan.

    Attributes
    ----------
    rows, columns : (n,) and (m,) arrays
        sum_j K_ij c_j dC_ij and sum_i K_ij r_i dC_ij.
    on_rows, on_columns : (n,) and (m,) arrays
        K db and K'da.
    means : pair of (n, 2 D) and (m, 2 D) arrays, optional
        sum_j K_ij c_j (y_j, dy_j), and alike for the columns, if the sums needed them.
    """

    rows: Floats
    columns: Floats
    on_rows: Floats
    on_columns: Floats
    means: Pair | None = None


class CostSlopes:
    """Sums of derivatives of the cost of a linearized problem, in the order of the partitions."""

    def __init__(self, of: Linearization) -> None:
        self._of = of
        self._cost = of.problem.cost
        self._points = of.source.points, of.target.points

    def on_points(self, factors: Pair) -> Pair:
        """The derivatives of sum_ij K_ij <A_i, B_j> C_ij in the points, at constant K."""
        of = self._of
        if not self._cost.has_slopes:
            (x, y) = self._points
            unknown_x = np.full(x.shape, np.nan)
            unknown_y = np.full(y.shape, np.nan)
            return unknown_x, unknown_y
        if isinstance(self._cost, BY_COORDINATES):
            of.system.count_passes(2)
            pairs = self._pairs
            return pairs.slopes(factors), pairs.T.slopes(factors[::-1])

        rows = of.system.slopes_on_rows(_after_ones(of.y), factors)
        columns = of.system.slopes_on_columns(_after_ones(of.x), factors)
        return self._pulled(
            rows[:, :1] * of.x - rows[:, 1:],
            columns[:, :1] * of.y - columns[:, 1:],
        )

    def changes(self, moves: Pair, on_weights: Pair) -> Changes:
        """The changes when the points move, and products of K with measures."""
        of = self._of
        system = of.system
        do_move = any(move.any() for move in moves)
        is_by_coordinates = isinstance(self._cost, BY_COORDINATES)
        if is_by_coordinates or not (do_move or of.slopes_are_one):
            return self._changes_by_pairs(moves, on_weights, do_move)

        (dx, dy) = self._pushed(moves)
        (da, db) = on_weights
        by_rows = _Products(
            system.on_rows,
            system.slopes_on_rows,
            of.slopes_are_one,
        )
        by_columns = _Products(
            system.on_columns,
            system.slopes_on_columns,
            of.slopes_are_one,
        )
        x = of.x, dx
        y = of.y, dy
        rows, on_rows, of_x = by_rows.moments(system.c, x, y, db)
        columns, on_columns, of_y = by_columns.moments(system.r, y, x, da)
        return Changes(rows, columns, on_rows, on_columns, (of_x, of_y))

    def _changes_by_pairs(self, moves: Pair, on_weights: Pair, do_move: bool) -> Changes:
        system = self._of.system
        (da, db) = on_weights
        products = system.on_rows(db), system.on_columns(da)
        if not do_move:
            no_changes = np.zeros(len(da)), np.zeros(len(db))
            return Changes(*no_changes, *products)
        if not self._cost.has_slopes:
            raise ValueError(NO_SLOPES)

        (dx, dy) = moves
        system.count_passes(2)
        pairs = self._pairs
        rows = pairs.changes(dx, dy)
        columns = pairs.T.changes(dy, dx)
        return Changes(rows, columns, *products)

    def require_second(self) -> None:
        """Raise a ValueError if second derivatives of the cost are not known."""
        if isinstance(self._cost, GivenCost):
            raise ValueError(SECOND)

    def curvatures(self, tangents: Pair, moves: Pair, changes: Changes) -> Pair:
        """The changes of sum_j K_ij r_i c_j dC_ij / dx_i, and alike for y, along directions of the
        potentials and the points.
        """
        system = self._of.system
        pushed = self._pushed(moves)
        if changes.means is not None and self._of.slopes_are_one:
            of_x, of_y = self._of_squares(tangents, pushed, changes.means)
        else:
            system.count_passes(2)
            pairs = self._pairs
            of_x = pairs.curvatures(tangents, pushed)
            of_y = pairs.T.curvatures(tangents[::-1], pushed[::-1])

        (on_x, mean_x) = of_x
        (on_y, mean_y) = of_y
        r = system.r[:, None]
        c = system.c[:, None]
        (x, y) = self._points
        (dx, dy) = moves
        (on_x, on_y) = self._pulled(r * on_x, c * on_y)
        bent_x = self._cost.bent(x, r * mean_x, dx)
        bent_y = self._cost.bent(y, c * mean_y, dy)
        return on_x + bent_x, on_y + bent_y

    def _of_squares(self, tangents: Pair, moves: Pair, means: Pair) -> tuple[Pair, Pair]:
        """The changes of the means of x_i - y_j, and these means, on both sides."""
        of = self._of
        system = of.system
        eps = of.problem.eps
        x = of.x
        y = of.y
        (df, dg) = tangents
        (dx, dy) = moves
        on_x = df - (x * dx).sum(axis=1)
        on_y = dg - (y * dy).sum(axis=1)
        # <A_i, B_j> = df_i + dg_j - dC_ij
        A = np.column_stack([on_x, np.ones(len(on_x)), dx, x])
        B = np.column_stack([np.ones(len(on_y)), on_y, y, dy])

        c = system.c[:, None]
        r = system.r[:, None]
        rows = system.on_rows(np.column_stack([c, c * y]), (A, B))
        columns = system.on_columns(np.column_stack([r, r * x]), (A, B))
        return (
            _changes_of_means(rows, (x, dx), means[0], eps),
            _changes_of_means(columns, (y, dy), means[1], eps),
        )

    @property
    def _pairs(self) -> PairSums:
        of = self._of
        (f, g) = of.system.potentials
        source = self._cloud("x", of.source, f, of.system.r)
        target = self._cloud("y", of.target, g, of.system.c)
        return PairSums(source, target, self._cost, of.problem.eps)

    def _cloud(self, name: str, side: Partition, potential: Floats, marginal: Floats) -> Cloud:
        places = self._cost.places(side.points)
        return Cloud(name, side.order, side.points, places, potential, marginal)

    def _pushed(self, moves: Pair) -> Pair:
        if not self._of.problem.has_points:
            return moves
        (x, y) = self._points
        (dx, dy) = moves
        return self._cost.pushed(x, dx), self._cost.pushed(y, dy)

    def _pulled(self, on_x: Floats, on_y: Floats) -> Pair:
        (x, y) = self._points
        return self._cost.pulled(x, on_x), self._cost.pulled(y, on_y)


class _Products(NamedTuple):
    """Products with K for one side, and with K_ij s_ij, where s_ij may be 1 for all pairs."""

    of_pairs: Callable[[Floats], Floats]
    of_slopes: Callable[[Floats], Floats]
    slopes_are_one: bool

    def moments(
        self,
        marginal: Floats,
        own: Pair,
        other: Pair,
        weights: Floats,
    ) -> tuple[Floats, Floats, Floats]:
        """Three sums over the other side: of dC_ij = s_ij <x_i - y_j, dx_i - dy_j> under its
        marginal, of its weights, and of s_ij (y_j, dy_j) under its marginal.
        """
        (x, dx) = own
        (y, dy) = other
        d = x.shape[1]
        w = marginal[:, None]
        products = (y * dy).sum(axis=1, keepdims=True)
        moments = np.hstack([w * y, w * dy, w * products])
        if self.slopes_are_one:
            sums = self.of_pairs(np.column_stack([moments, weights]))
            level: Floats = np.ones((len(x), 1))
            on_weights = sums[:, -1]
        else:
            sums = self.of_slopes(np.column_stack([moments, marginal]))
            level = sums[:, -1:]
            on_weights = self.of_pairs(weights[:, None])[:, 0]

        of_y = sums[:, :d]
        of_dy = sums[:, d : 2 * d]
        costs = (level * x * dx - dx * of_y - x * of_dy).sum(axis=1)
        return costs + sums[:, -2], on_weights, sums[:, : 2 * d]


def _after_ones(points: Floats) -> Floats:
    """The points, after a column of ones."""
    return np.hstack([np.ones((len(points), 1)), points])


def _changes_of_means(sums: Floats, own: Pair, means: Floats, eps: float) -> Pair:
    """The changes of the means of x_i - y_j along directions, and these means."""
    (x, dx) = own
    mean_y, mean_dy = np.hsplit(means, 2)
    by_plan = (sums[:, :1] * x - sums[:, 1:]) / eps
    return by_plan + dx - mean_dy, x - mean_y
