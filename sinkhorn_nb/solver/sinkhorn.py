"""The loop, written once for every problem and backend."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from .. import validation
from ..backends.threads import single_threaded_blas
from ..dual import Iterate, marginal_error
from ..gibbs import GibbsKernel
from ..initializers import Coarse, Zeros
from ..solution import Solution
from ..status import Status, warn
from .acceleration import Alternating, Anderson, Symmetric
from .schedule import phases, stalls
from .twolevel import TwoLevel

ACCELERATIONS = ("auto", "none", "symmetric")

# Feydy's scheme starts from zero, at a temperature of the diameter.
INITIALIZERS = {"auto": Coarse(), "coarse": Coarse(), "zeros": Zeros()}


class Iteration(NamedTuple):
    """What a callback is told after each iteration."""

    n_iter: int
    n_passes: float
    eps: float
    marginal_error: float


@dataclass(frozen=True)
class Sinkhorn:
    """How to solve: accelerated symmetric log-domain Sinkhorn iterations with annealing in eps.

    Parameters
    ----------
    tol : float, default 1e-3
        Largest marginal error accepted: max over the two sides of sum_i a_i |r_i - 1| / mass,
        r_i being the ratio of the plan's marginal to a_i.
    max_iter : int, default 3000
        Iterations at most, each one pass over the pairs (half a pass for self problems).
    acceleration : {"auto", "symmetric"}
        "auto" is Anderson mixing of the symmetric updates; "symmetric" the paper's scheme as it
        is: averaged updates, one iteration at each temperature before the target.
    dtype : {None, "float32", "float64"}
        Of the pairs. None takes float32 for float32 points when its rounding leaves the
        tolerance in reach, else float64. Potentials are float64 always.
    progress : bool, default False
        Show a tqdm bar.
    callback : callable, optional
        Called after each iteration with an `Iteration` (n_iter, n_passes, eps, marginal_error).

    References
    ----------
    Feydy et al. 2019, "Interpolating between Optimal Transport and MMD using Sinkhorn
    Divergences", section 3.1: symmetric updates, equation (26) for the self terms.

    Examples
    --------
    >>> import sinkhorn_nb as snb
    >>> solver = snb.Sinkhorn(tol=1e-6)
    >>> snb.entropic_ot([[0.0], [1.0]], [[2.0]], blur=0.5, solver=solver).converged
    True
    """

    tol: float = 1e-3
    max_iter: int = 3000
    init: str = "auto"
    acceleration: str = "auto"
    dtype: str | None = None
    progress: bool = False
    callback: Callable[[Iteration], Any] | None = None

    def __post_init__(self):
        validation.positive("tol", self.tol)
        validation.count("max_iter", self.max_iter)
        validation.choice("init", self.init, tuple(INITIALIZERS))
        validation.choice("acceleration", self.acceleration, ACCELERATIONS)
        validation.choice("dtype", self.dtype, (None, "float32", "float64"))
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
            if problem.target.precedes(problem.source):  # the same bits for (a, b) and (b, a)
                return _iterate(self, problem.T).T
            return _iterate(self, problem)


def solve(solver, problems):
    """Solutions of several problems, with one warning for all that did not converge."""
    solutions = [solver.attempt(problem) for problem in problems]
    failed = [s for s in solutions if not s.converged]
    if failed:
        worst = max(failed, key=lambda s: s.marginal_error)
        warn(worst.message)
    return solutions


def _iterate(solver, problem):
    """From the start through the phases to the tolerance."""
    with tqdm(total=solver.max_iter, disable=not solver.progress, leave=False) as bar:
        descent = _Descent(solver, problem, bar)
        *before, final = phases(problem, solver)
        for phase in before:
            descent.iterate(phase, solver.max_iter - 1)
        best = descent.iterate(final, solver.max_iter)
    iterate = _completed(best.iterate, problem)
    status = Status.CONVERGED if best.error <= solver.tol else Status.MAX_ITER
    history = np.array(descent.history)
    return Solution(problem, iterate, status, descent.n_passes, history, final.dtype, solver.tol)


def _completed(iterate, problem):
    """Points without mass take the softmin, to which nothing drives them."""
    f, g, log_rows, log_columns = (v.copy() for v in iterate)
    for potential, log_sums, measure in ((f, log_rows, problem.source), (g, log_columns, problem.target)):
        inert = measure.partition.probabilities == 0
        potential[inert] -= problem.eps * log_sums[inert]
        log_sums[inert] = 0.0
    return Iterate(f, f, log_rows, log_rows) if problem.is_self else Iterate(f, g, log_rows, log_columns)


class _Best(NamedTuple):
    error: float
    iterate: Iterate


class _Descent:
    """The potentials on their way through the phases."""

    def __init__(self, solver, problem, bar):
        self._solver, self._problem, self._bar = solver, problem, bar
        self._probabilities = problem.source.partition.probabilities, problem.target.partition.probabilities
        is_plain = solver.init == "auto" and solver.acceleration == "symmetric"
        start = (Zeros() if is_plain else INITIALIZERS[solver.init])(problem, solver)
        self._potentials, self.n_passes = (start.f, start.g), start.n_passes
        self.history = []

    def iterate(self, phase, last):
        """THE loop: to the phase's tolerance or iterations, or the last of all; the best iterate."""
        kernel = GibbsKernel.of(self._problem, phase.dtype, phase.eps)
        method = self._method(phase)
        last, best, errors = min(len(self.history) + phase.max_iter, last), None, []
        while len(self.history) < last:
            before = kernel.n_passes
            iterate = method.measure(kernel, *self._potentials)
            self.n_passes += kernel.n_passes - before
            error = marginal_error(*self._probabilities, iterate.log_rows, iterate.log_columns)
            errors.append(error)
            if best is None or error < best.error:
                best = _Best(error, iterate)
            self._tell(error, phase.eps)
            if error <= phase.tol or stalls(errors, phase.patience):
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
            self._solver.callback(Iteration(len(self.history), self.n_passes, eps, error))
