"""The steps from one iterate to the next: plain, as in the paper, or mixed.

A method measures an iterate, in one pass, and computes the next potentials from it. After
`period` steps each side has been updated.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..common.array_types import Floats
from ..dual import Dual, Iterate, self_step
from ..kernels.protocol import Kernel
from .mixing import Mixing

START_ERROR = 0.5  # iterates are mixed below this marginal error
# Share of the way from f to T(f) in cross problems: Feydy et al. 2019, equation (26)
CROSS_STEP = 1 / 2
DUAL_ROUNDING = {"float32": 1e-6, "float64": 1e-12}  # of the dual value, in units of eps


class Method(Protocol):
    """An iteration whose iterates `Anderson` mixes."""

    period: int
    updates_rows: bool
    is_exact: bool  # whether marginals are as exact as in float64, whatever the pairs' dtype

    def measure(self, kernel: Kernel, f: Floats, g: Floats) -> Iterate:
        """One pass: the marginals."""

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """The potentials after the step."""


class Symmetric:
    """Feydy et al. 2019, section 3.1: both potentials go a share of the way to their softmin, at
    once.
    """

    period = 1
    updates_rows = True
    is_exact = False

    def __init__(self, dual: Dual, is_self: bool) -> None:
        self._dual = dual
        self._share = self_step(dual.rates[0]) if is_self else CROSS_STEP

    def measure(self, kernel: Kernel, f: Floats, g: Floats) -> Iterate:
        """Compute the marginals in one pass."""
        return Iterate(f, g, *kernel.log_sums(f, g))

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """Return the potentials after the step."""
        f = self._dual.updated_rows(iterate, self._share)
        if iterate.f is iterate.g:
            return f, f
        return f, self._dual.updated_columns(iterate, self._share)


class Alternating:
    """Sinkhorn's iteration: one potential becomes the softmin of the other."""

    period = 2
    is_exact = False

    def __init__(self, dual: Dual) -> None:
        self._dual = dual
        self.updates_rows = True

    def measure(self, kernel: Kernel, f: Floats, g: Floats) -> Iterate:
        """Compute the marginals in one pass."""
        return Iterate(f, g, *kernel.log_sums(f, g))

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """Return the potentials after the step."""
        on_rows = self.updates_rows
        self.updates_rows = not self.updates_rows
        if on_rows:
            return self._dual.updated_rows(iterate), iterate.g
        return iterate.f, self._dual.updated_columns(iterate)


class Anderson:
    """Anderson mixing (type II) of a method's period, in the norm of L2(a, b).

    The step minimizes the residual over the span of the last differences. An iterate with a lower
    dual than the best is rejected for the plain iterate that it replaced, so the dual never
    decreases.
    """

    is_exact = False
    _fallback: Floats | None

    def __init__(self, method: Method, dual: Dual, is_self: bool, dtype: str) -> None:
        self._method = method
        self._dual = dual
        self._is_self = is_self
        self._n = len(dual.a)
        self._mixing = Mixing(self._joined(dual.a, dual.b))
        self._slack = dual.eps * DUAL_ROUNDING[dtype]
        self._best_dual = -np.inf
        self._n_done = 0
        self.n_rejected = 0
        self._forget()

    def measure(self, kernel: Kernel, f: Floats, g: Floats) -> Iterate:
        """Compute the marginals in one pass, by the inner method."""
        return self._method.measure(kernel, f, g)

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """Return the potentials after the step."""
        z = self._joined(iterate.f, iterate.g)
        dual = self.value(iterate)
        if self._n_done == 0:
            has_dropped = not dual >= self._best_dual - self._slack
            if self._fallback is not None and has_dropped:
                fallback = self._fallback
                self._forget()
                self.n_rejected += 1
                return self._parted(fallback)
            self._best_dual = max(dual, self._best_dual)
            self._start = z
            self._is_near = error < START_ERROR
        plain = self._method.next(iterate, error)
        self._n_done = (self._n_done + 1) % self._method.period
        if self._n_done or not self._is_near:
            return plain
        f, g = self._centered(*plain)
        mixed = self._mixed(self._joined(f, g))
        return self._parted(mixed)

    def value(self, iterate: Iterate) -> float:
        """The dual value after the exact update of the next side; the step of the method is at
        least as high.
        """
        if self._method.updates_rows:
            return self._dual.after_rows(iterate)
        return self._dual.after_columns(iterate)

    def _mixed(self, after: Floats) -> Floats:
        self._fallback = after
        return self._mixing.mixed(self._start, after)

    def _centered(self, f: Floats, g: Floats) -> tuple[Floats, Floats]:
        """Take the best constant between the potentials; rounding would let it drift."""
        return (f, g) if self._is_self else self._dual.balanced(f, g)

    def _forget(self) -> None:
        self._fallback = None
        self._mixing.forget()

    def _joined(self, f: Floats, g: Floats) -> Floats:
        return f if self._is_self else np.concatenate([f, g])

    def _parted(self, z: Floats) -> tuple[Floats, Floats]:
        return (z, z) if self._is_self else (z[: self._n], z[self._n :])
