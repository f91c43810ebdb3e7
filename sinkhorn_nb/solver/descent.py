"""The loop over iterations, for every problem and backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..common.array_types import Floats
from ..dual import Dual, Iterate
from ..initializers import Auto, Zeros
from ..kernels.ledger import Ledger
from ..measures.pixels import GridMeasure
from ..problem import Problem
from ..results.solution import Solution
from ..results.status import Status
from .acceleration import Alternating, Anderson, Method, Symmetric
from .gauss_seidel import GaussSeidel, MixedSweeps
from .schedule import Phase, cooling, is_doubtful, warmer
from .tail import Tail
from .twolevel import TwoLevel

if TYPE_CHECKING:
    from .progress import ProgressBar
    from .sinkhorn import Sinkhorn

# Masses below the share TINY of the mean are tiny. If the log of a marginal ratio at a tiny mass is
# larger than UNEVEN, up to EXTRA more iterations are made.
TINY, UNEVEN, EXTRA = 1e-3, 0.1, 6
# Marginal error above which the returned iterate gets one more update of its rows
LARGEST_ERROR = 0.5


class Iteration(NamedTuple):
    """Report of one iteration, passed to a callback."""

    n_iter: int
    n_passes: float
    eps: float
    marginal_error: float


class _Best(NamedTuple):
    error: float
    iterate: Iterate
    unevenness: float = 0.0

    def is_better(self, other: _Best, tol: float) -> bool:
        """Compare two iterates by their errors or, if both are within tol, by their unevenness."""
        if max(self.error, other.error) <= tol:
            return self.unevenness < other.unevenness
        return self.error < other.error


class Descent:
    """The state of a solve: its potentials, passes and history during the phases."""

    _potentials: tuple[Floats, Floats]

    def __init__(
        self, solver: Sinkhorn, problem: Problem, ledger: Ledger, bar: ProgressBar | None
    ) -> None:
        self._solver, self._problem = solver, problem
        self._ledger = ledger
        self._listeners = [listener for listener in (bar, solver.callback) if listener is not None]
        self._dual = problem.dual()
        self._tiny = [
            np.flatnonzero((p > 0) & (p * len(p) < TINY)) for p in (self._dual.a, self._dual.b)
        ]
        # The scheme of Feydy et al. starts from zero, at a temperature of the squared diameter.
        is_plain = solver._start == Auto() and solver.acceleration == "symmetric"
        start = (Zeros() if is_plain else solver._start)(problem, solver)
        self._move_to(*start.or_zeros(), self._dual)
        self.history: list[float] = []

    @property
    def n_passes(self) -> float:
        """Number of passes so far, those of the start included, by their share of the pairs."""
        return self._problem.passes(self._ledger)

    @property
    def n_iter(self) -> int:
        """Number of iterations so far."""
        return len(self.history)

    def solution(self, phase: Phase) -> Solution:
        """Run the last phase and return the solution."""
        best = self.iterate(phase, self._solver.max_iter)
        assert best is not None  # the phases before leave an iteration
        best = self._checked(best, phase)
        status = self._status(best.error)
        iterate = self._dual.completed(best.iterate, self._problem.is_self)
        history = np.array(self.history)
        solver = self._solver
        return Solution(
            self._problem,
            iterate,
            status,
            self.n_passes,
            history,
            phase.dtype,
            solver.tol,
            solver.backend,
        )

    def _status(self, error: float) -> Status:
        if error <= self._solver.tol:
            return Status.CONVERGED
        return Status.MAX_ITER if self.n_iter >= self._solver.max_iter else Status.ROUNDING

    def _checked(self, best: _Best, phase: Phase) -> _Best:
        """Return the best iterate, measured again if its sums cannot be trusted or its rows are far
        from exact.
        """
        if best.error > LARGEST_ERROR:  # then entries of the plan are at most a_i, or sqrt(a_i a_j)
            is_self = self._problem.is_self
            f = self._dual.updated_rows(best.iterate, 0.5 if is_self else 1.0)
            best = self._measured(f, f if is_self else best.iterate.g, phase.dtype)
        if phase.dtype == "float32" and is_doubtful(self._problem, best.error, self._solver.tol):
            best = self._measured(*best.iterate[:2], "float64")
        return best

    def _measured(self, f: Floats, g: Floats, dtype: str) -> _Best:
        kernel = self._problem.kernel(dtype, self._solver.backend)
        iterate = Iterate(f, g, *kernel.log_sums(f, g))
        return _Best(self._dual.error(iterate), iterate)

    def iterate(self, phase: Phase, last: float) -> _Best | None:
        """Iterate to the tolerance or the end of the phase, or to the last iteration; return the
        best iterate.
        """
        kernel = self._problem.kernel(phase.dtype, self._solver.backend, phase.eps)
        dual = self._problem.dual(phase.eps)
        method = self._method(phase, dual)
        last = min(self.n_iter + phase.max_iter, last)
        n_within = 0
        best: _Best | None = None
        errors: list[float] = []
        while self.n_iter < last:
            iterate = method.measure(kernel, *self._potentials)
            error = dual.error(iterate)
            errors.append(error)
            new = _Best(error, iterate, self._unevenness(iterate, dual))
            tol = phase.goal if method.is_exact else phase.tol
            is_within = error <= tol
            if best is None or new.is_better(best, tol):
                best = new
            self._tell(error, phase.eps)
            n_within += is_within
            if (is_within and (n_within > EXTRA or new.unevenness <= UNEVEN)) or phase.stalls(
                errors
            ):
                break
            self._move_to(*method.next(iterate, error), dual)
            if isinstance(method, Tail) and (method.is_far or method.is_lost):
                errors.clear()  # those from here on tell whether it stalls
                self._anneal(method, phase, last)
                self._move_to(*method.resumed(kernel, self._potentials[1]), dual)
        if best is not None and phase.eps == self._problem.eps:
            self._potentials = best.iterate[:2]
        return best

    def _anneal(self, method: Tail, phase: Phase, last: float) -> None:
        """Solve the problem at higher temperatures, as far from the phase's as the method asks."""
        levels = cooling if method.is_lost else warmer
        for level in levels(phase, self._problem):
            self.iterate(level, last)

    def _unevenness(self, iterate: Iterate, dual: Dual) -> float:
        """The largest log of a marginal ratio over its aim at tiny masses, which the error does not
        show.
        """
        sides = zip(self._tiny, dual.residuals(iterate), strict=True)
        return max(np.abs(logs[tiny]).max(initial=0.0) for tiny, logs in sides)

    def _move_to(self, f: Floats, g: Floats, dual: Dual) -> None:
        """Take the best constant between the potentials in each iteration, because a large shift at
        the end would cost digits.
        """
        self._potentials = (f, f) if self._problem.is_self else dual.balanced(f, g)

    def _method(self, phase: Phase, dual: Dual) -> Method | Anderson | Tail:
        problem = self._problem
        is_self = self._problem.is_self
        if self._solver.acceleration == "symmetric":
            return Symmetric(dual, is_self)
        is_on_grid = not is_self and isinstance(problem.source, GridMeasure)
        if self._solver.acceleration == "none":
            if is_on_grid:
                return GaussSeidel(dual)
            return Symmetric(dual, is_self) if is_self else Alternating(dual)
        if is_on_grid:
            return MixedSweeps(GaussSeidel(dual), dual, is_self, phase.dtype)
        if is_self:
            return Anderson(Symmetric(dual, is_self), dual, is_self, phase.dtype)
        return Tail(
            problem,
            dual,
            phase.goal,
            lambda: Anderson(TwoLevel(problem, dual), dual, is_self, phase.dtype),
        )

    def _tell(self, error: float, eps: float) -> None:
        self.history.append(error)
        for listener in self._listeners:
            listener(Iteration(self.n_iter, self.n_passes, eps, error))
