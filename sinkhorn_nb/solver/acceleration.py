"""The steps from one iterate to the next: plain, as in the paper, or mixed.

A method measures an iterate, in one pass, and computes the next potentials from it. After
`period` steps each side has been updated.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..backends.small_rules import SELF_STEP
from ..common.array_types import Floats
from ..dual import Iterate
from ..kernels.point_cloud import GibbsKernel
from ..problem import Problem

MEMORY = 10
START_ERROR = 0.5  # iterates are mixed below this marginal error
RIDGE = 1e-10  # on the Gram matrix of unit differences
# Share of the way from f to T(f). Cross problems: Feydy et al. 2019, equation (26). Self problems
# take SELF_STEP, 2/3: T' has its spectrum in [-1, 0], so 2/3 contracts by 1/3 or better for any
# eps, and 1/2 by 1/2.
CROSS_STEP = 1 / 2
DUAL_ROUNDING = {"float32": 1e-6, "float64": 1e-12}  # of the dual value, in units of eps


class Method(Protocol):
    """What `Anderson` mixes the iterates of."""

    period: int
    updates_rows: bool

    def measure(self, kernel: GibbsKernel, f: Floats, g: Floats) -> Iterate:
        """One pass: the marginals."""

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """The potentials after the step."""


class Symmetric:
    """Feydy et al. 2019, section 3.1: both potentials go a share of the way to their softmin, at
    once.
    """

    period, updates_rows = 1, True

    def __init__(self, problem: Problem, eps: float) -> None:
        self._step = eps * (SELF_STEP if problem.is_self else CROSS_STEP)

    def measure(self, kernel: GibbsKernel, f: Floats, g: Floats) -> Iterate:
        """Compute the marginals in one pass."""
        return Iterate(f, g, *kernel.log_sums(f, g))

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """Return the potentials after the step."""
        f, g, log_rows, log_columns = iterate
        new_f = f - self._step * log_rows
        return new_f, new_f if f is g else g - self._step * log_columns


class Alternating:
    """Sinkhorn's iteration: one potential becomes the softmin of the other."""

    period = 2

    def __init__(self, problem: Problem, eps: float) -> None:
        self._eps, self.updates_rows = eps, True

    measure = Symmetric.measure

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """Return the potentials after the step."""
        on_rows, self.updates_rows = self.updates_rows, not self.updates_rows
        f, g, log_rows, log_columns = iterate
        return (f - self._eps * log_rows, g) if on_rows else (f, g - self._eps * log_columns)


class Anderson:
    """Anderson mixing (type II) of a method's period, in the norm of L2(a, b).

    The step minimizes the residual over the span of the last differences. An iterate with a lower
    dual than the best is rejected for the plain iterate that it replaced, so the dual never
    decreases.
    """

    _last: tuple[Floats, Floats] | None  # the iterate and the residual before these
    _fallback: Floats | None

    def __init__(self, method: Method, problem: Problem, eps: float, dtype: str) -> None:
        self._method, self._is_self = method, problem.is_self
        a, b = problem.source.partition.probabilities, problem.target.partition.probabilities
        self._a, self._b, self._eps, self._n = a, b, eps, len(a)
        self._weights = a if self._is_self else np.concatenate([a, b])
        self._slack = eps * DUAL_ROUNDING[dtype]
        self._best_dual = -np.inf
        # Ring buffers: unit changes of the residual, the corrections of z that undo them, and their
        # inner products.
        self._changes = np.empty((MEMORY, len(self._weights)))
        self._corrections = np.empty((MEMORY, len(self._weights)))
        self._gram = np.empty((MEMORY, MEMORY))
        self._n_done = 0
        self.n_rejected = 0
        self._forget()

    def measure(self, kernel: GibbsKernel, f: Floats, g: Floats) -> Iterate:
        """Compute the marginals in one pass, by the inner method."""
        return self._method.measure(kernel, f, g)

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """Return the potentials after the step."""
        z, dual = self._joined(iterate.f, iterate.g), self._dual(iterate)
        if self._n_done == 0:
            if self._fallback is not None and not dual >= self._best_dual - self._slack:
                fallback = self._fallback
                self._forget()
                self.n_rejected += 1
                return self._parted(fallback)
            self._best_dual = max(dual, self._best_dual)
            self._start, self._is_near = z, error < START_ERROR
        plain = self._method.next(iterate, error)
        self._n_done = (self._n_done + 1) % self._method.period
        if self._n_done or not self._is_near:
            return plain
        return self._parted(self._mixed(self._joined(*self._centered(*plain))))

    def _dual(self, iterate: Iterate) -> float:
        """The dual after the exact update of the next side; the step of the method is at least as
        high.
        """
        log_sums = (
            self._a @ iterate.log_rows
            if self._method.updates_rows
            else self._b @ iterate.log_columns
        )
        return float(self._a @ iterate.f + self._b @ iterate.g - self._eps * log_sums)

    def _mixed(self, after: Floats) -> Floats:
        residual = after - self._start
        if self._last is not None:
            self._remember(self._start - self._last[0], residual - self._last[1])
        self._last, self._fallback = (self._start, residual), after
        mixed = self._mix(after, self._weights * residual)
        return mixed if np.isfinite(mixed).all() else after

    def _centered(self, f: Floats, g: Floats) -> tuple[Floats, Floats]:
        """Fix the constant by <a, f> = <b, g>; rounding would let it drift."""
        if self._is_self:
            return f, g
        shift = (self._a @ f - self._b @ g) / 2
        return f - shift, g + shift

    def _forget(self) -> None:
        self._last = self._fallback = None
        self._n_seen = 0

    def _remember(self, move: Floats, change: Floats) -> None:
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

    def _mix(self, target: Floats, weighted_residual: Floats) -> Floats:
        n = min(self._n_seen, MEMORY)
        if n == 0:
            return target
        shares = np.linalg.solve(
            self._gram[:n, :n] + RIDGE * np.eye(n), self._changes[:n] @ weighted_residual
        )
        return target - shares @ self._corrections[:n]

    def _joined(self, f: Floats, g: Floats) -> Floats:
        return f if self._is_self else np.concatenate([f, g])

    def _parted(self, z: Floats) -> tuple[Floats, Floats]:
        return (z, z) if self._is_self else (z[: self._n], z[self._n :])
