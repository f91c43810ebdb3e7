"""The loop, written once for every problem and backend."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from .. import validation
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
    dtype = pair_dtype(problem, solver)
    n, a, b = len(problem.source), problem.source.probabilities, problem.target.probabilities
    weights = a if problem.is_self else np.concatenate([a, b])
    step = SELF_STEP if problem.is_self else CROSS_STEP
    z, n_passes, history = np.zeros(len(weights)), 0.0, []

    with tqdm(total=solver.max_iter, disable=not solver.progress, leave=False) as bar:
        for level in annealing(problem, solver):
            is_last = level.eps == problem.eps
            # At least half of the iterations are kept for the target.
            last_iter = min(len(history) + level.max_iter, solver.max_iter // (1 if is_last else 2))
            kernel = GibbsKernel.of(problem, dtype, level.eps)
            acceleration = ACCELERATIONS[solver.acceleration](weights, step)
            best = None
            while len(history) < last_iter:
                f, g = (z, z) if problem.is_self else (z[:n], z[n:])
                log_rows, log_columns = kernel.log_sums(f, g)
                error = marginal_error(a, b, log_rows, log_columns)
                if best is None or error < best.error:
                    best = Iterate(error, f, g, log_rows, log_columns)
                history.append(error)
                _tell(solver, bar, Iteration(len(history), n_passes + kernel.n_passes, level.eps, error))
                if is_last and error <= level.tol:
                    break
                residual = -level.eps * (log_rows if problem.is_self else np.concatenate([log_rows, log_columns]))
                if error <= level.tol or len(history) == last_iter:
                    z = z + step * residual
                    break
                dual = dual_value(a, b, f, g, log_rows, log_columns, level.eps)
                z = acceleration.next(z, residual, dual, error)
            n_passes += kernel.n_passes

    status = Status.CONVERGED if best.error <= solver.tol else Status.MAX_ITER
    return Solution.between_probabilities(problem, *best[1:], status, n_passes, np.array(history), dtype, solver.tol)


def _tell(solver, bar, iteration):
    bar.update()
    bar.set_postfix(marginal_error=f"{iteration.marginal_error:.1e}", refresh=False)
    if solver.callback is not None:
        solver.callback(iteration)
