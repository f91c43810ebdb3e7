"""From one iterate to the next: z holds both potentials (one for a self problem), r = T(z) - z.

The symmetric iteration takes 5 times the passes of the mixed one at blur .05 and over 20 times at
.01 (benchmarks/convergence.py). With a memory of 5, 10, 20 the mixed one took 208, 124, 104 passes to
a marginal error of 1e-3 at .01 (geometric means over ten families, n = 400, float64).
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
        # Unit changes of the residual, what undoes them in z, and their inner products: rings.
        self._changes = np.empty((MEMORY, len(weights)))
        self._corrections = np.empty((MEMORY, len(weights)))
        self._gram = np.empty((MEMORY, MEMORY))
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
        mixed = self._mix(z + residual, self._weights * residual)
        return mixed if np.isfinite(mixed).all() else self._fallback

    def _forget(self):
        self._last = self._fallback = None
        self._n_seen = 0

    def _is_worse(self, dual, error):
        return error > self._least_error and dual < self._best_dual - DUAL_ROUNDING * abs(self._best_dual)

    def _remember(self, move, change):
        size = np.sqrt(self._weights @ change**2)
        if not size > 0:
            return
        slot = self._n_seen % MEMORY
        self._n_seen += 1
        self._changes[slot] = change / size
        self._corrections[slot] = (move + change) / size
        n = min(self._n_seen, MEMORY)
        inner = self._changes[:n] @ (self._weights * self._changes[slot])
        self._gram[slot, :n] = self._gram[:n, slot] = inner

    def _mix(self, target, weighted_residual):
        n = min(self._n_seen, MEMORY)
        if n == 0:
            return target
        shares = np.linalg.solve(self._gram[:n, :n] + RIDGE * np.eye(n), self._changes[:n] @ weighted_residual)
        return target - shares @ self._corrections[:n]


ACCELERATIONS = {"auto": Anderson, "symmetric": Symmetric}
