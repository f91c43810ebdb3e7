"""Many Sinkhorn divergences at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, cast, overload

import numpy as np
import numpy.typing as npt

from .array_types import Booleans, Floats, Indices, Numbers
from .backends.home import HOST, Home
from .caching import cached_property
from .clouds import Clouds
from .debiasing import FAR_BELOW, difference, solve_debiased, unchanged
from .divergence import Divergence, assembled
from .gradients import Gradient
from .initializers import Resumed
from .outlook import Watch
from .problem import Problem
from .representation import Represented
from .solution import Solution
from .solver import MOST_ROWS, Sinkhorn, carried, reported, solve_small, suits
from .solver.small_gradients import FlatGradients
from .solver.small_solutions import SmallSolutions

if TYPE_CHECKING:

    class Gradients(NamedTuple):
        """A `Gradient` whose parts are lists with an array for each pair, or arrays with one more axis."""

        x: list[Floats] | Floats
        y: list[Floats] | Floats
        a: list[Floats] | Floats
        b: list[Floats] | Floats


class Divergences(Represented, Sequence[Divergence]):
    """S_eps of many pairs of measures: arrays of what each `Divergence` has, and the divergences themselves.

    Attributes
    ----------
    value : (B,) float64 array
    converged : (B,) bool array
    n_iter : (B,) int array
    n_passes : (B,) float64 array
        Sweeps over the n x m pairs of each.
    marginal_error : (B,) float64 array
    """

    def __init__(self, pairs: Pairs, numbers: Indices, is_stacked: bool = False) -> None:
        self._pairs, self._numbers, self._is_stacked = pairs, numbers, is_stacked

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, k: int) -> Divergence: ...

    @overload
    def __getitem__(self, k: slice) -> Divergences: ...

    def __getitem__(self, k: int | slice) -> Divergence | Divergences:
        """The k-th `Divergence`, or those of a slice."""
        numbers = self._numbers[k]
        if isinstance(k, slice):
            return Divergences(self._pairs, numbers, self._is_stacked)
        return self._pairs.divergence(int(numbers))

    @property
    def value(self) -> Floats:
        """(B,) S_eps of each pair."""
        return self._each("value", np.float64)

    @property
    def converged(self) -> Booleans:
        """(B,) whether all three solutions of a pair are within tol."""
        return self._each("converged", np.bool_)

    @property
    def n_iter(self) -> npt.NDArray[np.int64]:
        """(B,) the most iterations of the three."""
        return self._each("n_iter", np.int64)

    @property
    def n_passes(self) -> Floats:
        """(B,) sweeps over the n x m pairs."""
        return self._each("n_passes", np.float64)

    @property
    def marginal_error(self) -> Floats:
        """(B,) the largest of the three."""
        return self._each("marginal_error", np.float64)

    def gradient(self) -> Gradients:
        """The gradients of all divergences, as `Divergence.gradient` of each, in a fraction of the time.

        Returns
        -------
        Gradient
            x, y, a, b: lists with an array for each pair, or arrays (B, n, d), (B, m, d), (B, n), (B, m) where the
            clouds came as arrays (B, n, d) and (B, m, d).
        """
        gradients = [self._pairs.gradient(q) for q in self._numbers.tolist()]
        parts = [list(part) for part in zip(*gradients, strict=True)] or [[], [], [], []]
        make = cast("type[Gradients]", Gradient)
        return make(*map(np.stack, parts)) if self._is_stacked and gradients else make(*parts)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Floats:
        """The values."""
        return np.array(self.value, dtype=dtype, copy=copy is None or copy)  # NumPy 1 knows no None

    def _facts(self) -> dict[str, object]:
        count, n_converged = len(self), int(self.converged.sum())
        facts = {"count": count, "converged": "all" if n_converged == count else f"{n_converged} of {count}"}
        if count == 0:
            return {"count": 0}
        least, largest, worst = self.value.min(), self.value.max(), self.marginal_error.max()
        return facts | {"value": f"{least:.6g} to {largest:.6g}", "marginal_error": f"{worst:.2g} at most"}

    def _each(self, name: str, dtype: npt.DTypeLike) -> Numbers:
        return self._pairs.array(name, dtype)[self._numbers]


class Pairs:
    """The divergences of pairs of clouds, each made when it is asked for.

    Parameters
    ----------
    small : SmallSolutions or None
    others : dict
        Divergences by the numbers of the pairs that the small solutions do not cover.
    homes : list of Home
        Where the arrays of each divergence go.
    """

    def __init__(self, small: SmallSolutions | None, others: dict[int, Divergence], homes: list[Home]) -> None:
        self._small, self._divergences, self._homes = small, others, homes
        self._others = list(others)

    def divergence(self, q: int) -> Divergence:
        """The divergence of a pair."""
        if q not in self._divergences and self._small is not None:
            problem, home = self._small.problem(q), self._homes[q]
            problem = problem if home == HOST else replace(problem, home=home)
            self._divergences[q] = assembled(problem, *self._small.solutions(q))
        return self._divergences[q]

    def gradient(self, q: int) -> Gradient:
        """The gradient of a divergence."""
        small = self._small
        if q in self._divergences or self._homes[q] != HOST or small is None or not small.has_flat_gradient(q):
            return self.divergence(q).gradient()
        flat = self._flat_gradients
        of_x, of_y = slice(*flat.x_ends[q : q + 2]), slice(*flat.y_ends[q : q + 2])
        return Gradient(flat.x[of_x], flat.y[of_y], flat.a[of_x], flat.b[of_y])

    @cached_property
    def _flat_gradients(self) -> FlatGradients:
        assert self._small is not None
        return self._small.gradients()

    def array(self, name: str, dtype: npt.DTypeLike) -> Numbers:
        """An attribute of all divergences."""
        array = np.empty(len(self._homes), dtype=dtype)
        if self._small is not None:
            array[:] = getattr(self._small, name)
        for q in self._others:
            array[q] = getattr(self._divergences[q], name)
        return array


def diverge_all(
    clouds: Clouds,
    sources: Indices,
    targets: Indices,
    eps: float,
    solver: Sinkhorn,
    homes: list[Home],
    selves: dict[int, Solution] | None = None,
    is_stacked: bool = False,
) -> Divergences:
    """The divergences of pairs of clouds, as `solve_pairs`, with one warning for all that did not converge."""
    watch = Watch(solver)
    pairs = solve_pairs(clouds, sources, targets, eps, solver, watch, homes, selves)
    _report(pairs, watch, list((selves or {}).values()))
    return Divergences(pairs, np.arange(len(sources)), is_stacked)


def solve_pairs(
    clouds: Clouds,
    sources: Indices,
    targets: Indices,
    eps: float,
    solver: Sinkhorn,
    watch: Watch,
    homes: list[Home],
    selves: dict[int, Solution] | None = None,
) -> Pairs:
    """The divergences of pairs of clouds; a cloud that is in several of them is compared with itself once.

    Parameters
    ----------
    clouds : Clouds
    sources, targets : (B,) int arrays
        Numbers of the clouds of each pair.
    eps : float
    solver : Sinkhorn
    watch : Watch
    homes : list of Home
        Where the arrays of each result go.
    selves : dict, optional
        Self solutions that are known already by the numbers of their clouds; they are used as they are.

    Returns
    -------
    Pairs
    """
    own, others = dict(selves or {}), {}
    small = None
    if (clouds.sizes[sources] * clouds.sizes[targets]).min() <= MOST_ROWS:
        small = _solve_small(clouds, sources, targets, eps, solver, selves)

    def of_itself(k: int) -> Solution:
        if k not in own:
            known, measure = None if small is None else small.solved_self(k), clouds.measure(k)
            problem = Problem(measure, measure, eps)
            own[k] = known or unchanged(solver, problem) or solver.attempt(problem)
        return own[k]

    for q in range(len(sources)) if small is None else np.flatnonzero(~small.are_solved).tolist():
        i, j = int(sources[q]), int(targets[q])
        problem = Problem(clouds.measure(i), clouds.measure(j), eps, homes[q])
        xy, xx, yy = solve_debiased(problem, solver, watch, of_itself(i), of_itself(j))
        if small is not None and xy is not xx:
            xy = xy._with(solve_passes=xy.solve_passes + small.passes_spent(q))
        others[q] = assembled(problem, xy, xx, yy)
    return Pairs(small, others, homes)


def _solve_small(
    clouds: Clouds, sources: Indices, targets: Indices, eps: float, solver: Sinkhorn, selves: dict[int, Solution] | None
) -> SmallSolutions | None:
    """The small ones, a single one from an earlier divergence that it resembles; None if the solver does not suit."""
    earlier, starts = solver._start, None
    if isinstance(earlier, Resumed) and len(sources) == 1:
        numbers = sources[0], targets[0]
        starts = carried(earlier, *map(clouds.measure, numbers))
        found = {k: unchanged(solver, Problem(clouds.measure(k), clouds.measure(k), eps)) for k in numbers}
        selves = {k: own for k, own in found.items() if own is not None} | (selves or {})
    if not suits(solver, starts):
        return None
    small = solve_small(clouds, sources, targets, eps, solver, selves, starts)
    # Far below, what the start has left at small masses, which the errors do not show, may be too much.
    if (
        starts is not None
        and isinstance(earlier, Resumed)
        and small.value[0] < difference(earlier.xy, earlier.xx, earlier.yy) / FAR_BELOW
    ):
        small = solve_small(clouds, sources, targets, eps, solver, selves)
    return small


def diverge(problem: Problem, solver: Sinkhorn) -> Divergence:
    """The divergence of a problem's measures."""
    clouds, numbers = Clouds.of_measures([problem.source, problem.target]), np.arange(2)
    return diverge_all(clouds, numbers[:1], numbers[1:], problem.eps, solver, [problem.home])[0]


def _report(pairs: Pairs, watch: Watch, given: list[Solution]) -> None:
    """Warn once if a divergence did not converge, about the worst."""
    converged = pairs.array("converged", np.bool_)
    if not converged.all():
        errors = np.where(converged, -1.0, pairs.array("marginal_error", np.float64))
        worst = pairs.divergence(int(np.argmax(errors)))
        reported([solution for solution in worst._solutions if solution not in given], watch)
