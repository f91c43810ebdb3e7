"""Many Sinkhorn divergences at once."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .backends.home import HOST
from .caching import cached_property
from .clouds import Clouds
from .debiasing import FAR_BELOW, difference, solve_debiased, unchanged
from .divergence import assembled
from .gradients import Gradient
from .initializers import Resumed
from .outlook import Watch
from .problem import Problem
from .representation import Represented
from .solver import any_small, carried, reported, solve_small, suits


class Divergences(Represented, Sequence):
    """S_eps of many pairs of measures: an array for each attribute of a `Divergence`, and the divergences themselves.

    Attributes
    ----------
    value : (B,) float64 array
    converged : (B,) bool array
    n_iter : (B,) int array
    n_passes : (B,) float64 array
        Sweeps over the n x m pairs of points of each pair.
    marginal_error : (B,) float64 array
    """

    def __init__(self, pairs, numbers, is_stacked=False):
        self._pairs, self._numbers, self._is_stacked = pairs, numbers, is_stacked

    def __len__(self):
        return len(self._numbers)

    def __getitem__(self, k):
        """The k-th `Divergence`, or a list of them for a slice."""
        numbers = self._numbers[k]
        if isinstance(k, slice):
            return Divergences(self._pairs, numbers, self._is_stacked)
        return self._pairs.divergence(int(numbers))

    @property
    def value(self):
        """(B,) S_eps of each pair."""
        return self._each("value", np.float64)

    @property
    def converged(self):
        """(B,) whether all three solutions of a pair are within tol."""
        return self._each("converged", np.bool_)

    @property
    def n_iter(self):
        """(B,) largest numbers of iterations of the three solutions."""
        return self._each("n_iter", np.int64)

    @property
    def n_passes(self):
        """(B,) sweeps over the n x m pairs."""
        return self._each("n_passes", np.float64)

    @property
    def marginal_error(self):
        """(B,) largest marginal errors of the three solutions."""
        return self._each("marginal_error", np.float64)

    def gradient(self):
        """The gradients of all divergences, the same as `Divergence.gradient` of each, in a fraction of the time.

        Returns
        -------
        Gradient
            x, y, a, b: lists with an array for each pair, or arrays (B, n, d), (B, m, d), (B, n), (B, m) if the clouds
            were passed as arrays (B, n, d) and (B, m, d).
        """
        parts = zip(*[self._pairs.gradient(q) for q in self._numbers.tolist()], strict=True)
        gradient = Gradient(*(list(part) for part in parts) if len(self) else ([], [], [], []))
        return Gradient(*map(np.stack, gradient)) if self._is_stacked and len(self) else gradient

    def __array__(self, dtype=None, copy=None):
        """The values."""
        return np.array(self.value, dtype=dtype, copy=copy is None or copy)  # NumPy 1 does not accept None

    def _facts(self):
        count, n_converged = len(self), int(self.converged.sum())
        facts = {"count": count, "converged": "all" if n_converged == count else f"{n_converged} of {count}"}
        if count == 0:
            return {"count": 0}
        least, largest, worst = self.value.min(), self.value.max(), self.marginal_error.max()
        return facts | {"value": f"{least:.6g} to {largest:.6g}", "marginal_error": f"{worst:.2g} at most"}

    def _each(self, name, dtype):
        return self._pairs.array(name, dtype)[self._numbers]


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

    def __init__(self, small, others, homes):
        self._small, self._divergences, self._homes = small, others, homes
        self._others = list(others)

    def divergence(self, q):
        """The divergence of a pair."""
        if q not in self._divergences:
            problem, home = self._small.problem(q), self._homes[q]
            problem = problem if home == HOST else replace(problem, home=home)
            self._divergences[q] = assembled(problem, *self._small.solutions(q))
        return self._divergences[q]

    def gradient(self, q):
        """The gradient of a divergence."""
        small = self._small
        if q in self._divergences or self._homes[q] != HOST or not small.has_flat_gradient(q):
            return self.divergence(q).gradient()
        flat = self._flat_gradients
        of_x, of_y = slice(*flat.x_ends[q : q + 2]), slice(*flat.y_ends[q : q + 2])
        return Gradient(flat.x[of_x], flat.y[of_y], flat.a[of_x], flat.b[of_y])

    @cached_property
    def _flat_gradients(self):
        return self._small.gradients()

    def array(self, name, dtype):
        """Return one attribute of all divergences as an array."""
        array = np.empty(len(self._homes), dtype=dtype)
        if self._small is not None:
            array[:] = getattr(self._small, name)
        for q in self._others:
            array[q] = getattr(self._divergences[q], name)
        return array


def diverge_all(clouds, sources, targets, eps, solver, homes, is_stacked=False):
    """Solve pairs of clouds as `solve_pairs` does, with one warning for all that did not converge."""
    watch = Watch(solver)
    pairs = solve_pairs(clouds, sources, targets, eps, solver, watch, homes)
    _report(pairs, watch, [])
    return Divergences(pairs, np.arange(len(sources)), is_stacked)


def solve_pairs(clouds, sources, targets, eps, solver, watch, homes, selves=None, is_alone=False):
    """Solve the divergences of pairs of clouds; a cloud that is in several pairs is compared with itself once.

    Parameters
    ----------
    clouds : Clouds
    sources, targets : (B,) int arrays
        Numbers of the clouds of each pair.
    eps : float
    solver : Sinkhorn
    watch : Watch
    homes : list of Home
        Homes of the arrays of each result.
    selves : dict, optional
        Known self solutions by the numbers of their clouds; they are used unchanged.
    is_alone : bool
        Whether this is no batch.

    Returns
    -------
    SolvedPairs
    """
    own, others = dict(selves or {}), {}
    small = None
    if any_small(clouds, sources, targets, is_alone):
        small = _solve_small(clouds, sources, targets, eps, solver, is_alone, selves)

    def of_itself(k):
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
    return SolvedPairs(small, others, homes)


def _solve_small(clouds, sources, targets, eps, solver, is_alone, selves):
    """Solve the small pairs; a single pair may start from a similar divergence. None if the solver is not suitable."""
    earlier, starts = solver._start, None
    if isinstance(earlier, Resumed) and len(sources) == 1:
        numbers = sources[0], targets[0]
        starts = carried(earlier, clouds, numbers)
        found = {k: unchanged(solver, Problem(clouds.measure(k), clouds.measure(k), eps)) for k in numbers}
        selves = {k: own for k, own in found.items() if own is not None} | (selves or {})
    if not suits(solver, starts):
        return None
    small = solve_small(clouds, sources, targets, eps, solver, is_alone, selves, starts)
    # Far below the earlier divergence, its errors at small masses, which no bound shows, may be too large.
    if starts is not None and small.value[0] < difference(earlier.xy, earlier.xx, earlier.yy) / FAR_BELOW:
        small = solve_small(clouds, sources, targets, eps, solver, is_alone, selves)
    return small


def diverge(problem, solver):
    """The divergence of a problem's measures."""
    clouds = Clouds.of_measures([problem.source, problem.target])
    return diverge_alone(clouds, np.arange(2), problem.eps, solver, problem.home)


def diverge_alone(clouds, numbers, eps, solver, home, selves=None):
    """The divergence between the clouds with two numbers; known self solutions are used unchanged."""
    watch, selves = Watch(solver), selves or {}
    pair = numbers[:1], numbers[1:]
    solved = solve_pairs(clouds, *pair, eps, solver, watch, [home], selves, is_alone=True)
    _report(solved, watch, list(selves.values()))
    return solved.divergence(0)


def _report(pairs, watch, given):
    """Warn once, about the worst divergence, if any did not converge."""
    converged = pairs.array("converged", np.bool_)
    if not converged.all():
        errors = np.where(converged, -1.0, pairs.array("marginal_error", np.float64))
        worst = pairs.divergence(int(np.argmax(errors)))
        reported([solution for solution in worst._solutions if solution not in given], watch)
