"""Many Sinkhorn divergences at once."""

from collections.abc import Sequence

import numpy as np

from .backends.threads import single_threaded_blas
from .divergence import assembled
from .representation import Represented
from .solver import solve_together


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
    own = {}
    with single_threaded_blas():  # for all partitions at once: limiting it takes as long as a small one
        for problem in problems:
            if not problem.is_self:
                for of_one in (problem.on_source(), problem.on_target()):
                    own.setdefault(id(of_one.source), of_one)
    solutions = solve_together(solver, [*problems, *own.values()])
    of_self = dict(zip(own, solutions[len(problems) :], strict=True))
    return Divergences(
        assembled(xy, of_self.get(id(xy.problem.source), xy), of_self.get(id(xy.problem.target), xy))
        for xy in solutions[: len(problems)]
    )
