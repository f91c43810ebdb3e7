"""Many Sinkhorn divergences at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, cast, overload

import numpy as np
import numpy.typing as npt

from ..common.array_types import Booleans, Floats, Indices, Numbers
from ..common.representation import Represented
from ..gradients import Gradient
from ..interop.arrays import HOST, Home
from ..measures.clouds import CloudPairs, Clouds
from ..problem import Problem
from ..results.divergence import Divergence
from ..results.outlook import Watch
from ..results.solution import Solution
from ..solver import Sinkhorn, reported
from .solved_pairs import SolvedPairs, solve_pairs

if TYPE_CHECKING:

    class Gradients(NamedTuple):
        """A `Gradient` whose parts are lists with an array for each pair, or arrays with one more
        axis.
        """

        x: list[Floats] | Floats
        y: list[Floats] | Floats
        a: list[Floats] | Floats
        b: list[Floats] | Floats


class Divergences(Represented, Sequence[Divergence]):
    """S_eps of many pairs of measures: an array for each attribute of a `Divergence`, and the
    divergences themselves.

    Attributes
    ----------
    value : (B,) float64 array
    converged : (B,) bool array
    n_iter : (B,) int array
    n_passes : (B,) float64 array
        Sweeps over the n x m pairs of points of each pair.
    marginal_error : (B,) float64 array
    """

    def __init__(self, pairs: SolvedPairs, numbers: Indices, is_stacked: bool = False) -> None:
        self._pairs, self._numbers, self._is_stacked = pairs, numbers, is_stacked

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, k: int) -> Divergence: ...

    @overload
    def __getitem__(self, k: slice) -> Divergences: ...

    def __getitem__(self, k: int | slice) -> Divergence | Divergences:
        """The k-th `Divergence`, or a list of them for a slice."""
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
        """(B,) largest numbers of iterations of the three solutions."""
        return self._each("n_iter", np.int64)

    @property
    def n_passes(self) -> Floats:
        """(B,) sweeps over the n x m pairs."""
        return self._each("n_passes", np.float64)

    @property
    def marginal_error(self) -> Floats:
        """(B,) largest marginal errors of the three solutions."""
        return self._each("marginal_error", np.float64)

    def gradient(self) -> Gradients:
        """The gradients of all divergences, the same as `Divergence.gradient` of each, in a
        fraction of the time.

        Returns
        -------
        Gradient
            x, y, a, b: lists with an array for each pair, or arrays (B, n, d), (B, m, d), (B, n),
            (B, m) if the clouds were passed as arrays (B, n, d) and (B, m, d).
        """
        gradients = [self._pairs.gradient(q) for q in self._numbers.tolist()]
        parts = [list(part) for part in zip(*gradients, strict=True)] or [[], [], [], []]
        make = cast("type[Gradients]", Gradient)
        if self._is_stacked and gradients:
            return make(*map(np.stack, parts))
        return make(*parts)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Floats:
        """The values."""
        # NumPy 1 does not accept None
        return np.array(self.value, dtype=dtype, copy=copy is None or copy)

    def _facts(self) -> dict[str, object]:
        count = len(self)
        n_converged = int(self.converged.sum())
        facts = {
            "count": count,
            "converged": "all" if n_converged == count else f"{n_converged} of {count}",
        }
        if count == 0:
            return {"count": 0}
        least = self.value.min()
        largest = self.value.max()
        worst = self.marginal_error.max()
        return facts | {
            "value": f"{least:.6g} to {largest:.6g}",
            "marginal_error": f"{worst:.2g} at most",
        }

    def _each(self, name: str, dtype: npt.DTypeLike) -> Numbers:
        return self._pairs.array(name, dtype)[self._numbers]


def diverge_all(
    pairs: CloudPairs, solver: Sinkhorn, homes: list[Home], is_stacked: bool = False
) -> Divergences:
    """Solve pairs of clouds as `solve_pairs` does, with one warning for all that did not
    converge.
    """
    watch = Watch(solver)
    solved = solve_pairs(pairs, solver, watch, homes)
    _report(solved, watch, [])
    return Divergences(solved, np.arange(len(pairs.sources)), is_stacked)


def diverge(problem: Problem, solver: Sinkhorn, home: Home = HOST) -> Divergence:
    """The divergence of a problem's measures."""
    clouds = Clouds.of_measures([problem.source, problem.target])
    source, target = np.arange(2)[:, None]
    pair = CloudPairs(clouds, source, target, problem.terms)
    return diverge_alone(pair, solver, home)


def diverge_alone(
    pair: CloudPairs, solver: Sinkhorn, home: Home, selves: dict[int, Solution] | None = None
) -> Divergence:
    """The divergence of a single pair of clouds; known self solutions are used unchanged."""
    watch = Watch(solver)
    selves = selves or {}
    solved = solve_pairs(pair, solver, watch, [home], selves)
    _report(solved, watch, list(selves.values()))
    return solved.divergence(0)


def _report(pairs: SolvedPairs, watch: Watch, given: list[Solution]) -> None:
    """Warn once, about the worst divergence, if any did not converge."""
    converged = pairs.array("converged", np.bool_)
    if not converged.all():
        errors = np.where(converged, -1.0, pairs.array("marginal_error", np.float64))
        worst = pairs.divergence(int(np.argmax(errors)))
        own = [solution for solution in worst._solutions if solution not in given]
        reported(own, watch)
