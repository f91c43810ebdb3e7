"""Sums over the pairs of derivatives of the cost that products with the plan do not give: panels of
rows are formed, used and dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..backends.cpu.pair_curvatures import KINDS, Moving, curvatures
from ..backends.cpu.threads import run
from ..common.array_types import Booleans, Floats, Indices, Pair
from ..costs import Cost, PairSlopes

ENTRIES = 2**17  # of a panel's largest array: what is read again is in the cache
LEAST_LOG = -1e30  # of a marginal, in compiled code, which has no infinities
HIGHEST = 230.0  # exponent at points without mass, which may be far from all others


class Cloud(NamedTuple):
    """One side of the plan P_ij = r_i c_j K_ij, K_ij = exp((f_i + g_j - C_ij) / eps)."""

    name: str
    order: Indices  # the caller's rows
    points: Floats  # in which the cost is given
    places: Floats  # embedded
    potential: Floats
    marginal: Floats

    def named(self, i: int) -> str:
        """The name of a point in messages: the caller's array and row."""
        return f"{self.name}[{self.order[i]}]"


class PairSums(NamedTuple):
    """Sums over j of derivatives of C_ij, for each i. `T` has the sums over i, for each j."""

    own: Cloud
    other: Cloud
    cost: Cost
    eps: float

    @property
    def T(self) -> PairSums:
        """The sums over i for each j."""
        return self._replace(own=self.other, other=self.own)

    def slopes(self, factors: Pair) -> Floats:
        """(n, D) sums of K_ij <A_i, B_j> times the derivatives of C_ij in (embedded) x_i."""
        (A, B) = factors
        sums: Floats = np.zeros(self.own.places.shape)

        def add(rows: slice) -> None:
            weights = self._entries(rows) * (A[rows] @ B.T)
            on_x = self._slopes(rows).on_x
            sums[rows] = np.einsum("kij,ij->ik", on_x, weights)

        self._run(add)
        return sums

    def changes(self, dx: Floats, dy: Floats) -> Floats:
        """(n,) sums of K_ij c_j dC_ij along directions of the (embedded) points."""
        sums: Floats = np.zeros(len(dx))

        def add(rows: slice) -> None:
            slopes = self._slopes(rows)
            along = slopes.along(dx[rows], dy)
            shares = self._shares(rows)
            sums[rows] = np.einsum("ij,ij->i", shares, along)

        self._run(add)
        return sums

    def curvatures(self, tangents: Pair, moves: Pair) -> Pair:
        """(n, D) changes of the means of the derivatives in x_i under K_ij c_j, and these means,
        along directions of the potentials and the (embedded) points.

        Raises a ValueError at a pair with mass where the cost has no second derivatives.
        """
        compiled = self._compiled_curvatures(tangents, moves)
        return self._curvatures_by_blocks(tangents, moves) if compiled is None else compiled

    def _curvatures_by_blocks(self, tangents: Pair, moves: Pair) -> Pair:
        (df, dg) = tangents
        (dx, dy) = moves
        changes: Floats = np.zeros(dx.shape)
        means: Floats = np.zeros(dx.shape)

        def add(rows: slice) -> None:
            move = dx[rows]
            slopes = self._slopes(rows)
            shares = self._shares(rows)
            rows_have_mass = self.own.marginal[rows, None] > 0
            have_mass = rows_have_mass & (shares > 0)
            self._refuse(have_mass & slopes.kinks(move, dy), rows)

            along = slopes.along(move, dy)
            logs = (df[rows, None] + dg - along) / self.eps
            on_x = slopes.on_x
            bent = on_x * logs + slopes.change(move, dy)
            changes[rows] = np.einsum("kij,ij->ik", bent, shares)
            means[rows] = np.einsum("kij,ij->ik", on_x, shares)

        self._run(add)
        return changes, means

    def _compiled_curvatures(self, tangents: Pair, moves: Pair) -> Pair | None:
        """The same by one compiled call; None for costs of coordinates, and where second
        derivatives may be missing.
        """
        _, kind = self.cost.kind(1.0)
        if not isinstance(kind, KINDS):
            return None
        (df, dg) = tangents
        (dx, dy) = moves
        own = self._moving(self.own, dx, df)
        other = self._moving(self.other, dy, dg)
        logs = np.maximum(_log(self.other.marginal), LEAST_LOG)
        other = other._replace(exponents=other.exponents + logs)
        sums = curvatures(own, other, kind, self.eps)
        if sums is None:
            return None
        (scale, _) = self.cost.kind(1.0)
        changes, means = sums
        return scale * changes, scale * means

    def _moving(self, cloud: Cloud, moves: Floats, tangent: Floats) -> Moving:
        """One side and its direction, as compiled code takes them."""
        (scale, _) = self.cost.kind(1.0)
        return Moving(
            scale * cloud.places,
            scale * moves,
            cloud.potential / self.eps,
            tangent / self.eps,
            cloud.marginal > 0,
        )

    def _slopes(self, rows: slice) -> PairSlopes:
        return self.cost.slopes(self.own.places[rows], self.other.places)

    def _entries(self, rows: slice) -> Floats:
        """K_ij."""
        return np.exp(np.minimum(self._logs(rows), HIGHEST))

    def _shares(self, rows: slice) -> Floats:
        """K_ij c_j, whose sums over j are 1."""
        logs = self._logs(rows) + _log(self.other.marginal)
        return np.exp(np.minimum(logs, 0.0))

    def _logs(self, rows: slice) -> Floats:
        own = self.own
        other = self.other
        costs = self.cost.block(own.points[rows], other.points)
        return (own.potential[rows, None] + other.potential - costs) / self.eps

    def _run(self, add: Callable[[slice], None]) -> None:
        (n, d) = self.own.places.shape
        m = len(self.other.places)
        size = max(1, ENTRIES // (max(d, 1) * m))
        panels = [(slice(i, i + size),) for i in range(0, n, size)]
        run(add, panels)

    def _refuse(self, kinks: Booleans, rows: slice) -> None:
        if not kinks.any():
            return
        i, j = np.argwhere(kinks)[0].tolist()
        own = self.own.named(rows.start + i)
        other = self.other.named(j)
        raise ValueError(
            "cost: expected second derivatives at all pairs with mass, but "
            f"{self.cost.formula} has a kink at {own} and {other}; move these points alike, shift "
            "one of them a little, or pass p=2"
        )


def _log(marginal: Floats) -> Floats:
    logs: Floats = np.full(len(marginal), -np.inf)
    return np.log(marginal, out=logs, where=marginal > 0)
