"""The interface of initializers, and the rough solution of an easier problem."""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import NamedTuple

import numpy as np


class Start(NamedTuple):
    """Potentials between probabilities, in the order of the partitions, and the passes they took."""

    f: np.ndarray
    g: np.ndarray
    n_passes: float


class Initializer(ABC):
    """Finds where a solve of a problem starts; a poor start costs passes, never correctness."""

    @abstractmethod
    def __call__(self, problem, solver):
        """The start; of a problem of a measure with itself, f is g."""

    @property
    def T(self):
        """The same initializer for the transposed problem."""
        return self

    def reduced(self, problem):
        """The same initializer for the reduced problem, in which equal points are one."""
        return self


def sketch(solver, problem, init, tol, max_iter, dtype="float32"):
    """Solve an easier problem roughly, by the default steps, without warnings or progress."""
    settings = {"acceleration": "auto", "certify": False, "progress": False, "callback": None}
    return replace(solver, init=init, tol=tol, max_iter=max_iter, dtype=dtype, **settings).attempt(problem)


def extended(solution, partition, backend):
    """The softmin f of a solution at other points, in the order of their partition, and the pairs treated."""
    known = solution.problem.reduced.target.partition
    kernel = solution.problem.kernel_between(partition, known, "float32", backend)
    f = kernel.softmin(solution.iterate.g)
    return f, len(partition) * len(known)
