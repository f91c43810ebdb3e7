"""The divergence of a small pair: its numbers come from flat arrays, and its solutions are made at
their first use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..common.caching import cached_property
from ..gradients import Gradient, Sides
from ..interop.arrays import HOST, Home
from ..results.divergence import Divergence
from ..results.solution import Solution

if TYPE_CHECKING:
    from .solved_pairs import SolvedPairs


@dataclass(frozen=True, eq=False, repr=False, init=False)
class SmallDivergence(Divergence):
    """A `Divergence` that knows its place among the pairs of one call."""

    _called = "Divergence"

    @classmethod
    def at(cls, pairs: SolvedPairs, q: int, home: Home) -> SmallDivergence:
        """The divergence of a pair, without its solutions; its arrays are made at home."""
        made = object.__new__(cls)
        vars(made)["_found_at"] = pairs, q
        vars(made)["_arrays_at"] = home
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy elsewhere is an ordinary divergence, without the other pairs."""
        return Divergence, self._solutions

    @property
    def _place(self) -> tuple[SolvedPairs, int]:
        return vars(self)["_found_at"]

    @cached_property
    def _whole(self) -> Divergence:
        pairs, q = self._place
        return pairs.assembled(q, self._home)

    @cached_property  # type: ignore[misc]  # a field
    def xy(self) -> Solution:
        """The solution between the two measures."""
        return self._whole.xy

    @cached_property  # type: ignore[misc]  # a field
    def xx(self) -> Solution:
        """The solution of the source with itself."""
        return self._whole.xx

    @cached_property  # type: ignore[misc]  # a field
    def yy(self) -> Solution:
        """The solution of the target with itself."""
        return self._whole.yy

    @cached_property
    def value(self) -> float:
        """S_eps from three dual values; its error is quadratic in the marginal errors."""
        return float(self._number("value"))

    @property
    def converged(self) -> bool:
        """Whether all three solutions are within tol."""
        return bool(self._number("converged"))

    @property
    def n_iter(self) -> int:
        """The largest number of iterations of the three solutions."""
        return int(self._number("n_iter"))

    @property
    def n_passes(self) -> float:
        """Sweeps over the n x m pairs; the sweeps of each solution count by its number of pairs."""
        if "_whole" in vars(self):  # the gaps may have been computed
            return super().n_passes
        return float(self._number("n_passes"))

    @property
    def marginal_error(self) -> float:
        """The largest marginal error of the three solutions."""
        return float(self._number("marginal_error"))

    @property
    def on_host(self) -> Divergence:
        """The divergence with NumPy arrays for all results, also if the points are on a GPU."""
        return self if self._home == HOST else SmallDivergence.at(*self._place, HOST)

    @property
    def _home(self) -> Home:
        return vars(self)["_arrays_at"]

    def _gradient_in(self, sides: Sides) -> Gradient:
        """The whole gradient, which takes one compiled call."""
        return self.gradient()

    def gradient(self) -> Gradient:
        """The gradient of S_eps; see `Divergence.gradient`."""
        pairs, q = self._place
        return pairs.gradient(q, self._home)

    def _number(self, name: str) -> Any:
        pairs, q = self._place
        return pairs.number(name, q)
