"""The solution of a compressed problem: potentials and maps at all points, made when they are first
used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..common.array_types import ArrayLike, Floats
from ..common.caching import cached_property, know
from ..dual import Iterate
from ..gradients import Gradient, Sides, pull
from ..problem import Problem
from ..results.compression import Compression
from ..results.solution import Solution
from ..results.status import Status
from .check import DEVIATIONS, HIDDEN, Sample, variance
from .compressed import Compressed
from .direct import DirectHalf
from .halves import Half
from .potentials import PAIRS, Extended

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn

ROUNDING = 1e-6, 1e-9  # of sums in float32, as shares of eps and of the value
# The error of a dual value is at most this factor times the gain of an exact update: the errors of
# potentials are within cells, and need no masses to be exchanged between far ones.
GAINS = 2.0
# Merging points changes values by the square of the cell's side at least
MERGING = 2
SIDES = (0, 1), (2, 2), (3, 3)  # the potentials of the problem and of the self problems


AnyHalf = Half | DirectHalf


class Expanded(NamedTuple):
    """The potentials of a problem as expansions in cells, in place of an `Iterate`."""

    on_nodes: Solution
    halves: tuple[AnyHalf, AnyHalf]
    samples: tuple[Sample, Sample]

    @property
    def n_pairs(self) -> int:
        """Number of pairs of points."""
        of_source, of_target = (len(half.measure) for half in self.halves)
        return of_source * of_target

    def hidden(self, change: float) -> float:
        """The error that the cells of a stream hide, if nodes of wider cells change a value by
        this.
        """
        return hidden(max(half.coarseness for half in self.halves), change)

    @property
    def T(self) -> Expanded:
        """The potentials of the transposed problem."""
        return Expanded(self.on_nodes.T, self.halves[::-1], self.samples[::-1])


@dataclass(frozen=True, eq=False, repr=False)
class CompressedSolution(Solution):
    """A `Solution` that was found between nodes, and extended to all points.

    Potentials, maps and gradients need no pass over the pairs of points. The plan's products,
    `gap`, `transport_cost` and implicit derivatives take full passes over these pairs, like those
    of a plain solution.

    Attributes
    ----------
    value : float
        An estimate of the dual value: exact at the nodes, corrected by marginals that were sampled.
    value_error : float
        |value - OT_eps| <= value_error, by three standard errors of the correction and the gain of
        an exact update.
    marginal_error : float
        An estimate from sampled rows, plus three standard errors.
    compression : Compression
        Sizes of the cells and numbers of nodes.
    """

    found: Expanded  # type: ignore[assignment]  # in place of an iterate

    @cached_property
    def iterate(self) -> Iterate:
        """The potentials of the points, with marginal ratios from one full pass in float32."""
        problem = self.problem
        require_rows(problem)
        f = problem.source.collapse(self._f)
        g = f if problem.is_self else problem.target.collapse(self._g)
        kernel = problem.reduced.kernel("float32", self.backend)
        return Iterate(f, g, *kernel.log_sums(f, g))

    @cached_property
    def marginal_error(self) -> float:
        """The largest marginal error, estimated from sampled rows, plus three standard errors."""
        return max(sample.stated_error for sample in self.found.samples)

    @property
    def value_error(self) -> float:
        """A bound of |value - OT_eps|, by three standard errors and the gain of an exact update."""
        problem = self.problem
        samples = self.found.samples
        variances = [variance(sample.excess, sample.shares) for sample in samples]
        # Rows of a self problem are the same on both sides: their errors add up
        deviation = sum(map(math.sqrt, variances)) / 2
        gain = max(sample.gain for sample in samples)
        error = DEVIATIONS * deviation + GAINS * gain + HIDDEN * abs(self._correction)
        error = problem.mass * problem.eps * error
        error += rounding(problem, self._transported)

        change = self._transported - problem.mass * self.found.on_nodes._dual
        return error + self.found.hidden(change)

    @property
    def _correction(self) -> float:
        """The mean of the excess on both sides, which is what the dual value loses, in units of
        eps.
        """
        samples = self.found.samples
        return sum(float(sample.shares @ sample.excess) for sample in samples) / 2

    @cached_property
    def _dual(self) -> float:
        f, g = (half.integral for half in self.found.halves)
        return f + g - self.problem.eps * self._correction

    @cached_property
    def _f(self) -> Floats:
        return self.found.halves[0].mended.f

    @cached_property
    def _g(self) -> Floats:
        return self.found.halves[1].mended.f

    @property
    def T(self) -> CompressedSolution:
        """The solution of the transposed problem."""
        problem = know(self.problem.T, is_self=self.problem.is_self)
        transposed = self._with(problem=problem, found=self.found.T)
        assert isinstance(transposed, CompressedSolution)
        return transposed

    @property
    def message(self) -> str:
        """The status, the error reached and, after a failure, the cure."""
        return f"{super().message}; {self.compression.reason}"

    def _facts(self) -> dict[str, object]:
        return with_value_error(super()._facts(), self.value_error)

    @property
    def gap(self) -> float:
        """A certified bound, like `Solution.gap`, of the error between all points."""
        require_rows(self.problem)
        return super().gap

    @cached_property
    def _potentials(self) -> tuple[Floats, Floats]:
        require_rows(self.problem)
        return super()._potentials

    def potential(self, x_new: ArrayLike) -> Floats:
        """f at new points: by the expansion of their cell, and far from the data, or where the map
        jumps, by a softmin over the nodes of the target.
        """
        f = self._at_new(x_new).f
        return self.home.send(f - self.problem.scaling.of_f)

    def map(self, x_new: ArrayLike | None = None) -> Floats:
        """The barycentric map, like `Solution.map`, without passes over pairs of points."""
        if x_new is None:
            require_rows(self.problem)
            return self.home.send(self.found.halves[0].mended.map)
        return self.home.send(self._at_new(x_new).map)

    def _at_new(self, x_new: ArrayLike) -> Extended:
        half = self.found.halves[0]
        return half.at_new(self._new(x_new), self.found.on_nodes)

    def _pulled(self, sides: Sides) -> Gradient:
        require_rows(self.problem)
        problem, scaling = self.problem, self.problem.scaling
        on_x, on_y = (half.slopes for half in self.found.halves)
        on_points = (
            pull(problem.source, scaling.mass, on_x),
            pull(problem.target, scaling.mass, on_y),
        )
        if problem.marginals.are_exact:
            return Gradient(*on_points, self._f, self._g)
        potentials = self._f - scaling.of_f, self._g - scaling.of_g
        return Gradient(*on_points, *problem.marginals.weight_gradients(*potentials, problem.eps))


def require_rows(problem: Problem) -> None:
    """Refuse results for all points of a stream, whose points are not kept."""
    if problem.resolution:
        raise ValueError(
            "chunk: expected points in memory for results of all rows, got a measure that was "
            "read from chunks; pass one chunk after another to map(chunk), potential(chunk), and "
            "slopes(chunk) of a divergence, or pass measure.points and measure.weights for "
            "results at the nodes"
        )


def hidden(coarseness: float, change: float) -> float:
    """The error of a value that the cells of a stream hide, of this share of the width of the cells
    that have nodes, if these nodes change the value by this.
    """
    return coarseness**MERGING * abs(change)


def with_value_error(facts: dict[str, object], error: float) -> dict[str, object]:
    """The facts of a result, with the error of its value after the value."""
    return {"value": facts["value"], "value_error": f"{error:.2g}"} | facts


def rounding(problem: Problem, value: float) -> float:
    """The error of a value by the rounding of sums over nodes, and of the weights of a stream."""
    sides = problem.source.traits, problem.target.traits
    of_mass = max(traits.mass_rounding if traits.resolution else 0.0 for traits in sides)
    of_eps, of_value = ROUNDING
    return of_eps * problem.mass * problem.eps + (of_value + of_mass) * abs(value)


def solutions(compressed: Compressed, solver: Sinkhorn) -> list[CompressedSolution]:
    """The solutions of a problem and, for a divergence, of the two self problems."""
    problem = compressed.problem
    halves = compressed.halves
    problems = problem, problem.on_source(), problem.on_target()
    samples = compressed.samples
    found = [
        Expanded(on_nodes, (halves[i], halves[j]), (samples[i], samples[j]))
        for on_nodes, (i, j) in zip(compressed.solutions, SIDES, strict=False)
    ]
    return [
        _solution(problem, solver, own, compressed.report)
        for problem, own in zip(problems, found, strict=False)
    ]


def _solution(
    problem: Problem, solver: Sinkhorn, found: Expanded, report: Compression
) -> CompressedSolution:
    error = max(sample.stated_error for sample in found.samples)
    failure = Status.WIDE if problem.resolution else Status.COARSE
    status = Status.CONVERGED if error <= solver.tol else failure
    on_nodes = found.on_nodes
    settings = (PAIRS, solver.tol, solver.backend)
    passes = on_nodes.n_passes * on_nodes.found.n_pairs / found.n_pairs
    history = on_nodes.history
    return CompressedSolution(
        problem, found, status, passes, history, *settings, compression=report
    )
