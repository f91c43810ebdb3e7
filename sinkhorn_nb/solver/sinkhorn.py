"""The loop, written once for every problem and backend."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from .. import validation
from ..backends.threads import single_threaded_blas
from ..dual import dual_value, marginal_error
from ..gibbs import GibbsKernel
from ..solution import Solution
from ..status import Status, warn
from .acceleration import ACCELERATIONS
from .precision import pair_dtype
from .schedule import annealing

# Share of the way from f to T(f). Cross problems: Feydy et al. 2019, equation (26). Self problems:
# T' has its spectrum in [-1, 0], so 2/3 contracts by 1/3 or better whatever eps (1/2 would by 1/2).
CROSS_STEP = 1 / 2
SELF_STEP = 2 / 3


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
    acceleration: str = "auto"
    dtype: str | None = None
    progress: bool = False
    callback: Callable[[Iteration], Any] | None = None

    def __post_init__(self):
        validation.positive("tol", self.tol)
        validation.count("max_iter", self.max_iter)
        validation.choice("acceleration", self.acceleration, tuple(ACCELERATIONS))
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


def solve(solver, problems):
    """Solutions of several problems, with one warning for all that did not converge."""
    solutions = [_solve_oriented(solver, problem) for problem in problems]
    failed = [s for s in solutions if not s.converged]
    if failed:
        worst = max(failed, key=lambda s: s.marginal_error)
        warn(worst.message)
    return solutions


def _solve_oriented(solver, problem):
    """The same bits for (a, b) and (b, a): one canonical orientation is solved."""
    if problem.target.precedes(problem.source):
        return _iterate(solver, problem.T).T
    return _iterate(solver, problem)


class Iterate(NamedTuple):
    """Potentials and what one pass says of them."""

    error: float
    f: np.ndarray
    g: np.ndarray
    log_rows: np.ndarray
    log_columns: np.ndarray


def _iterate(solver, problem):
    """Feydy et al. 2019, section 3.1, accelerated: level by level down to the target temperature."""
    descent = _Descent(solver, problem)
    # The idle threads of BLAS spin for a while on the cores that the next pass needs: 1.3x slower at n = 16384.
    with tqdm(total=solver.max_iter, disable=not solver.progress, leave=False) as bar, single_threaded_blas():
        *levels, target = annealing(problem, solver)
        for level in levels:  # at least half of the iterations are kept for the target
            descent.iterate(level, min(descent.n_iter + level.max_iter, solver.max_iter // 2), bar)
        n_annealing = descent.n_iter
        best = descent.iterate(target, solver.max_iter, bar)
    status = Status.CONVERGED if best.error <= solver.tol else Status.MAX_ITER
    history = np.array(descent.history)
    return Solution.between_probabilities(
        problem, *best[1:], status, descent.n_passes, history, n_annealing, descent.dtype, solver.tol
    )


class _Descent:
    """The iterate z (both potentials in a row, one for a self problem) on its way down the levels."""

    def __init__(self, solver, problem):
        self._solver, self._problem = solver, problem
        self._a, self._b = problem.source.probabilities, problem.target.probabilities
        self._weights = self._a if problem.is_self else np.concatenate([self._a, self._b])
        self._step = SELF_STEP if problem.is_self else CROSS_STEP
        self._z = np.zeros(len(self._weights))
        self.dtype = pair_dtype(problem, solver)
        self.history, self.n_passes = [], 0.0

    @property
    def n_iter(self):
        return len(self.history)

    def iterate(self, level, last_iter, bar):
        """THE loop: at one temperature, to its tolerance or iteration; the best iterate."""
        kernel, best = GibbsKernel.of(self._problem, self.dtype, level.eps), None
        acceleration = ACCELERATIONS[self._solver.acceleration](self._weights, self._step)
        while self.n_iter < last_iter:
            iterate = self._measure(kernel)
            best = iterate if best is None or iterate.error < best.error else best
            self._tell(bar, iterate.error, level.eps)
            residual = -level.eps * self._joined(iterate.log_rows, iterate.log_columns)
            if iterate.error <= level.tol or self.n_iter == last_iter:
                self._z = self._z + self._step * residual  # where the next level starts
                break
            dual = dual_value(self._a, self._b, *iterate[1:], level.eps)
            self._z = acceleration.next(self._z, residual, dual, iterate.error)
        return best

    def _measure(self, kernel):
        f, g = (self._z, self._z) if self._problem.is_self else np.split(self._z, [len(self._a)])
        before = kernel.n_passes
        log_rows, log_columns = kernel.log_sums(f, g)
        self.n_passes += kernel.n_passes - before
        return Iterate(marginal_error(self._a, self._b, log_rows, log_columns), f, g, log_rows, log_columns)

    def _joined(self, of_f, of_g):
        return of_f if self._problem.is_self else np.concatenate([of_f, of_g])

    def _tell(self, bar, error, eps):
        self.history.append(error)
        bar.update()
        bar.set_postfix(marginal_error=f"{error:.1e}", refresh=False)
        if self._solver.callback is not None:
            self._solver.callback(Iteration(self.n_iter, self.n_passes, eps, error))
