"""The sparse step: Newton's method on the pairs that carry the mass of the plan, with a bound for
all others.

If the blur is below the spacing of the points, or the plan is nearly a permutation, the slow modes
are chains of single pairs. Plain steps and exchanges between clusters need hundreds of passes for
these; a few pairs per point then carry all but 1e-8 of the plan.
"""

from __future__ import annotations

import numpy as np

from ..common.array_types import Floats
from ..dual import Dual, Iterate, aim
from ..kernels.heavy_plan import HeavyPlan
from ..kernels.pairs import PairKernel
from ..kernels.trust import log
from .minorant import Maximizer, Minorant

# A pair is heavy above this share of the smaller of both masses: with more light mass the bound is
# loose, and steps are slow
LARGEST_THETA, LEAST_THETA = 1e-6, 1e-10
SHARE_OF_TOL = 0.01  # of the tolerance that light pairs may carry
# The bound is maximized up to these shares of the marginal error and of the tolerance
SHARE_OF_ERROR, SHARE_LEFT = 0.01, 0.3
MOST_SWEEPS = 2000  # over the heavy pairs in one step


class SparseStep:
    """Maximize the bound of `Minorant`; a step takes one pass, which finds the pairs.

    The sums of the heavy pairs are in float64, and the others weigh next to nothing. Therefore the
    marginals are as exact as in float64, whatever the pairs' dtype.

    Parameters
    ----------
    dual : Dual
    tol : float
        Marginal error to be reached.
    most_pairs : int
        Largest number of heavy pairs.
    """

    period = 1
    updates_rows = True

    def __init__(self, dual: Dual, tol: float, most_pairs: int) -> None:
        self._dual = dual
        self._tol = tol
        self._most_pairs = most_pairs
        self._theta = theta(tol)
        self._plan: HeavyPlan | None = None

    @property
    def has_plan(self) -> bool:
        """Whether the last pass found few enough pairs, and sums that can be trusted."""
        return self._plan is not None

    def measure(self, kernel: PairKernel, f: Floats, g: Floats) -> Iterate:
        """Find the heavy pairs and the marginals in one pass, or in two if there are too many."""
        self._kernel = kernel
        self._plan = None  # free the memory of the last one first
        self._plan = kernel.heavy_plan(f, g, self._theta, self._most_pairs)
        if self._plan is not None:
            rows, columns = self._plan.sums()
            # Ratios to masses of 1e-270 may be no finite numbers
            log_rows = log(rows) - np.log(self._dual.a)
            log_columns = log(columns) - np.log(self._dual.b)
            if kernel.are_trusted(log_rows, log_columns):
                return Iterate(f, g, log_rows, log_columns)
        self._plan = None
        return Iterate(f, g, *kernel.log_sums(f, g))

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """Return the potentials after the step."""
        dual = self._dual
        f = dual.updated_rows(iterate)
        g = iterate.g
        if self._plan is None:
            return f, g
        eps = dual.eps
        bound = self._bound(self._plan, iterate.f, f, g)
        if bound is None:
            self._plan = None
            return f, g

        # Within the tolerance a step is asked for because of tiny masses
        left = SHARE_LEFT * self._tol if error > self._tol else 0.0
        goal = max(SHARE_OF_ERROR * min(error, 1.0), left)
        moves = Maximizer(bound).maximum(goal, MOST_SWEEPS)
        self._kernel.count_pairs(moves.n_sweeps * len(bound.pairs))
        return f + eps * moves.s, g + eps * moves.t

    def _bound(self, plan: HeavyPlan, before: Floats, f: Floats, g: Floats) -> Minorant | None:
        """The bound at f and g, from the plan at the potential before; None if numbers overflow, as
        at prices far below the temperature.
        """
        dual = self._dual
        eps = dual.eps
        (kx, ky) = dual.rates
        with np.errstate(over="ignore"):
            factors = np.exp((f - before) / eps)
        on_rows = dual.a * aim(f / eps, kx)
        on_columns = dual.b * aim(g / eps, ky)
        for values in (factors, on_rows, on_columns):
            are_usual = np.isfinite(values) & (values > 0)
            if not are_usual.all():
                return None
        return Minorant(plan.scaled_rows(factors), (on_rows, on_columns), dual.rates)


def theta(tol: float) -> float:
    """The share of the smaller of both masses from which a pair is heavy."""
    share = np.clip(SHARE_OF_TOL * tol, LEAST_THETA, LARGEST_THETA)
    return float(share)
