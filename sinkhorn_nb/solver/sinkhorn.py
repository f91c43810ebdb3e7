"""The solver, which takes a problem from its start to a solution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from .. import validation
from ..backends.choice import NAMES
from ..backends.cpu.threads import single_threaded_blas
from ..common.array_types import ArrayLike, Precision
from ..compression.choice import compressed_solution
from ..dual import Iterate
from ..initializers import Flat, Gaussian, Initializer
from ..kernels.ledger import counting
from ..problem import Problem
from ..results.compression import SMALL
from ..results.outlook import Watch
from ..results.solution import Solution
from ..results.status import Status, warn
from .descent import Descent, Iteration
from .parameters import Parameters
from .progress import ProgressBar
from .schedule import LEAST_TOL, Phase, certifying, is_limit, phases
from .small import solve_one_small

if TYPE_CHECKING:
    from ..results.divergence import Divergence

ACCELERATIONS = ("auto", "none", "symmetric")
# A certified solve stops if its gap fails twice in a row to fall to this share of the last gap
PROGRESS = 0.9


@dataclass(frozen=True, eq=False, repr=False)
class Sinkhorn(Parameters):
    """Settings of a solve: a coarse start and two-level Sinkhorn steps with Anderson mixing, in the
    log domain.

    Parameters
    ----------
    tol : float, default 1e-3
        Largest accepted marginal error: max over the two sides of sum_i a_i |r_i - 1| / mass,
        where r_i is the ratio of the plan's marginal to a_i.
    max_iter : int, default 3000
        Largest number of iterations, each one pass over the pairs (half a pass for self problems).
    init : str, Initializer, Solution, Divergence or pair of arrays, default "auto"
        The start; it changes the number of passes, not the result. One of "auto", "coarse",
        "gaussian", "gmm", "subsample", "zeros" and, for points on a line, "sorting"; an object of
        `sinkhorn_nb.initializers`; the solution of a similar problem; a similar divergence, for all
        three problems of the next one; or potentials (f, g).
    acceleration : {"auto", "none", "symmetric"}
        "auto" makes two-level steps, which update one side exactly and shift each cluster of the
        other, with mixing. "none" is Sinkhorn's alternating iteration. "symmetric" is the scheme of
        Feydy et al. as in the paper: averaged updates, one iteration at each temperature above the
        target, from zero.
    compression : {"auto", None} or float, default "auto"
        "auto" solves problems with more than 12 000 points between far fewer weighted nodes, if
        this is cheaper and the sampled marginals are within tol; else, and for None, the solve is
        plain. A number fixes the side of the cells in units of the blur. `Solution.compression`
        tells what was done and why.
    backend : {"auto", "cpu", "cuda"}, default "auto"
        The backend of all passes, including those of the solution's plan, map and derivatives.
        "cuda" uses the visible NVIDIA GPUs, or says why it cannot. "auto" uses them for 4 billion
        pairs or more (n = m = 65 536), if they pass a trial on small clouds, once for each kind of
        kernel, against the CPU. Otherwise it uses the CPU.
    dtype : {None, "float32", "float64"}
        Precision of the pairs. None iterates in float32 and then, for float64 points or if rounding
        would be too large for the tolerance, in float64. Potentials are always float64.
    certify : bool, default False
        Continue until the certified gap, too, is within tol of the value (or of eps, if the value
        is smaller).
    progress : bool, default False
        Show the progress of each solve: iterations, marginal error, time.
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
    init: str | Initializer | Solution | Divergence | tuple[ArrayLike, ArrayLike] = "auto"
    acceleration: Literal["auto", "none", "symmetric"] = "auto"
    compression: Literal["auto"] | float | None = "auto"
    backend: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Precision | None = None
    certify: bool = False
    progress: bool = False
    callback: Callable[[Iteration], object] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tol", validation.positive("tol", self.tol))
        object.__setattr__(self, "max_iter", validation.count("max_iter", self.max_iter))
        super().__post_init__()
        validation.choice("acceleration", self.acceleration, ACCELERATIONS)
        if not isinstance(self.compression, str) and self.compression is not None:
            kappa = validation.positive("compression", self.compression)
            object.__setattr__(self, "compression", kappa)
        else:
            validation.choice("compression", self.compression, ("auto", None))
        validation.choice("backend", self.backend, NAMES)
        validation.choice("dtype", self.dtype, (None, "float32", "float64"))
        validation.choice("certify", self.certify, (False, True))
        validation.choice("progress", self.progress, (False, True))
        if self.callback is not None and not callable(self.callback):
            raise TypeError(
                f"callback: expected a callable or None, got {self.callback!r}; pass a function"
            )

    def solve(self, problem: Problem) -> Solution:
        """Solve one `Problem`; warn once if the tolerance was not reached.

        Returns
        -------
        Solution

        Notes
        -----
        Cost: O(n m d) time per iteration, O(n + m) memory beyond the points.
        """
        return solve(self, [problem])[0]

    def attempt(self, problem: Problem) -> Solution:
        """Solve one problem as `solve` does, without the warning."""
        # Idle threads of BLAS spin for a while on the cores that the next pass needs: 1.3x slower
        # at n = 16384.
        if not self._start.serves(problem):
            raise ValueError(
                f"init: expected a start for the cost {problem.cost.formula}, got "
                f'{self._start!r}; take init="auto"'
            )
        with single_threaded_blas():
            reduced = problem.reduced
            start = self._start.reduced(problem)
            if reduced.target.precedes(reduced.source):  # the same bits for (a, b) and (b, a)
                solution = _iterate(replace(self, init=start.T), reduced.T).T
            else:
                solution = _iterate(replace(self, init=start), reduced)
            return solution.of(problem)


DEFAULT = Sinkhorn()


def solve(solver: Sinkhorn, problems: Sequence[Problem]) -> list[Solution]:
    """Solve several problems, one after another."""
    watch = Watch(solver)
    return reported([_solution(solver, problem, watch) for problem in problems], watch)


def _solution(solver: Sinkhorn, problem: Problem, watch: Watch) -> Solution:
    """Solve a small problem by one compiled call, and a large one between nodes. Other problems,
    and those on which this fails, take the loop.
    """
    compressed, report = compressed_solution(problem, solver)
    if compressed is not None:
        return compressed
    solution, n_passes = solve_one_small(problem, solver)
    if solution is None:
        solution = watch.over(problem).attempt(problem)
        solution = solution._with(solve_passes=solution.solve_passes + n_passes)
    return solution if report == SMALL else solution._with(compression=report)


def reported(solutions: list[Solution], watch: Watch) -> list[Solution]:
    """Return the solutions, after one warning for all that did not converge, unless there was an
    early warning.
    """
    failed = [s for s in solutions if not s.converged]
    if failed and not watch.has_warned:
        worst = max(failed, key=lambda s: s.marginal_error)
        warn(worst.message)
    return solutions


def _iterate(solver: Sinkhorn, problem: Problem) -> Solution:
    """Run the phases, from the start to the tolerance."""
    if is_limit(problem):
        return _limit(problem, solver)
    # No bar by default: tqdm has a lock for all bars, which a forked child may find locked for
    # ever.
    progress = ProgressBar(problem, solver.tol) if solver.progress else nullcontext()
    with counting() as ledger, progress as bar:
        descent = Descent(solver, problem, ledger, bar)
        *before, final = phases(problem, solver)
        for phase in before:
            descent.iterate(phase, solver.max_iter - 1)
        solution = descent.solution(final)
        return _certified(descent, solution, final, solver) if solver.certify else solution


def _limit(problem: Problem, solver: Sinkhorn) -> Solution:
    """The closed form, measured once, because iterations would only add a rounding of 1e-16 eps to
    the potentials.
    """
    closed_form = Gaussian() if problem.terms.are_classical else Flat()
    with counting() as ledger:
        f, g = closed_form(problem, solver)
        sums = problem.kernel("float64", solver.backend).log_sums(f, g)
    log_rows, log_columns = (np.where(np.abs(v) <= LEAST_TOL, 0.0, v) for v in sums)
    dual = problem.dual()
    iterate = dual.completed(Iterate(f, g, log_rows, log_columns), problem.is_self)
    error = dual.error(iterate)
    status = Status.CONVERGED if error <= solver.tol else Status.MAX_ITER
    n_passes = problem.passes(ledger)
    return Solution(
        problem, iterate, status, n_passes, np.array([error]), "float64", solver.tol, solver.backend
    )


def _certified(descent: Descent, solution: Solution, phase: Phase, solver: Sinkhorn) -> Solution:
    """Continue until the certified gap is within tol or no longer falls, in float64 unless a dtype
    is given.
    """
    n_without_progress = 0
    while (
        not _is_certified(solution) and descent.n_iter < solver.max_iter and n_without_progress < 2
    ):
        gap = solution.gap
        phase = certifying(phase, solution, _needed(solution), solver.dtype)
        solution = descent.solution(phase)
        n_without_progress = n_without_progress + 1 if solution.gap > PROGRESS * gap else 0
    if solution.converged and not _is_certified(solution):
        status = Status.UNCERTIFIED if descent.n_iter >= solver.max_iter else Status.GAP_STALLED
        return replace(solution, status=status)
    return solution


def _is_certified(solution: Solution) -> bool:
    return solution.gap <= solution.tol * _scale(solution)


def _scale(solution: Solution) -> float:
    """Scale of the gap: the value, or eps times the mass if that is larger."""
    return max(abs(solution._transported), solution.problem.eps * solution.problem.mass)


def _needed(solution: Solution) -> float:
    """The share to which the marginal error must fall, because the gap is proportional to it."""
    return min(0.5, 0.7 * solution.tol * _scale(solution) / solution.gap)
