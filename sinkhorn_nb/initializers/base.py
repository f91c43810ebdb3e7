"""The interface of initializers, and the rough solution of an easier problem."""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import NamedTuple

import numpy as np


class Start(NamedTuple):
    """Potentials between probabilities, in the order of the partitions, and the number of passes they took."""

    f: np.ndarray
    g: np.ndarray
    n_passes: float


class Initializer(ABC):
    """Base class of initializers. A poor start costs passes, and never makes the result wrong."""

    @abstractmethod
    def __call__(self, problem, solver):
        """Compute the start; for a self problem, f is g."""

    @property
    def T(self):
        """The same initializer for the transposed problem."""
        return self

    def reduced(self, problem):
        """The same initializer for the reduced problem, in which equal points are one point."""
        return self


def sketch(solver, problem, init, tol, max_iter, dtype="float32"):
    """Solve an easier problem roughly, by the default steps and without warnings or progress."""
    settings = {"acceleration": "auto", "certify": False, "progress": False, "callback": None}
    return replace(solver, init=init, tol=tol, max_iter=max_iter, dtype=dtype, **settings).attempt(problem)


def extended(solution, partition, backend):
    """The softmin f of a solution at other points, in the order of their partition, and the number of pairs."""
    known = solution.problem.reduced.target.partition
    kernel = solution.problem.kernel_between(partition, known, "float32", backend)
    f = kernel.softmin(solution.iterate.g)
    return f, len(partition) * len(known)
