"""Many Sinkhorn divergences at once."""

from collections.abc import Sequence

import numpy as np

from .backends.threads import single_threaded_blas
from .debiasing import near, sharpened
from .divergence import assembled
from .outlook import Watch
from .representation import Represented
from .solver import reported, solve_together


class Divergences(Represented, Sequence):
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

    def __init__(self, divergences):
        self._divergences = tuple(divergences)

    def __len__(self):
        return len(self._divergences)

    def __getitem__(self, k):
        """The k-th `Divergence`, or those of a slice."""
        return Divergences(self._divergences[k]) if isinstance(k, slice) else self._divergences[k]

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
        """(B,) the most iterations of the three."""
        return self._each("n_iter", np.int64)

    @property
    def n_passes(self):
        """(B,) sweeps over the n x m pairs."""
        return self._each("n_passes", np.float64)

    @property
    def marginal_error(self):
        """(B,) the largest of the three."""
        return self._each("marginal_error", np.float64)

    def __array__(self, dtype=None, copy=None):
        """The values."""
        return np.array(self.value, dtype=dtype, copy=copy is None or copy)  # NumPy 1 knows no None

    def _facts(self):
        count, n_converged = len(self), sum(divergence.converged for divergence in self)
        facts = {"count": count, "converged": "all" if n_converged == count else f"{n_converged} of {count}"}
        if count == 0:
            return {"count": 0}
        least, largest = min(map(float, self)), max(map(float, self))
        worst = max(divergence.marginal_error for divergence in self)
        return facts | {"value": f"{least:.6g} to {largest:.6g}", "marginal_error": f"{worst:.2g} at most"}

    def _each(self, name, dtype):
        return np.array([getattr(divergence, name) for divergence in self._divergences], dtype=dtype)


def diverge_all(problems, solver):
    """The divergences of many problems; a measure that is in several of them is compared with itself once."""
    with single_threaded_blas():  # for all partitions at once: limiting it takes as long as a small one
        watch = Watch(solver)
        own = _self_solutions(problems, solver, watch)

        def selves(problem):
            return own[id(problem.source)], own[id(problem.target)]

        def alone(problem):
            return near(watch.over(problem), *selves(problem)).attempt(problem)

        crosses = iter(solve_together(solver, [p for p in problems if not p.is_self], watch, alone))
        solved = [(selves(p)[0] if p.is_self else next(crosses), *selves(p)) for p in problems]
        finished = [sharpened(solver, *three) for three in solved]
        reported([*own.values(), *(xy for xy, _, _ in finished)], watch)
    return Divergences(assembled(p, *three) for p, three in zip(problems, finished, strict=True))


def _self_solutions(problems, solver, watch):
    """The solution of each measure's problem with itself, by the identity of the measure."""
    selves = {id(p.source): p.on_source() for p in problems} | {id(p.target): p.on_target() for p in problems}
    return dict(zip(selves, solve_together(solver, list(selves.values()), watch), strict=True))
