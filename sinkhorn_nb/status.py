"""How a solve ended; the text of a failure holds the cure."""

import warnings
from enum import Enum
from importlib import import_module

import numpy as np


class Status(Enum):
    """Members are messages."""

    CONVERGED = "the marginal error is within tol"
    MAX_ITER = "stopped at max_iter before the marginal error was within tol"


def explain(status, error, history, tol, dtype):
    """The status with the error reached and the smallest safe cure."""
    if status is Status.CONVERGED:
        return f"{status.value}: {error:.2e} <= {tol:.2e}"
    return f"{status.value}: {error:.2e} > tol={tol:.2e} after {len(history)} iterations; {_cure(history, tol, dtype)}"


def warn(message):
    """Warn the caller of a public function that its result has not converged."""
    warnings.warn(message, import_module(".warning", __package__).ConvergenceWarning, stacklevel=5)


def _cure(history, tol, dtype):
    if dtype == "float32" and _stalls(history):
        return "use Sinkhorn(dtype=None) or float64 points"
    needed = _iterations_needed(history, tol)
    if needed is None:
        return "use a larger blur or tol, or a larger max_iter"
    return f"try Sinkhorn(max_iter={needed}), or a larger blur or tol"


def _stalls(history):
    half = history[len(history) // 2]
    return len(history) > 20 and history[-1] > 0.9 * half


def _iterations_needed(history, tol):
    """Extrapolated from the decay of the last half of the history, with a margin of a third."""
    n = len(history)
    first, last = history[n // 2], history[-1]
    if n < 8 or not 0 < last < 0.95 * first:
        return None
    rate = np.log(first / last) / (n - 1 - n // 2)
    needed = n + 4 / 3 * np.log(last / tol) / rate
    return int(np.ceil(needed / 100) * 100) if needed < 1e7 else None
