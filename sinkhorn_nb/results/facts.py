"""The facts in the table of a result, which several kinds of results share."""

from __future__ import annotations

from typing import Protocol

from ..interop.arrays import HOST, Home
from ..problem import Problem


class Outcome(Protocol):
    """The numbers that a solve has reached."""

    @property
    def value(self) -> float:
        """The value."""

    @property
    def converged(self) -> bool:
        """Whether the marginal error is within tol."""

    @property
    def marginal_error(self) -> float:
        """The marginal error."""

    @property
    def n_passes(self) -> float:
        """Sweeps over the n x m pairs."""


def facts_of(outcome: Outcome, problem: Problem, home: Home) -> dict[str, object]:
    """The outcome, the problem, and the kind of the arrays unless they are NumPy's."""
    reached: dict[str, object] = {
        "value": outcome.value,
        "converged": outcome.converged,
        "marginal_error": f"{outcome.marginal_error:.2g}",
        "n_passes": f"{outcome.n_passes:.4g}",
    }
    facts = reached | problem._facts()
    return facts if home == HOST else facts | {"arrays": home}
