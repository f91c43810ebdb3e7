"""Errors that translate the keywords and the order of arguments of other libraries."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import wraps
from numbers import Real
from typing import Any, ParamSpec, TypeVar

from .settings import entry

P = ParamSpec("P")
R = TypeVar("R")

SOLVER = (
    "tol",
    "max_iter",
    "init",
    "acceleration",
    "backend",
    "dtype",
    "certify",
    "progress",
    "callback",
)
# Names of other libraries for the options of the solver.
OPTIONS = {
    "threshold": "tol",
    "stopThr": "tol",
    "numItermax": "max_iter",
    "max_iterations": "max_iter",
    "maxiter": "max_iter",
    "verbose": "progress",
    **{name: name for name in SOLVER},
}
# Keywords for the temperature, with eps / blur**2 and the convention of the library.
TEMPERATURES = {
    "eps": (1, "C = |x - y|^2 / 2"),
    "epsilon": (2, "the cost |x - y|^2 of OTT"),
    "reg": (2, "the cost |x - y|^2 of POT"),
}
OTHERS = {
    "scaling": "leave it out: Sinkhorn(tol=...) sets the accuracy, and the number of iterations "
    "follows from it",
    "debias": "call sinkhorn_divergence for debias=True, entropic_ot for debias=False",
    "sigma": "pass blur, a length",
    "reg_m": "pass rho, the price of other marginals in units of cost",
}
# The same names where costs have no unit of length
IN_UNITS_OF_COST = {
    "blur": "pass eps, the temperature in units of the costs",
    "reach": "pass rho, the price of other marginals in units of the costs",
    "reg": "pass eps=..., which is the reg of POT for the same matrix",
    "epsilon": "pass eps=..., which is the epsilon of OTT for the same matrix",
    "sigma": "pass eps, the temperature in units of the costs",
}


def native_names(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a public function of a blur, or of eps alone: a keyword of another library is a
    TypeError with its translation.
    """
    own = inspect.signature(function).parameters
    required = [parameter for parameter in own.values() if parameter.default is parameter.empty]
    n_required = sum(parameter.kind is not parameter.KEYWORD_ONLY for parameter in required)
    takes_blur = "blur" in own
    of_costs = set() if takes_blur else IN_UNITS_OF_COST.keys()
    foreign = {*TEMPERATURES, *OPTIONS, *OTHERS, *of_costs} - own.keys()

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs.keys() & foreign:
            raise TypeError(
                f"{name}: expected a keyword of {function.__name__}, got a keyword of another "
                f"function; {_translation(name, kwargs[name], takes_blur)}"
            )
        has_temperature = not takes_blur or kwargs.keys() & {"blur", "eps"}
        are_known = kwargs.keys() <= own.keys()  # Python names those that are not
        if are_known and not has_temperature:
            raise TypeError(_missing_blur(function.__name__, args[n_required:]))
        return function(*args, **kwargs)

    return checked


def _missing_blur(function_name: str, arrays: Sequence[Any]) -> str:
    """Return the message for a call without blur, which may have been passed by position in place
    of weights.
    """
    for value in map(entry, arrays):
        if isinstance(value, Real):
            number = f"{float(value):.6g}"
            return (
                f"blur: expected a keyword of {function_name}, got {number} by position; pass "
                f"blur={number}"
            )
    return (
        "blur: expected a length > 0 in the unit of the points, got none; pass blur=..., for "
        "instance 5 % of the diameter"
    )


def _translation(name: str, value: Any, takes_blur: bool) -> str:
    if not takes_blur and name in IN_UNITS_OF_COST:
        return IN_UNITS_OF_COST[name]
    if name in OPTIONS:
        return f"pass solver=Sinkhorn({OPTIONS[name]}=...)"
    if name in OTHERS:
        return OTHERS[name]
    factor, cost = TEMPERATURES[name]
    of_blur = "blur**2" if factor == 1 else f"{factor} * blur**2"
    return f"pass blur={_blur(value, factor)}: {name} = {of_blur} for {cost}"


def _blur(value: Any, factor: int) -> str:
    try:
        return f"{math.sqrt(float(value) / factor):.4g}"
    except (TypeError, ValueError):
        return "..."


def points_first(x: Any, y: Any, a: Any, b: Any) -> None:
    """Refuse the order (a, x, b, y) of GeomLoss, weights before points, by the numbers of axes."""
    if [_n_axes(v) for v in (x, y, a, b)] == [1, 2, 1, 2]:
        raise TypeError(
            "x: expected points (n, d) first, got weights (n,), as in the order (a, x, b, y) of "
            "other libraries; pass (x, y, a, b)"
        )


def several_clouds(name: str, listed: Sequence[Any]) -> None:
    """Refuse a list of arrays with one axis, such as weights or the rows of one cloud, in place of
    a list of clouds.
    """
    if all(_n_axes(value) == 1 for value in listed):
        raise TypeError(
            f"{name}: expected a list of clouds (n, d), got one of arrays (n,), such as weights or "
            "the points of one cloud; pass [x, y, ...], with points on a line as (n, 1), and "
            "weights by name: weights=[...]"
        )


def _n_axes(value: Any) -> int:
    """Count the axes of an array or of nested lists, without a conversion."""
    if isinstance(value, (list, tuple)):
        return 1 + (_n_axes(value[0]) if len(value) else 0)
    return len(getattr(value, "shape", ()))
