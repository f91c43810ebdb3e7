"""Derivatives that come with the report of their linear solve."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ..common.array_types import Floats
from ..common.representation import Represented, arrays
from ..interop.arrays import Home
from .envelope import Gradient
from .linear_system import LinearSolve

if TYPE_CHECKING:
    from typing_extensions import Self

    from .cost_gradient import CostGradient
    from .matrix_changes import PlanTangent


class Reported(Represented):
    """A named tuple with the report of its linear solve in `linear_solve`."""

    linear_solve: LinearSolve

    @classmethod
    def of(cls, values: Iterable[Any], linear_solve: LinearSolve) -> Self:
        """Make the tuple from the values and the report."""
        reported = cls(*values)
        reported.linear_solve = linear_solve
        return reported

    def sent(self, home: Home) -> Self:
        """The values as arrays of another home, with the same report."""
        return self.of(map(home.send, cast("tuple[Floats, ...]", self)), self.linear_solve)

    def _facts(self) -> dict[str, object]:
        solve = self.linear_solve
        return arrays(self) | {"converged": solve.converged, "residual": f"{solve.residual:.2g}"}


class ImplicitGradient(Reported, Gradient):
    """Derivatives of a scalar with respect to the arrays passed in: x (n, d), y (m, d), a (n,), b
    (m,).

    For a matrix of costs, `C` has those in the matrix, as an (n, m) linear operator with
    `toarray()`; otherwise it is None.
    """

    C: CostGradient | None = None

    def with_costs(self, C: CostGradient | None) -> Self:
        """The derivatives, with those in the costs."""
        self.C = C
        return self

    def sent(self, home: Home) -> Self:
        """The values as arrays of another home, with the same report."""
        return super().sent(home).with_costs(self.C)


class _Tangents(NamedTuple):
    f: Floats
    g: Floats
    value: float


class Tangents(Reported, _Tangents):
    """Directional derivatives of f (n,), g (m,) and the value.

    For a matrix of costs, `plan` has those of the plan, as an (n, m) linear operator with
    `toarray()`; otherwise it is None.
    """

    plan: PlanTangent | None = None

    def with_plan(self, plan: PlanTangent | None) -> Self:
        """The derivatives, with those of the plan."""
        self.plan = plan
        return self

    def sent(self, home: Home) -> Self:
        """The values as arrays of another home, with the same report."""
        return super().sent(home).with_plan(self.plan)


class _HessianProduct(NamedTuple):
    x: Floats
    y: Floats


class HessianProduct(Reported, _HessianProduct):
    """The Hessian of a value in (x, y) times a direction: x (n, d), y (m, d)."""
