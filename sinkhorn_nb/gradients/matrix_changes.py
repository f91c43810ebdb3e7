"""Changes along a direction of a matrix of costs: sums over the pairs, and the plan."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse.linalg import LinearOperator

from ..common.array_types import Floats, Pair
from ..common.representation import Represented
from .cost_gradient import CostGradient
from .linearization import Linearization

ENTRIES = 2**20  # of the matrix, read at a time


class CostChanges:
    """Sums of K_ij dC_ij over the rows and the columns of a matrix of changes dC, in the order of
    the partitions; the matrix itself is in the caller's order.
    """

    def __init__(self, of: Linearization, dC: Floats) -> None:
        self._of = of
        self._changes = dC

    def on_rows(self, V: Floats) -> Floats:
        """sum_j K_ij dC_ij V_j."""
        blocks = [block @ V for _, block in self._blocks()]
        return np.concatenate(blocks)

    def on_columns(self, U: Floats) -> Floats:
        """sum_i K_ij dC_ij U_i."""
        m = len(self._of.b)
        sums: Floats = np.zeros((m, *U.shape[1:]))
        for rows, block in self._blocks():
            sums += block.T @ U[rows]
        return sums

    def toarray(self) -> Floats:
        """All K_ij dC_ij."""
        return np.concatenate([block for _, block in self._blocks()])

    def _blocks(self) -> Iterator[tuple[slice, Floats]]:
        of = self._of
        x = of.source.points
        y = of.target.points
        f, g = of.system.potentials
        size = max(1, ENTRIES // len(y))
        for i in range(0, len(x), size):
            rows = slice(i, i + size)
            C = of.problem.cost.block(x[rows], y)
            own = np.ix_(of.source.order[rows], of.target.order)
            K = np.exp((f[rows, None] + g - C) / of.problem.eps)
            yield rows, K * self._changes[own]


class PlanTangent(Represented, LinearOperator):
    """The derivative of a plan along a direction, dP_ij = K_ij (<left_i, right_j> - r_i c_j dC_ij
    mass / eps), as an operator that is never formed.
    """

    def __init__(
        self,
        of: Linearization,
        factors: Pair,
        changes: CostChanges | None,
    ) -> None:
        self._of = of
        self._changes = changes
        self._at_these_costs = CostGradient(of, *factors)
        super().__init__(np.float64, self._at_these_costs.shape)

    def toarray(self) -> Floats:
        """The dense (n, m) derivatives, which take several times the memory of the matrix."""
        of = self._of
        dense = self._at_these_costs.toarray()
        if self._changes is None:
            return dense
        r = of.system.r[:, None]
        c = of.system.c
        by_costs = self._scale * r * c * self._changes.toarray()
        restored = of.target.restore(by_costs.T)
        tangent: Floats = dense - of.source.restore(restored.T)
        return tangent

    def _matmat(self, V: Floats) -> Floats:
        of = self._of
        product: Floats = self._at_these_costs @ V
        if self._changes is None:
            return product
        r = of.system.r[:, None]
        c = of.system.c[:, None]
        sums = self._changes.on_rows(c * of.target.sort(V))
        return product - of.source.restore(self._scale * r * sums)

    def _rmatmat(self, U: Floats) -> Floats:
        of = self._of
        product: Floats = self._at_these_costs.T @ U
        if self._changes is None:
            return product
        r = of.system.r[:, None]
        c = of.system.c[:, None]
        sums = self._changes.on_columns(r * of.source.sort(U))
        return product - of.target.restore(self._scale * c * sums)

    def _matvec(self, v: Floats) -> Floats:
        return self._matmat(v.reshape(-1, 1))

    def _rmatvec(self, u: Floats) -> Floats:
        return self._rmatmat(u.reshape(-1, 1))

    @property
    def _scale(self) -> float:
        return self._of.problem.mass / self._of.problem.eps

    def _facts(self) -> dict[str, object]:
        return dict(zip("nm", self.shape, strict=True))
