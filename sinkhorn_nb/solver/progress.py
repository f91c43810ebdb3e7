"""Progress bars: for one solve, without an estimate of the remaining time, and for many solves,
with one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tqdm import tqdm

from ..problem import Problem

if TYPE_CHECKING:
    from .descent import Iteration

FORMAT = "{desc}: {n_fmt} iterations{postfix}, {elapsed}"
INTERVAL = 0.1  # seconds between two lines, at least


class _Line(tqdm):
    # No monitor thread, because processes that are forked while it runs can hang
    monitor_interval = 0


def counter(name: str, total: int) -> _Line:
    """A line on stderr with the number of finished items; the context removes it at the end."""
    return _Line(desc=name, total=total, leave=False, mininterval=INTERVAL, miniters=1)


class ProgressBar:
    """A line on stderr with the iterations, the marginal error beside the tolerance and the time
    since the start.

    It is a callback for the iterations of one solve, and a context that removes the line at the
    end.
    """

    def __init__(self, problem: Problem, tol: float) -> None:
        self._eps = problem.eps
        self._tol = tol
        n, m = len(problem.source), len(problem.target)
        between = f"{n} points with themselves" if problem.is_self else f"{n} and {m} points"
        self._bar = _Line(
            desc=between, bar_format=FORMAT, leave=False, mininterval=INTERVAL, miniters=1
        )

    def __call__(self, iteration: Iteration) -> None:
        """Show an iteration."""
        warmer = "" if iteration.eps == self._eps else f" at blur {math.sqrt(iteration.eps):.2g}"
        self._bar.set_postfix_str(
            f"marginal error {iteration.marginal_error:.1e}{warmer} (tol {self._tol:g})",
            refresh=False,
        )
        self._bar.update()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
