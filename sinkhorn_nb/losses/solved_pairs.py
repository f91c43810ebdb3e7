"""The divergences of pairs of clouds: solved together, and made into objects at their first use."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from ..common.array_types import Numbers
from ..common.caching import cached_property
from ..compression.choice import compressed_divergence, require_all_points
from ..compression.solution import CompressedSolution
from ..gradients import Gradient
from ..initializers import Resumed
from ..interop.arrays import Home
from ..measures.clouds import CloudPairs
from ..problem import Problem
from ..results.compression import LEAST_POINTS, SMALL, Compression
from ..results.divergence import Divergence, assembled
from ..results.outlook import Watch
from ..results.solution import Solution
from ..solver import Sinkhorn, any_small, carried, solve_small, suits
from ..solver.small_gradients import FlatGradients
from ..solver.small_solutions import SmallSolutions
from .debiasing import is_far_below_the_start, solve_debiased, unchanged
from .small_divergence import SmallDivergence


class SolvedPairs:
    """The divergences of pairs of clouds, each made at its first use.

    Parameters
    ----------
    small : SmallSolutions or None
    others : dict
        Divergences by the numbers of the pairs that the small solutions do not cover.
    homes : list of Home
        Homes of the arrays of each divergence.
    """

    def __init__(
        self, small: SmallSolutions | None, others: dict[int, Divergence], homes: list[Home]
    ) -> None:
        self._small, self._others, self._homes = small, others, homes
        # Weak, because each of these knows this object: a cycle would keep both in memory
        self._made: WeakValueDictionary[int, SmallDivergence] = WeakValueDictionary()

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy elsewhere makes its divergences anew."""
        return SolvedPairs, (self._small, self._others, self._homes)

    def divergence(self, q: int) -> Divergence:
        """The divergence of a pair."""
        if q in self._others:
            return self._others[q]
        made = self._made.get(q)
        if made is None:
            made = SmallDivergence.at(self, q, self._homes[q])
            self._made[q] = made
        return made

    def assembled(self, q: int, home: Home) -> Divergence:
        """The divergence of a small pair, made of its solutions."""
        assert self._small is not None
        problem = self._small.problem(q)
        return assembled(problem, *self._small.solutions(q), home)

    def gradient(self, q: int, home: Home | None = None) -> Gradient:
        """The gradient of a divergence, as arrays of the points' home or of another."""
        home = home or self._homes[q]
        small = self._small
        if small is None or q in self._others:
            return self._others[q].gradient()
        if not small.has_flat_gradient(q):
            return self.assembled(q, home).gradient()
        flat = self._flat_gradients
        of_x = slice(*flat.x_ends[q : q + 2])
        of_y = slice(*flat.y_ends[q : q + 2])
        on_points = flat.x[of_x], flat.y[of_y]
        on_weights = flat.a[of_x], flat.b[of_y]
        return Gradient(*on_points, *on_weights).sent(home)

    def number(self, name: str, q: int) -> Any:
        """An attribute of the divergence of a small pair."""
        return getattr(self._small, name)[q]

    @cached_property
    def _flat_gradients(self) -> FlatGradients:
        assert self._small is not None
        return self._small.gradients()

    def array(self, name: str, dtype: npt.DTypeLike) -> Numbers:
        """Return one attribute of all divergences as an array."""
        array = np.empty(len(self._homes), dtype=dtype)
        if self._small is not None:
            array[:] = getattr(self._small, name)
        for q, divergence in self._others.items():
            array[q] = getattr(divergence, name)
        return array


def solve_pairs(
    pairs: CloudPairs,
    solver: Sinkhorn,
    watch: Watch,
    homes: list[Home],
    selves: dict[int, Solution] | None = None,
) -> SolvedPairs:
    """Solve the divergences of pairs of clouds; a cloud that is in several pairs is compared with
    itself once.

    Parameters
    ----------
    pairs : CloudPairs
    solver : Sinkhorn
    watch : Watch
    homes : list of Home
        Homes of the arrays of each result.
    selves : dict, optional
        Known self solutions by the numbers of their clouds; they are used unchanged.

    Returns
    -------
    SolvedPairs
    """
    own = dict(selves or {})
    others, reports = _compressed(pairs, solver, homes, own)
    left = list(range(len(pairs.sources)))
    if len(others) == len(left):
        return SolvedPairs(None, others, homes)
    is_warm = isinstance(solver._start, Resumed)
    small = _solve_small(pairs, solver, selves) if any_small(pairs, is_warm) else None
    if small is not None:
        left = np.flatnonzero(~small.are_solved).tolist()

    def of_itself(k: int) -> Solution:
        if k not in own:
            known = None if small is None else small.solved_self(k)
            problem = _self_problem(pairs, k)
            own[k] = known or unchanged(solver, problem) or solver.attempt(problem)
        return own[k]

    for q in left:
        if q in others:
            continue
        problem = _cross_problem(pairs, q)
        xx = of_itself(int(pairs.sources[q]))
        yy = of_itself(int(pairs.targets[q]))
        xy, xx, yy = solve_debiased(problem, solver, watch, xx, yy)
        if xy is not xx:
            spent = 0.0 if small is None else small.passes_spent(q)
            passes = xy.solve_passes + spent
            xy = xy._with(solve_passes=passes, compression=reports[q])
        others[q] = assembled(problem, xy, xx, yy, homes[q])
    return SolvedPairs(small, others, homes)


def _cross_problem(pairs: CloudPairs, q: int) -> Problem:
    """The problem between the two clouds of a pair."""
    source = pairs.clouds.measure(int(pairs.sources[q]))
    target = pairs.clouds.measure(int(pairs.targets[q]))
    return Problem(source, target, *pairs.terms)


def _self_problem(pairs: CloudPairs, k: int) -> Problem:
    """The problem of a cloud with itself."""
    measure = pairs.clouds.measure(k)
    return Problem(measure, measure, *pairs.terms)


def _compressed(
    pairs: CloudPairs, solver: Sinkhorn, homes: list[Home], selves: dict[int, Solution]
) -> tuple[dict[int, Divergence], dict[int, Compression]]:
    """The divergences of large pairs that were solved between nodes, and reports of all others."""
    clouds = pairs.clouds
    others: dict[int, Divergence] = {}
    reports: dict[int, Compression] = {}
    is_free = all(isinstance(known, CompressedSolution) for known in selves.values())
    numbers = zip(pairs.sources.tolist(), pairs.targets.tolist(), strict=True)
    for q, (i, j) in enumerate(numbers):
        is_small = clouds.sizes[i] + clouds.sizes[j] <= LEAST_POINTS
        are_streams = clouds.is_stream(i) or clouds.is_stream(j)
        if is_small and not are_streams and solver.compression == "auto":
            reports[q] = SMALL
        elif not is_free:
            reports[q] = Compression.none("a self solution of a plain solve was given")
            if are_streams:
                require_all_points(_cross_problem(pairs, q), reports[q].reason)
        else:
            problem = _cross_problem(pairs, q)
            divergence, reports[q] = compressed_divergence(problem, solver, homes[q])
            if divergence is not None:
                others[q] = divergence
    return others, reports


def _solve_small(
    pairs: CloudPairs, solver: Sinkhorn, selves: dict[int, Solution] | None
) -> SmallSolutions | None:
    """Solve the small pairs; a single pair may start from a similar divergence. None if the solver
    is not suitable.
    """
    clouds, sources, targets, terms = pairs
    earlier = solver._start
    starts = None
    if isinstance(earlier, Resumed) and len(sources) == 1:
        numbers = sources[0], targets[0]
        starts = carried(earlier, clouds, numbers)
        found = {k: unchanged(solver, _self_problem(pairs, k)) for k in numbers}
        selves = {k: own for k, own in found.items() if own is not None} | (selves or {})
    if not suits(solver, terms, starts):
        return None
    is_warm = isinstance(earlier, Resumed)
    small = solve_small(pairs, solver, is_warm, selves, starts)
    if starts is not None and is_far_below_the_start(solver, small.value[0]):
        small = solve_small(pairs, solver, is_warm, selves)
    return small
