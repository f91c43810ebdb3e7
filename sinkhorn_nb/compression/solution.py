"""The solution of a compressed problem: potentials and maps at all points, made when they are first used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..array_types import ArrayLike, Floats
from ..caching import cached_property, know
from ..dual import Iterate
from ..gradients import Gradient, pull
from ..problem import Problem
from ..solution import Solution
from ..status import Status
from .check import Sample, variance
from .halves import Half
from .report import Compression
from .rounds import Compressed

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

ROUNDING = 2e-7, 1e-9  # of sums in float32, as shares of eps and of the value
GAINS = 2.0  # times the gain of an exact update is the error of a dual value, at most, after errors within cells
NO_HISTORY = np.empty(0)


class Expanded(NamedTuple):
    """Potentials of a problem as expansions in cells; it takes the place of an `Iterate`."""

    on_nodes: Solution
    halves: tuple[Half, Half]
    samples: tuple[Sample, Sample]

    @property
    def n_pairs(self) -> int:
        """Number of pairs of points."""
        return len(self.halves[0].measure) * len(self.halves[1].measure)

    @property
    def T(self) -> Expanded:
        """The potentials of the transposed problem."""
        return Expanded(self.on_nodes.T, self.halves[::-1], self.samples[::-1])


@dataclass(frozen=True, eq=False, repr=False)
class CompressedSolution(Solution):
    """A `Solution` that was found between nodes, and extended to all points.

    Potentials, maps and gradients need no pass over the pairs of points. The plan's products, `gap`, `transport_cost`
    and implicit derivatives take full passes over these pairs, like those of a plain solution.

    Attributes
    ----------
    value : float
        An estimate of the dual value: exact at the nodes, corrected by marginals that were sampled.
    value_error : float
        |value - OT_eps| <= value_error, by two standard errors of the correction and the gain of an exact update.
    marginal_error : float
        An estimate from sampled rows, plus two standard errors.
    compression : Compression
        Sizes of the cells and numbers of nodes.
    """

    found: Expanded  # type: ignore[assignment]  # in place of an iterate
    compression: Compression = Compression.none("")

    @cached_property
    def iterate(self) -> Iterate:
        """The potentials of the points, with marginal ratios from one full pass in float32."""
        problem, solved = self.problem, self.problem.reduced
        f, g = problem.source.collapse(self._f), problem.target.collapse(self._g)
        if self.problem.is_self:
            g = f
        return Iterate(f, g, *solved.kernel("float32", self.backend).log_sums(f, g))

    @cached_property
    def marginal_error(self) -> float:
        """An estimate of the largest marginal error from sampled rows, plus two standard errors."""
        return max(sample.stated_error for sample in self.found.samples)

    @property
    def value_error(self) -> float:
        """A bound of |value - OT_eps|, by two standard errors and the gain of an exact update."""
        problem, samples = self.problem, self.found.samples
        spread = math.sqrt(sum(variance(sample.excess, sample.shares) for sample in samples)) / 2
        error = problem.mass * problem.eps * (2 * spread + GAINS * max(sample.gain for sample in samples))
        return error + rounding(problem, self._transported)

    @cached_property
    def _dual(self) -> float:
        f, g = (half.integral for half in self.found.halves)
        excess = sum(float(sample.shares @ sample.excess) for sample in self.found.samples)
        return f + g - self.problem.eps / 2 * excess

    @cached_property
    def _f(self) -> Floats:
        return self.found.halves[0].mended.f

    @cached_property
    def _g(self) -> Floats:
        return self.found.halves[1].mended.f

    @property
    def T(self) -> CompressedSolution:
        """The solution of the transposed problem."""
        transposed = self._with(problem=self.problem.T, found=self.found.T)
        assert isinstance(transposed, CompressedSolution)
        return transposed

    @property
    def message(self) -> str:
        """The status, the error reached and, after a failure, the cure."""
        return f"{super().message}; {self.compression.reason}"

    def potential(self, x_new: ArrayLike) -> Floats:
        """f at new points, by a softmin over the nodes of the target: a pass over q x nodes pairs."""
        f = self.found.on_nodes.potential(self._new(x_new))
        return self.problem.home.send(f - self.problem.mass_shift)

    def map(self, x_new: ArrayLike | None = None) -> Floats:
        """The barycentric map, like `Solution.map`; new points take two passes over q x nodes pairs."""
        images = self.found.halves[0].mended.map if x_new is None else self.found.on_nodes.map(self._new(x_new))
        return self.problem.home.send(images)

    @property
    def _gradient(self) -> Gradient:
        source, target, mass = self.problem.source, self.problem.target, self.problem.mass
        on_x, on_y = (half.mended.map for half in self.found.halves)
        return Gradient(pull(source, mass, on_x), pull(target, mass, on_y), self._f, self._g)


def rounding(problem: Problem, value: float) -> float:
    """The error of a value by the rounding of sums over nodes."""
    return ROUNDING[0] * problem.mass * problem.eps + ROUNDING[1] * abs(value)


def solutions(problem: Problem, solver: Sinkhorn, compressed: Compressed) -> list[CompressedSolution]:
    """The solutions of a problem and, for a divergence, of the two self problems."""
    sides = (problem.source, problem.target) * 2
    partners = [1, 0, 2, 3]
    halves = [
        Half(sides[k], compressed.parts[k % 2].cells, expansion, compressed.potentials[partners[k]])
        for k, expansion in enumerate(compressed.expansions)
    ]
    problems = [problem, problem.on_source(), problem.on_target()]
    pairs = [(0, 1), (2, 2), (3, 3)]
    return [
        _solution(problems[k], solver, on_nodes, [halves[i] for i in pairs[k]], [compressed.samples[i] for i in pairs[k]],
                  compressed)
        for k, on_nodes in enumerate(compressed.solutions)
    ]


def _solution(
    problem: Problem, solver: Sinkhorn, on_nodes: Solution, halves: list[Half], samples: list[Sample], of: Compressed
) -> CompressedSolution:
    found = Expanded(on_nodes, (halves[0], halves[1]), (samples[0], samples[1]))
    error = max(sample.stated_error for sample in samples)
    status = Status.CONVERGED if error <= solver.tol else Status.COARSE
    passes = on_nodes.n_passes * on_nodes.found.n_pairs / found.n_pairs
    return CompressedSolution(
        problem, found, status, passes, on_nodes.history, "float32", solver.tol, solver.backend, of.report
    )
