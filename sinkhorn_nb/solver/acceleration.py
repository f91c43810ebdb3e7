"""From one iterate to the next: z holds both potentials (one for a self problem), r = T(z) - z.

Passes to a marginal error of 1e-3, geometric means over ten families (n = 400, float64):
symmetric 118 at blur .05 and > 600 at .01; Anderson with memory 5, 10, 20: 25, 23, 21 and
208, 124, 104.
"""

import numpy as np

MEMORY = 20
RIDGE = 1e-10  # on the Gram matrix of unit differences
DUAL_ROUNDING = 1e-13


class Symmetric:
    """Feydy et al. 2019, section 3.1: z + step (T(z) - z)."""

    def __init__(self, weights, step):
        self._step = step

    def next(self, z, residual, dual, error):
        """The next iterate."""
        return z + self._step * residual


class Anderson:
    """Anderson mixing (type II) of the symmetric iteration, in the norm of L2(weights).

    The step minimises the residual over the span of the last differences. An iterate with a
    lower dual and a larger marginal error than the best is given up for the plain step that it replaced.
    """

    def __init__(self, weights, step):
        self._weights = weights
        self._step = step
        self._best_dual, self._least_error = -np.inf, np.inf
        self._forget()

    def next(self, z, residual, dual, error):
        """The next iterate."""
        if self._fallback is not None and self._is_worse(dual, error):
            fallback = self._fallback
            self._forget()
            return fallback
        self._best_dual, self._least_error = max(dual, self._best_dual), min(error, self._least_error)
        if self._last is not None:
            self._remember(z - self._last[0], residual - self._last[1])
        self._last = z, residual
        self._fallback = z + self._step * residual
        mixed = self._mix(z, residual)
        return mixed if np.isfinite(mixed).all() else self._fallback

    def _forget(self):
        self._last = self._fallback = None
        self._moves, self._changes, self._gram = [], [], np.zeros((0, 0))

    def _is_worse(self, dual, error):
        return error > self._least_error and dual < self._best_dual - DUAL_ROUNDING * abs(self._best_dual)

    def _remember(self, move, change):
        size = np.sqrt(self._weights @ change**2)
        if not size > 0:
            return
        self._moves, self._changes = self._moves[-MEMORY + 1 :], self._changes[-MEMORY + 1 :]
        self._gram = self._gram[-MEMORY + 1 :, -MEMORY + 1 :]
        change = change / size
        row = [self._weights @ (change * other) for other in self._changes]
        self._moves.append(move / size)
        self._changes.append(change)
        self._gram = np.block([[self._gram, np.array(row)[:, None]], [np.array(row), np.ones(1)]])

    def _mix(self, z, residual):
        mixed = z + residual
        if self._changes:
            weighted = self._weights * residual
            target = np.array([change @ weighted for change in self._changes])
            shares = np.linalg.solve(self._gram + RIDGE * np.eye(len(target)), target)
            for share, move, change in zip(shares, self._moves, self._changes, strict=True):
                mixed -= share * (move + change)
        return mixed


ACCELERATIONS = {"auto": Anderson, "symmetric": Symmetric}
