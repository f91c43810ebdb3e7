"""The interface of initializers, and the rough solution of an easier problem."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..common.array_types import Floats, Precision
from ..measures.partition import Partition
from ..problem import Problem
from ..results.solution import Solution

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn


class Start(NamedTuple):
    """Potentials between probabilities, in the order of the partitions."""

    f: Floats
    g: Floats

    @property
    def is_finite(self) -> bool:
        """Whether all potentials are finite; far outliers may leave the range of float32."""
        f_is_finite = np.isfinite(self.f).all()
        g_is_finite = np.isfinite(self.g).all()
        return bool(f_is_finite and g_is_finite)

    def or_zeros(self) -> Start:
        """The start or, unless it is finite, zeros."""
        if self.is_finite:
            return self
        return Start(np.zeros_like(self.f), np.zeros_like(self.g))


class Initializer(ABC):
    """Base class of initializers. A poor start costs passes, and never makes the result wrong."""

    @abstractmethod
    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start; for a self problem, f is g."""

    def serves(self, problem: Problem) -> bool:
        """Tell whether the start is meant for the problem's cost."""
        return True

    @property
    def T(self) -> Initializer:
        """The same initializer for the transposed problem."""
        return self

    def reduced(self, problem: Problem) -> Initializer:
        """The same initializer for the reduced problem, in which equal points are one point."""
        return self


def sketch(
    solver: Sinkhorn,
    problem: Problem,
    init: Initializer,
    tol: float,
    max_iter: int,
    dtype: Precision | None = None,
) -> Solution:
    """Solve an easier problem roughly, by the default steps and without warnings or progress, in
    float32 if that is no worse.
    """
    settings: dict[str, Any] = {
        "acceleration": "auto",
        "certify": False,
        "progress": False,
        "callback": None,
    }
    dtype = dtype or problem.rough_dtype
    easier = replace(solver, init=init, tol=tol, max_iter=max_iter, dtype=dtype, **settings)
    return easier.attempt(problem)


def extended(solution: Solution, partition: Partition, backend: str) -> Floats:
    """The softmin f of a solution at other points, in the order of their partition."""
    problem = solution.problem
    known = problem.reduced.target.partition
    kernel = problem.kernel_between(partition, known, problem.rough_dtype, backend)
    softmin = kernel.softmin(solution.iterate.g)
    return problem.reduced.dual().damped_rows(softmin)
