"""What an initializer returns, and how it solves an easier problem."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np


class Start(NamedTuple):
    """Potentials between probabilities, in the order of the partitions, and the passes they took."""

    f: np.ndarray
    g: np.ndarray
    n_passes: float


def sketch(solver, problem, tol, max_iter):
    """A rough solution of another problem by the same method, in silence."""
    rough = replace(solver, tol=tol, max_iter=max_iter, dtype="float32", certify=False, progress=False, callback=None)
    return rough.attempt(problem)
