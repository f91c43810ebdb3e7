"""Anderson mixing (type II) of a fixed-point iteration."""

from __future__ import annotations

import numpy as np

from ..common.array_types import Floats

MEMORY = 10
RIDGE = 1e-10  # on the Gram matrix of unit differences


class Mixing:
    """The last differences of an iteration, and the step that minimizes the residual over their
    span.

    Parameters
    ----------
    weights : (n,) array
        The norm of residuals is that of L2(weights).
    """

    def __init__(self, weights: Floats) -> None:
        self._weights = weights
        # Ring buffers: unit changes of the residual, the corrections of z that undo them, and their
        # inner products.
        self._changes = np.empty((MEMORY, len(weights)))
        self._corrections = np.empty((MEMORY, len(weights)))
        self._gram = np.empty((MEMORY, MEMORY))
        self.forget()

    def forget(self) -> None:
        """Drop all differences."""
        self._last: tuple[Floats, Floats] | None = None  # the iterate and the residual before
        self._n_seen = 0

    def mixed(self, start: Floats, after: Floats) -> Floats:
        """The next iterate, from an iterate and the one that the iteration makes of it."""
        residual = after - start
        if self._last is not None:
            last_start, last_residual = self._last
            self._remember(start - last_start, residual - last_residual)
        self._last = (start, residual)
        mixed = self._mix(after, self._weights * residual)
        return mixed if np.isfinite(mixed).all() else after

    def _remember(self, move: Floats, change: Floats) -> None:
        size = np.sqrt(self._weights @ change**2)
        if not size > 0:
            return
        slot = self._n_seen % MEMORY
        self._n_seen += 1
        self._changes[slot] = change / size
        self._corrections[slot] = (move + change) / size
        n = min(self._n_seen, MEMORY)
        weighted = self._weights * self._changes[slot]
        inner = self._changes[:n] @ weighted
        self._gram[slot, :n] = inner
        self._gram[:n, slot] = inner

    def _mix(self, target: Floats, weighted_residual: Floats) -> Floats:
        n = min(self._n_seen, MEMORY)
        if n == 0:
            return target
        gram = self._gram[:n, :n] + RIDGE * np.eye(n)
        products = self._changes[:n] @ weighted_residual
        shares = np.linalg.solve(gram, products)
        return target - shares @ self._corrections[:n]
