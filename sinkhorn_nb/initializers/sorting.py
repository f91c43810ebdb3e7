"""Start from transport without entropy, which is a sort for points on a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import validation
from ..backends.sorted_dual import dual_sort_sweep, midpoint_dual
from ..common.array_types import Floats
from ..kernels.ledger import count_pairs
from ..measures.partition import Partition
from ..problem import Problem
from .base import Initializer, Start
from .zeros import Zeros

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn


@dataclass(frozen=True)
class Sorting(Initializer):
    """The exact dual of transport without entropy on a line; if it is not unique, the midpoint.

    Where the running masses of both sides agree, the potentials on one side of this cut may move
    relative to those on the other side within an interval. Its midpoint is the limit of the
    entropic potentials as eps -> 0. A self problem starts from zero, which is this midpoint.

    Notes
    -----
    Cost: O((n + m) log(n + m)) time, O(n + m) memory, no pass over the pairs.

    References
    ----------
    Thornton & Cuturi 2023, "Rethinking Initialization of the Sinkhorn Algorithm", section 3.1,
    which finds some of the dual potentials by sweeps over all pairs (`DualSort`).

    Examples
    --------
    >>> import sinkhorn_nb as snb
    >>> solver = snb.Sinkhorn(init="sorting")
    >>> solution = snb.entropic_ot([[0.0], [1.0], [2.0]], [[2.0], [3.0]], blur=0.001, solver=solver)
    >>> solution.n_passes < 10
    True
    """

    def serves(self, problem: Problem) -> bool:
        """Tell whether the cost of points on a line is |x - y|^p / p."""
        return problem.cost.exponent is not None

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start, without a pass."""
        validation.on_a_line("init: Sorting", problem.source.points)
        exponent = problem.cost.exponent
        if problem.is_self:
            return Zeros()(problem, solver)
        source = _Line(problem.source.partition)
        target = _Line(problem.target.partition)
        f, g = midpoint_dual(
            source.points,
            source.probabilities,
            target.points,
            target.probabilities,
            exponent,
        )
        return Start(source.restore(f), target.restore(g))


@dataclass(frozen=True)
class DualSort(Initializer):
    """Sweeps f_i <- min_j (C_ij - C_jj + f_j) over the sorted points, from zero, and g the softmin
    of f.

    It serves for comparison with `Sorting`, which is exact and takes no pass. Both sides need the
    same number of points with equal weights.

    Parameters
    ----------
    n_sweeps : int, default 3
        Each sweep reads all n x n pairs once and counts as one pass; the softmin counts as another.

    References
    ----------
    Thornton & Cuturi 2023, "Rethinking Initialization of the Sinkhorn Algorithm", section 3.1
    (printed with C transposed).
    """

    n_sweeps: int = 3

    def __post_init__(self) -> None:
        validation.count("n_sweeps", self.n_sweeps)

    def serves(self, problem: Problem) -> bool:
        """Tell whether the cost of points on a line is |x - y|^p / p."""
        return problem.cost.exponent is not None

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start in n_sweeps + 1 passes; it is zero for a self problem, which the sweeps
        do not change.
        """
        validation.on_a_line("init: DualSort", problem.source.points)
        exponent = problem.cost.exponent
        for measure in (problem.source, problem.target):
            validation.uniform("init: DualSort", measure.weights, len(problem.source))
        if problem.is_self:
            return Zeros()(problem, solver)
        source = _Line(problem.source.partition)
        target = _Line(problem.target.partition)
        n = len(source.points)
        m = len(target.points)
        f: Floats = np.zeros(n)
        for _ in range(self.n_sweeps):
            f = dual_sort_sweep(source.points, target.points, f, exponent)
        count_pairs(self.n_sweeps * n * m)

        f = source.restore(f)
        kernel = problem.kernel(problem.rough_dtype, solver.backend).T
        softmin = kernel.softmin(f)
        g = problem.dual().T.damped_rows(softmin)
        return Start(f, g)


class _Line:
    """The points of a partition in ascending order; its cuts at rounded coordinates may reverse
    close points.
    """

    def __init__(self, partition: Partition) -> None:
        coordinates = partition.points[:, 0]
        self._order = np.argsort(coordinates, kind="stable")
        self.points = coordinates[self._order]
        self.probabilities = partition.probabilities[self._order]

    def restore(self, values: Floats) -> Floats:
        out = np.empty_like(values)
        out[self._order] = values
        return out
