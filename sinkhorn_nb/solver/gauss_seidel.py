"""Sinkhorn's iteration on grids, where each side takes a sweep of its own: both are updated in one
pass.
"""

from __future__ import annotations

import numpy as np

from ..common.array_types import Floats
from ..dual import Dual, Iterate
from ..kernels.protocol import Kernel
from .acceleration import Anderson


class GaussSeidel:
    """g becomes the softmin of f, which was the softmin of g. Because the sums of the two sides are
    made one after the other, one pass does the work of two passes of `Alternating`.
    """

    period = 1
    updates_rows = False
    is_exact = False

    def __init__(self, dual: Dual) -> None:
        self._dual = dual

    def measure(self, kernel: Kernel, f: Floats, g: Floats) -> Iterate:
        """Update f exactly, and compute the marginals. Pixels of the target without mass, which
        nothing depends on, take their exact g.
        """
        dual = self._dual
        of_g = kernel.softmin(g)
        f = dual.damped_rows(of_g)
        of_f = kernel.T.softmin(f)
        updated = dual.T.damped_rows(of_f)
        g = np.where(dual.b > 0, g, updated)
        log_rows = (f - of_g) / dual.eps
        log_columns = (g - of_f) / dual.eps
        return Iterate(f, g, log_rows, log_columns)

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """Return f and the exact update of g."""
        return iterate.f, self._dual.updated_columns(iterate)


class MixedSweeps(Anderson):
    """Anderson mixing of `GaussSeidel`, of g alone, because f follows from g."""

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """Return the potentials after the step."""
        self._f = iterate.f
        return super().next(iterate, error)

    def _joined(self, f: Floats, g: Floats) -> Floats:
        return g

    def _parted(self, z: Floats) -> tuple[Floats, Floats]:
        return self._f, z
