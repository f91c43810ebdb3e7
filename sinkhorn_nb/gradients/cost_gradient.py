"""Derivatives of a scalar in a matrix of costs, as a linear operator that is never formed."""

from __future__ import annotations

import numpy as np
from scipy.sparse.linalg import LinearOperator

from ..common.array_types import Floats
from ..common.representation import Represented
from .linearization import Linearization


class CostGradient(Represented, LinearOperator):
    """G_ij = K_ij <left_i, right_j>, the derivative in C_ij, for K_ij = exp((f_i + g_j - C_ij) /
    eps).

    Parameters
    ----------
    of : Linearization
        It has the kernel and the potentials.
    left, right : (n, r) and (m, r) arrays
        In the order of the partitions.
    """

    def __init__(self, of: Linearization, left: Floats, right: Floats) -> None:
        self._of = of
        self._factors = left, right
        super().__init__(np.float64, (len(left), len(right)))

    def _matmat(self, V: Floats) -> Floats:
        of = self._of
        sums = of.system.on_rows(of.target.sort(V), self._factors)
        return of.source.restore(sums)

    def _rmatmat(self, U: Floats) -> Floats:
        of = self._of
        sums = of.system.on_columns(of.source.sort(U), self._factors)
        return of.target.restore(sums)

    def _matvec(self, v: Floats) -> Floats:
        return self._matmat(v.reshape(-1, 1))

    def _rmatvec(self, u: Floats) -> Floats:
        return self._rmatmat(u.reshape(-1, 1))

    def toarray(self) -> Floats:
        """The dense (n, m) derivatives, which take several times the memory of the matrix."""
        of = self._of
        left, right = self._factors
        f, g = of.system.potentials
        problem = of.problem
        C = problem.cost.block(of.source.points, of.target.points)
        K = np.exp((f[:, None] + g - C) / problem.eps)
        dense = K * (left @ right.T)
        restored = of.target.restore(dense.T)
        return of.source.restore(restored.T)

    def _facts(self) -> dict[str, object]:
        return dict(zip("nm", self.shape, strict=True))
