"""The status of a solve. The text of a failure includes the cure."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..common.array_types import Floats

if TYPE_CHECKING:
    from ..gradients.reports import Reported

Result = TypeVar("Result", bound="Reported")

PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep

FEW = 8  # errors: too few for an estimate of the decay


class Status(Enum):
    """Ways in which a solve ends; the values are messages."""

    CONVERGED = "the marginal error is within tol"
    MAX_ITER = "stopped at max_iter before the marginal error was within tol"
    ROUNDING = "stopped because rounding keeps the marginal error above tol"
    UNSETTLED = (
        "stopped at max_iter while the divergence, a small difference of values, still changed"
    )
    UNCERTIFIED = "stopped at max_iter before the certified gap was within tol of the value"
    COARSE = "the marginals of the compressed solve are above tol"
    WIDE = "the marginals between the cells of a stream are above tol"
    GAP_STALLED = "stopped because the certified gap no longer falls, still above tol of the value"


def explain(
    status: Status, error: float, history: Floats, tol: float, dtype: str, advice: str | None = None
) -> str:
    """Describe the status with the error reached and the smallest safe cure, which is the advice if
    there is any.
    """
    if status is Status.CONVERGED:
        return f"{status.value}: {error:.2e} <= {tol:.2e}"
    n_iter = len(history)
    if status in (Status.UNCERTIFIED, Status.UNSETTLED):
        return (
            f"{status.value}, at a marginal error of {error:.2e}; use a larger max_iter, blur or "
            "tol"
        )
    if status is Status.COARSE:
        cure = "use compression='auto', a smaller number, or None"
        return f"{status.value}: {error:.2e} > tol={tol:.2e}; {cure}"
    if status is Status.WIDE:
        cure = "read the chunks again with a smaller side, or use a larger blur or tol"
        return f"{status.value}: {error:.2e} > tol={tol:.2e}; {cure}"
    if status is Status.GAP_STALLED:
        cure = "Sinkhorn(dtype=None), or " if dtype == "float32" else ""
        return f"{status.value}, at a marginal error of {error:.2e}; use {cure}a larger blur or tol"
    if status is Status.ROUNDING:
        cure = "use Sinkhorn(dtype=None), or a larger blur or tol"
        if dtype != "float32":
            cure = advice or "use a larger blur or tol"
        return f"{status.value}: {error:.2e} > tol={tol:.2e}; {cure}"
    cure = advice or _cure(n_iter, np.minimum.accumulate(history), tol, dtype)
    return f"{status.value}: {error:.2e} > tol={tol:.2e} after {n_iter} iterations; {cure}"


def warn(message: str) -> None:
    """Warn that a result has not converged, at the line outside of the library that called it."""
    frame = sys._getframe()
    depth = 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
        depth = depth + 1
    category = import_module(".warning", __package__).ConvergenceWarning
    warnings.warn(message, category, stacklevel=depth)


def warned(result: Result) -> Result:
    """Return the result of a linear solve, after a warning if the solve failed."""
    if not result.linear_solve.converged:
        warn(result.linear_solve.message)
    return result


def _cure(n_iter: int, least: Floats, tol: float, dtype: str) -> str:
    if dtype == "float32" and _stalls(least):
        return "use Sinkhorn(dtype=None) or float64 points"
    if _stalls(least):
        return "use a larger blur or tol, or a larger max_iter"
    needed = _iterations_needed(n_iter, least, tol)
    return f"try Sinkhorn(max_iter={needed}), or a larger blur or tol"


def is_too_slow(errors: Sequence[float], tol: float, max_iter: int) -> bool:
    """Tell whether the errors fall too slowly to reach tol within max_iter; the first few errors
    tell nothing.
    """
    least = np.minimum.accumulate(errors)
    n_iter = len(least)
    if n_iter < FEW or _stalls(least):
        return True
    return _iterations_needed(n_iter, least, tol) > max_iter


def _stalls(least: Floats) -> bool:
    """Tell whether the least error of the last half is hardly below the least error of the first
    half.
    """
    count = len(least)
    return count > 20 and least[-1] > 0.9 * least[count // 2]


def _iterations_needed(n_iter: int, least: Floats, tol: float) -> int:
    """Extrapolate from the decay over the last half, with a margin; without a decay, four times as
    many.
    """
    n = len(least)
    half = n // 2
    if n < FEW or not 0 < least[-1] < least[half]:
        needed = 4 * n_iter
    else:
        missing = np.log(least[-1] / tol)
        decay = np.log(least[half] / least[-1])
        needed = n_iter + 4 / 3 * (n - 1 - half) * missing / decay
    return int(np.ceil(needed / 100) * 100)
