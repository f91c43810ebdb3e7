"""The loop, written once for every problem and backend."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from .. import validation
from ..backends.choice import NAMES
from ..backends.threads import single_threaded_blas
from ..dual import Iterate, balanced, marginal_error
from ..gibbs import GibbsKernel
from ..initializers import Auto, Gaussian, Zeros, initializer
from ..outlook import was_told, watched
from ..solution import Solution
from ..status import Status, warn
from .acceleration import Alternating, Anderson, Symmetric
from .schedule import LEAST_TOL, certifying, is_doubtful, is_limit, phases
from .twolevel import TwoLevel

ACCELERATIONS = ("auto", "none", "symmetric")
PROGRESS = 0.9  # the gap of a certified solve falls at least to this share of the last one, or twice does not
LARGEST_ERROR = 0.5  # marginal error up to which the plan is read at an iterate as it is


class Iteration(NamedTuple):
    """What a callback is told after each iteration."""

    n_iter: int
    n_passes: float
    eps: float
    marginal_error: float


@dataclass(frozen=True)
class Sinkhorn:
    """How to solve: a coarse start, two-level Sinkhorn steps with Anderson mixing, all in the log domain.

    Parameters
    ----------
    tol : float, default 1e-3
        Largest marginal error accepted: max over the two sides of sum_i a_i |r_i - 1| / mass,
        r_i being the ratio of the plan's marginal to a_i.
    max_iter : int, default 3000
        Iterations at most, each one pass over the pairs (half a pass for self problems).
    init : str, Initializer, Solution or pair of arrays, default "auto"
        The start; it changes the number of passes, not the result. One of "auto", "coarse", "gaussian", "gmm",
        "subsample", "zeros" and, for points on a line, "sorting"; an object of `sinkhorn_nb.initializers`; the
        solution of a similar problem; or potentials (f, g).
    acceleration : {"auto", "none", "symmetric"}
        "auto" takes two-level steps: one side exactly and a shift of each of its clusters on the other, mixed.
        "none" is Sinkhorn's alternating iteration; "symmetric" the scheme of Feydy et al. as it is in
        the paper: averaged updates, one iteration at each temperature above the target, from zero.
    backend : {"auto", "cpu", "cuda"}, default "auto"
        What computes the passes, those of the solution's plan, map and derivatives included. "cuda" takes the visible
        NVIDIA GPUs or says why it cannot; "auto" does so from 4 billion pairs on (n = m = 65 536), if a trial
        on small clouds, once for each kind of kernel, gives what the CPU gives. Otherwise it is the CPU.
    dtype : {None, "float32", "float64"}
        Of the pairs. None iterates in float32 and then, for float64 points or where rounding would spoil
        the tolerance, in float64. Potentials are float64 always.
    certify : bool, default False
        Go on until the certified gap, too, is within tol of the value (of eps, for a value below).
    progress : bool, default False
        Show a tqdm bar.
    callback : callable, optional
        Called after each iteration with an `Iteration` (n_iter, n_passes, eps, marginal_error).

    References
    ----------
    Feydy et al. 2019, "Interpolating between Optimal Transport and MMD using Sinkhorn
    Divergences", section 3.1: symmetric updates, equation (26) for the self terms.
    Altschuler et al. 2017, "Near-linear time approximation algorithms for optimal transport via
    Sinkhorn iteration", algorithm 2: the certificate.

    Examples
    --------
    >>> import sinkhorn_nb as snb
    >>> solver = snb.Sinkhorn(tol=1e-6)
    >>> snb.entropic_ot([[0.0], [1.0]], [[2.0]], blur=0.5, solver=solver).converged
    True
    """

    tol: float = 1e-3
    max_iter: int = 3000
    init: Any = "auto"
    acceleration: str = "auto"
    backend: str = "auto"
    dtype: str | None = None
    certify: bool = False
    progress: bool = False
    callback: Callable[[Iteration], Any] | None = None

    def __post_init__(self):
        object.__setattr__(self, "tol", validation.positive("tol", self.tol))
        object.__setattr__(self, "max_iter", validation.count("max_iter", self.max_iter))
        start = initializer(self.init)
        if not isinstance(self.init, str):
            object.__setattr__(self, "init", start)
        validation.choice("acceleration", self.acceleration, ACCELERATIONS)
        validation.choice("backend", self.backend, NAMES)
        validation.choice("dtype", self.dtype, (None, "float32", "float64"))
        validation.choice("certify", self.certify, (False, True))
        validation.choice("progress", self.progress, (False, True))
        if self.callback is not None and not callable(self.callback):
            raise TypeError(f"callback: expected a callable or None, got {self.callback!r}; pass a function")

    def solve(self, problem):
        """Solve one `Problem`; warn once if the tolerance was not reached.

        Returns
        -------
        Solution

        Notes
        -----
        Cost: O(n m d) time an iteration, O(n + m) memory beyond the points.
        """
        return solve(self, [problem])[0]

    def attempt(self, problem):
        """As `solve`, without the warning."""
        # The idle threads of BLAS spin for a while on the cores that the next pass needs: 1.3x slower at n = 16384.
        with single_threaded_blas():
            reduced, start = problem.reduced, initializer(self.init).reduced(problem)
            if reduced.target.precedes(reduced.source):  # the same bits for (a, b) and (b, a)
                solution = _iterate(replace(self, init=start.T), reduced.T).T
            else:
                solution = _iterate(replace(self, init=start), reduced)
            return solution.of(problem)


def solve(solver, problems):
    """Solutions of several problems, one after another."""
    return reported([watched(solver, problem).attempt(problem) for problem in problems])


def reported(solutions):
    """The solutions, with one warning for all that did not converge, unless there was one on the way."""
    failed = [s for s in solutions if not s.converged]
    if any(was_told(s.problem) for s in solutions):
        return solutions
    if failed:
        worst = max(failed, key=lambda s: s.marginal_error)
        warn(worst.message)
    return solutions


def _iterate(solver, problem):
    """From the start through the phases to the tolerance."""
    if is_limit(problem):
        return _limit(problem, solver)
    with tqdm(total=solver.max_iter, disable=not solver.progress, leave=False) as bar:
        descent = _Descent(solver, problem, bar)
        *before, final = phases(problem, solver)
        for phase in before:
            descent.iterate(phase, solver.max_iter - 1)
        solution = descent.solution(final)
        return _certified(descent, solution, final, solver) if solver.certify else solution


def _limit(problem, solver):
    """The closed form, measured once: iterations would add a rounding of eps 1e-16 to the potentials, no more."""
    f, g, n_passes = Gaussian()(problem, solver)
    kernel = GibbsKernel.of(problem, "float64", solver.backend)
    log_rows, log_columns = (np.where(np.abs(v) <= LEAST_TOL, 0.0, v) for v in kernel.log_sums(f, g))
    iterate = completed(Iterate(f, g, log_rows, log_columns), problem)
    probabilities = problem.source.partition.probabilities, problem.target.partition.probabilities
    error = marginal_error(*probabilities, log_rows, log_columns)
    status, n_passes = Status.CONVERGED if error <= solver.tol else Status.MAX_ITER, n_passes + kernel.n_passes
    return Solution(problem, iterate, status, n_passes, np.array([error]), "float64", solver.tol, solver.backend)


def _certified(descent, solution, phase, solver):
    """Continue until the certified gap is within the tolerance or no longer falls; in float64 unless dtype is given."""
    n_without_progress = 0
    while not _is_certified(solution) and descent.n_iter < solver.max_iter and n_without_progress < 2:
        descent.n_passes, gap = solution.n_passes, solution.gap
        phase = certifying(phase, solution, _needed(solution), solver.dtype)
        solution = descent.solution(phase)
        n_without_progress = n_without_progress + 1 if solution.gap > PROGRESS * gap else 0
    if solution.converged and not _is_certified(solution):
        status = Status.UNCERTIFIED if descent.n_iter >= solver.max_iter else Status.GAP_STALLED
        return replace(solution, status=status)
    return solution


def _is_certified(solution):
    return solution.gap <= solution.tol * _scale(solution)


def _scale(solution):
    """What the gap is compared with: the value, or where that is nothing the temperature."""
    return max(abs(solution.value), solution.problem.eps * solution.problem.mass)


def _needed(solution):
    """Share of the marginal error to which it must fall, the gap being proportional to it."""
    return min(0.5, 0.7 * solution.tol * _scale(solution) / solution.gap)


def completed(iterate, problem):
    """The iterate with the constant between its potentials such that <a, f> = <b, g>."""
    if problem.is_self:
        return Iterate(iterate.f, iterate.f, iterate.log_rows, iterate.log_rows)
    return iterate._replace(**dict(zip(("f", "g"), _balanced(iterate.f, iterate.g, problem), strict=True)))


def _balanced(f, g, problem):
    return balanced(problem.source.partition.probabilities, problem.target.partition.probabilities, f, g)


class _Best(NamedTuple):
    error: float
    iterate: Iterate


class _Descent:
    """The potentials on their way through the phases."""

    def __init__(self, solver, problem, bar):
        self._solver, self._problem, self._bar = solver, problem, bar
        self._probabilities = problem.source.partition.probabilities, problem.target.partition.probabilities
        # Feydy's scheme starts from zero, at a temperature of the diameter.
        is_plain = solver.init == Auto() and solver.acceleration == "symmetric"
        start = (Zeros() if is_plain else initializer(solver.init))(problem, solver)
        # From the constants that the solution will have: it would lose more digits by a long shift than by a short one.
        self._potentials = (start.f, start.f) if problem.is_self else _balanced(start.f, start.g, problem)
        self.n_passes = start.n_passes
        self.history = []

    @property
    def n_iter(self):
        return len(self.history)

    def solution(self, phase):
        """What the last phase comes to."""
        best = self._checked(self.iterate(phase, self._solver.max_iter), phase)
        status = self._status(best.error)
        iterate, history = completed(best.iterate, self._problem), np.array(self.history)
        solver = self._solver
        return Solution(self._problem, iterate, status, self.n_passes, history, phase.dtype, solver.tol, solver.backend)

    def _status(self, error):
        if error <= self._solver.tol:
            return Status.CONVERGED
        return Status.MAX_ITER if self.n_iter >= self._solver.max_iter else Status.ROUNDING

    def _checked(self, best, phase):
        """The best iterate, measured again where its sums cannot be trusted or its rows are far from exact."""
        iterate, eps = best.iterate, self._problem.eps
        if best.error > LARGEST_ERROR and not self._problem.is_self:  # exact rows: no entry of the plan exceeds a_i
            best = self._measured(iterate.f - eps * iterate.log_rows, iterate.g, phase.dtype)
        if phase.dtype == "float32" and is_doubtful(self._problem, best.error, self._solver.tol):
            best = self._measured(*best.iterate[:2], "float64")
        return best

    def _measured(self, f, g, dtype):
        kernel = GibbsKernel.of(self._problem, dtype, self._solver.backend)
        iterate = Iterate(f, g, *kernel.log_sums(f, g))
        self.n_passes += kernel.n_passes
        return _Best(marginal_error(*self._probabilities, iterate.log_rows, iterate.log_columns), iterate)

    def iterate(self, phase, last):
        """THE loop: to the phase's tolerance or iterations, or the last of all; the best iterate."""
        kernel = GibbsKernel.of(self._problem, phase.dtype, self._solver.backend, phase.eps)
        method = self._method(phase)
        last, best, errors = min(self.n_iter + phase.max_iter, last), None, []
        while self.n_iter < last:
            before = kernel.n_passes
            iterate = method.measure(kernel, *self._potentials)
            self.n_passes += kernel.n_passes - before
            error = marginal_error(*self._probabilities, iterate.log_rows, iterate.log_columns)
            errors.append(error)
            if best is None or error < best.error:
                best = _Best(error, iterate)
            self._tell(error, phase.eps)
            if error <= phase.tol or phase.stalls(errors):
                break
            self._potentials = method.next(iterate, error)
        if best is not None and phase.eps == self._problem.eps:
            self._potentials = best.iterate[:2]
        return best

    def _method(self, phase):
        problem, eps = self._problem, phase.eps
        if self._solver.acceleration == "symmetric":
            return Symmetric(problem, eps)
        if self._solver.acceleration == "none":
            return Symmetric(problem, eps) if problem.is_self else Alternating(problem, eps)
        inner = Symmetric(problem, eps) if problem.is_self else TwoLevel(problem, eps)
        return Anderson(inner, problem, eps, phase.dtype)

    def _tell(self, error, eps):
        self.history.append(error)
        self._bar.update()
        self._bar.set_postfix(marginal_error=f"{error:.1e}", refresh=False)
        if self._solver.callback is not None:
            self._solver.callback(Iteration(self.n_iter, self.n_passes, eps, error))
