"""The transport plan as a linear operator, never formed."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import validation
from .gibbs import GibbsKernel
from .problem import Problem

MAX_ENTRIES = 10**8
BLOCK_ENTRIES = 2**22


class TopK(NamedTuple):
    """The k largest entries of each row, largest first."""

    indices: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Plan:
    """P_ij = a_i b_j exp((f_i + g_j - C_ij) / eps), as an (n, m) linear operator.

    Products cost one pass over the pairs (O(n m d) time, O(n + m) memory), in float64.

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> plan = snb.entropic_ot([[0.0], [1.0]], [[0.0], [1.0]], blur=0.1).plan
    >>> np.round(plan @ np.ones(2), 3)
    array([0.5, 0.5])
    """

    problem: Problem
    f: np.ndarray  # of the problem between probabilities, in the caller's order
    g: np.ndarray
    backend: str = "auto"

    __array_ufunc__ = None  # NumPy leaves `array @ plan` to __rmatmul__

    @property
    def shape(self):
        """(n, m)."""
        return len(self.f), len(self.g)

    @property
    def T(self):
        """The transposed plan, from target to source."""
        return Plan(self.problem.T, self.g, self.f, self.backend)

    def __matmul__(self, v):
        return self._send(self._times(v))

    def __rmatmul__(self, u):
        return self._send(self.T._times(validation.host_array("u", u).T).T)

    def _times(self, v):
        v = validation.matrix("v", v, self.shape[1])
        columns = v.reshape(self.shape[1], -1)
        source, target = self.problem.source, self.problem.target
        kernel, sorted_f, sorted_g = self._sorted()
        products = source.partition.restore(kernel.transport(sorted_f, sorted_g, target.partition.sort(columns)))
        return (self._weights[:, None] * products).reshape(self.shape[0], *v.shape[1:])

    def sum(self, axis=None):
        """Marginals: axis=1 gives the row sums (n,), axis=0 the column sums (m,), None the mass."""
        validation.choice("axis", axis, (None, 0, 1))
        if axis == 0:
            return self.T.sum(axis=1)
        kernel, sorted_f, sorted_g = self._sorted()
        log_sums = self.problem.source.partition.restore(kernel.log_row_sums(sorted_f, sorted_g))
        sums = self._weights * np.exp(log_sums)
        return self._send(sums) if axis == 1 else float(sums.sum())

    def block(self, rows, cols):
        """Dense P[rows][:, cols] for index arrays, slices or booleans."""
        return self._send(self._block(rows, cols))

    def _block(self, rows, cols):
        source, target = self.problem.source, self.problem.target
        x = np.atleast_2d(source.points[rows]) - self.problem.centre
        y = np.atleast_2d(target.points[cols]) - self.problem.centre
        costs = np.zeros((len(x), len(y)))
        for k in range(x.shape[1]):
            costs += (x[:, k, None] - y[None, :, k]) ** 2
        exponents = (self.f[rows, ..., None] + np.atleast_1d(self.g[cols]) - costs / 2) / self.problem.eps
        weights = np.multiply.outer(source.probabilities[rows], target.probabilities[cols])
        with np.errstate(over="ignore"):
            return self.problem.mass * weights.reshape(costs.shape) * np.exp(exponents)

    def row(self, i):
        """Row i, dense (m,)."""
        return self._send(self._block([i], slice(None))[0])

    def toarray(self, max_entries=MAX_ENTRIES):
        """The dense (n, m) plan; refused above max_entries numbers (8 bytes each)."""
        n, m = self.shape
        if n * m > max_entries:
            raise ValueError(
                f"max_entries: expected at least {n * m} for this {n} x {m} plan ({8e-9 * n * m:.1f} GB), got "
                f"{max_entries}; use plan @ v, block, row or topk, or raise max_entries"
            )
        return self.block(slice(None), slice(None))

    def topk(self, k):
        """The k largest entries of each row.

        Returns
        -------
        TopK
            indices (n, k) and values (n, k), largest first; O(n m d) time, O(m) memory.
        """
        n, m = self.shape
        k = min(validation.count("k", k), m)
        indices, values = np.empty((n, k), dtype=np.intp), np.empty((n, k))
        rows_a_block = max(1, BLOCK_ENTRIES // m)
        for start in range(0, n, rows_a_block):
            rows = slice(start, start + rows_a_block)
            block = self._block(rows, slice(None))
            candidates = np.argpartition(-block, k - 1, axis=1)[:, :k]
            order = np.argsort(-np.take_along_axis(block, candidates, axis=1), axis=1, kind="stable")
            indices[rows] = np.take_along_axis(candidates, order, axis=1)
            values[rows] = np.take_along_axis(block, indices[rows], axis=1)
        return TopK(self._send(indices), self._send(values))

    def _send(self, values):
        return self.problem.home.send(values)

    @property
    def _weights(self):
        return self.problem.mass * self.problem.source.probabilities

    def _sorted(self):
        source, target = self.problem.source.partition, self.problem.target.partition
        return GibbsKernel.of(self.problem, "float64", self.backend), source.sort(self.f), target.sort(self.g)
