"""Derivatives that come with the report of their linear solve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, cast

from ..common.array_types import Floats
from ..common.representation import Represented, arrays
from ..interop.arrays import Home
from .envelope import Gradient
from .linear_system import LinearSolve

if TYPE_CHECKING:
    from .cost_gradient import CostGradient
    from .matrix_changes import PlanTangent


class Reported(Protocol):
    """Derivatives with the report of the linear system that was solved for them."""

    linear_solve: LinearSolve


Result = TypeVar("Result", "ImplicitGradient", "Tangents", "HessianProduct")


def with_report(result: Result, linear_solve: LinearSolve) -> Result:
    """The derivatives, with the report of their linear solve."""
    result.linear_solve = linear_solve
    return result


def at_home(result: Result, home: Home) -> Result:
    """The derivatives as arrays of another home, with the same attributes."""
    parts = cast("tuple[Any, ...]", result)
    moved = type(result)(*map(home.send, parts))
    vars(moved).update(vars(result))
    return moved


def _facts(result: Any) -> dict[str, object]:
    solve = result.linear_solve
    return arrays(result) | {"converged": solve.converged, "residual": f"{solve.residual:.2g}"}


class ImplicitGradient(Gradient):
    """Derivatives of a scalar with respect to the arrays passed in: x (n, d), y (m, d), a (n,), b
    (m,).

    For a matrix of costs, `C` has those in the matrix, as an (n, m) linear operator with
    `toarray()`; otherwise it is None.
    """

    linear_solve: LinearSolve
    C: CostGradient | None = None
    _facts = _facts


class _Tangents(NamedTuple):
    f: Floats
    g: Floats
    value: float


class Tangents(_Tangents):
    """Directional derivatives of f (n,), g (m,) and the value.

    For a matrix of costs, `plan` has those of the plan, as an (n, m) linear operator with
    `toarray()`; otherwise it is None.
    """

    linear_solve: LinearSolve
    plan: PlanTangent | None = None
    __repr__ = Represented.__repr__
    _repr_html_ = Represented._repr_html_
    _facts = _facts


class _HessianProduct(NamedTuple):
    x: Floats
    y: Floats


class HessianProduct(_HessianProduct):
    """The Hessian of a value in (x, y) times a direction: x (n, d), y (m, d)."""

    linear_solve: LinearSolve
    __repr__ = Represented.__repr__
    _repr_html_ = Represented._repr_html_
    _facts = _facts
