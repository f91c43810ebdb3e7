"""Choose between two-level steps and sparse steps, by the passes that they are expected to need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, inf, log

import numpy as np

from ..common.array_types import Floats
from ..dual import Dual, Iterate
from ..kernels.pairs import PairKernel
from ..kernels.protocol import Kernel
from ..problem import Problem
from .acceleration import Anderson
from .schedule import count_cooling
from .sparse_step import SparseStep, theta

# Iterations before the first prediction, and the ratio of successive ones
FIRST_LOOK, LATER = 4, 1.5
# From a poor start the first iterations may make no progress: while the error is above FAR, at most
# LONGER times those made are expected. Errors above BOUNDED, the most between two plans of the same
# mass, tell of single potentials that overshoot, which two-level steps do not mend.
LONGER, BOUNDED = 10, 2.0
SAMPLE, LEAST_SHARE = 256, 1 / 8  # rows in which heavy pairs are counted, at most
# Passes that sparse steps take on their own, and for each share of the pairs that is heavy, at low
# dimensions: fitted to twelve families of data, at the upper end
COLLECTING, SOLVING = 6.0, 1000.0
# Above the tolerance LOOSE the first few steps, from large errors, take a larger share of the work
LOOSE, SOLVING_LOOSE = 3e-4, 1.5 * SOLVING
# Seconds of a pair in a pass grow with the dimension, those of a heavy pair do not
FLAT_DIMENSIONS = 5.0
# Heavy pairs per point, at most: the step holds 12 bytes for each. FEW_PAIRS are always allowed.
MOST_PAIRS, MOST_PAIRS_HIGH, HIGH_DIM = 32, 64, 6
FEW_PAIRS = 2**20
# The annealing is for potentials with a larger error than FAR after FAR_AFTER iterations, and fewer
# heavy pairs per point than SCARCE
FAR, FAR_AFTER, SCARCE = 0.4, 2, 4.0
# and for prices of the marginals of many temperatures: at lower ones no mass goes far, and a rough
# solution at a higher temperature takes longer than it saves. Up to this eps / rho.
NEARLY_EXACT = 3e-4
PLANE = 2
LEAST_ANNEALED = 20.0  # iterations at each temperature of the annealing
# Where groups of points at thousands of blurs have unequal masses, and at blurs far below the
# spacing, steps of either kind move potentials by a few temperatures each. Then the problem is
# solved at temperatures from the largest cost down, once: if sparse steps are stuck after as many
# iterations as this is expected to take, or if after PATIENCE iterations more are left than that.
EXPECTED_COOLING = 10.0  # iterations at each temperature
# Potentials with a lower marginal error are not far from the solution
PATIENCE, LOST = 100, 1e-4
# Of the largest cost, in temperatures: beyond, the rounding of exponents is above 1e-4, and spoils
# Newton's method
LARGEST_EXPONENT = 1e12
# Sparse steps that must together cut the error by this factor; if they do not, more is asked of the
# next ones
TRIAL, LEAST_GAIN, CAUTION = 4, 2.0, 4.0


class Tail:
    """Two-level steps with mixing, then sparse steps where these are expected to need less time.

    Parameters
    ----------
    problem : Problem
    dual : Dual
        The dual at the temperature of the phase.
    tol : float
        Marginal error to be reached.
    plain : callable
        Makes the method of two-level steps.
    """

    def __init__(
        self,
        problem: Problem,
        dual: Dual,
        tol: float,
        plain: Callable[[], Anderson],
    ) -> None:
        self._dual = dual
        self._tol = tol
        self._plain = plain
        self._n = len(dual.a)
        self._m = len(dual.b)
        # An entry of a matrix takes as long as a pair of points in the plane
        d = problem.source.dimension if problem.cost.has_points else PLANE
        per_point = MOST_PAIRS if d <= HIGH_DIM else MOST_PAIRS_HIGH
        self._most_pairs = max(FEW_PAIRS, per_point * (self._n + self._m))
        solving = SOLVING_LOOSE if tol > LOOSE else SOLVING
        self._solving = solving * (2 + FLAT_DIMENSIONS) / (d + FLAT_DIMENSIONS)
        self._method: Anderson | SparseStep = plain()
        self._errors: list[float] = []
        largest_cost = problem.cost.bound(problem.diameter)
        self._is_resolved = largest_cost <= LARGEST_EXPONENT * dual.eps
        self._lister: PairKernel | None = None
        # Potentials that were far from the solution at the last temperature are so at this one, too
        self._is_annealed = dual.eps > problem.eps
        self._due = FAR_AFTER if self._is_annealed else FIRST_LOOK
        self._caution = 1.0
        self._cooling = EXPECTED_COOLING * count_cooling(problem, dual.eps)
        goes_far = self._cooling > 0 and max(dual.rates) <= NEARLY_EXACT
        self._may_be_lost = goes_far and not self._is_annealed
        self.is_far = False
        self.is_lost = False

    @property
    def is_exact(self) -> bool:
        """Whether the last measured marginals are as exact as in float64."""
        return isinstance(self._method, SparseStep) and self._method.has_plan

    def measure(self, kernel: Kernel, f: Floats, g: Floats) -> Iterate:
        """Compute the marginals in one pass, by the method in use."""
        if isinstance(self._method, SparseStep):
            assert self._lister is not None  # it counted the heavy pairs
            return self._method.measure(self._lister, f, g)
        self._lister = None
        if self._is_resolved and isinstance(kernel, PairKernel) and kernel.lists_heavy_pairs:
            self._lister = kernel
        return self._method.measure(kernel, f, g)

    def next(self, iterate: Iterate, error: float) -> tuple[Floats, Floats]:
        """Return the potentials after the step, and choose the next method."""
        self._errors.append(error)
        after = self._method.next(iterate, error)
        if isinstance(self._method, SparseStep):
            is_stuck = self._is_stuck()
            if not self._method.has_plan or is_stuck:
                self._give_up()
            self.is_lost = is_stuck and self._is_late()
        elif self._lister is not None:
            self._look(self._lister, iterate, error)
        self.is_lost = self.is_lost or self._is_slow()
        return after

    def resumed(self, kernel: Kernel, g: Floats) -> tuple[Floats, Floats]:
        """The potentials from which the steps start after the annealing."""
        if self.is_lost:
            self._start_anew()
        else:
            self._start()
        self.is_far = False
        return kernel.softmin(g), g

    def _look(self, kernel: PairKernel, iterate: Iterate, error: float) -> None:
        """Count heavy pairs if a prediction is due, and choose sparse steps if these are expected
        to need fewer passes, or half of those made so far.
        """
        n_done = len(self._errors)
        may_be_far = error > FAR and max(self._dual.rates) <= NEARLY_EXACT
        if n_done == FAR_AFTER and may_be_far:
            share = self._heavy_share(kernel, iterate)
            n_heavy = share * self._n * self._m
            self.is_far = n_heavy < SCARCE * (self._n + self._m)
        if n_done != self._due:
            return
        self._due = ceil(LATER * n_done)
        left = expected_iterations(self._errors, self._tol)
        if FAR < error <= BOUNDED:
            left = min(left, LONGER * n_done)
        if self._is_annealed:
            left = max(left, LEAST_ANNEALED)
        if left <= COLLECTING:
            return

        share = self._heavy_share(kernel, iterate)
        n_pairs = self._n * self._m
        cost = self._caution * (COLLECTING + self._solving * share)
        is_worth_it = left > cost or (n_done > cost and left > cost / 2)
        if share * n_pairs <= self._most_pairs and is_worth_it:
            self._start()

    def _heavy_share(self, kernel: PairKernel, iterate: Iterate) -> float:
        """The share of heavy pairs in a sample of rows, once these are exact; infinite if the plan
        has too many.
        """
        n = self._n
        size = max(1, min(SAMPLE, int(LEAST_SHARE * n)))
        step = -(-n // size)
        rows = np.arange(0, n, step)
        f = self._dual.updated_rows(iterate)
        most = int(self._most_pairs * len(rows) / n)
        found = kernel.count_heavy(f, iterate.g, rows, theta(self._tol), most)
        return found / (len(rows) * self._m)

    def _start(self) -> None:
        self._begun = len(self._errors)
        self._method = SparseStep(self._dual, self._tol, self._most_pairs)

    def _is_late(self) -> bool:
        """Whether the iterations that the annealing is expected to take have been made in vain."""
        n_done = len(self._errors)
        return self._may_be_lost and n_done >= self._cooling and min(self._errors) > LOST

    def _is_slow(self) -> bool:
        """Whether many iterations have been made in vain, and more are left than the annealing is
        expected to take.
        """
        n_done = len(self._errors)
        if not self._may_be_lost or n_done < PATIENCE or min(self._errors) <= LOST:
            return False
        return expected_iterations(self._errors, self._tol) > self._cooling

    def _start_anew(self) -> None:
        """Take two-level steps as from a new start, without another such annealing."""
        self.is_lost = False
        self._may_be_lost = False
        self._errors.clear()
        self._is_annealed = True
        self._due = FAR_AFTER
        self._caution = 1.0
        self._method = self._plain()

    def _give_up(self) -> None:
        self._caution *= CAUTION
        self._due = ceil(LATER * len(self._errors))
        self._method = self._plain()

    def _is_stuck(self) -> bool:
        since = self._errors[self._begun :]
        if len(since) <= TRIAL:
            return False
        before, *after = since[-TRIAL - 1 :]
        return min(after) > before / LEAST_GAIN


def expected_iterations(errors: Sequence[float], tol: float) -> float:
    """Iterations that two-level steps still need, at the rate of the last half of them; infinite if
    they make no progress.

    In 72 solves of twelve families this was up to ten times too low in long tails, and hardly ever
    too high.
    """
    if len(errors) < FIRST_LOOK:
        return 0.0
    half = max(2, len(errors) // 2)
    last = min(errors[-2:])
    before = min(errors[-2 - half : -half])
    if last == 0:  # of a plan without mass
        return 0.0
    if not last < before:
        return inf
    halves = log(last / tol) / log(before / last)
    return max(0.0, halves * half)
