"""Keywords and orders of arguments that other libraries have, put right in the error."""

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

SOLVER = ("tol", "max_iter", "init", "acceleration", "backend", "dtype", "certify", "progress", "callback")
# The names that other libraries have for what the solver's options are.
OPTIONS = {
    "threshold": "tol",
    "stopThr": "tol",
    "numItermax": "max_iter",
    "max_iterations": "max_iter",
    "maxiter": "max_iter",
    "verbose": "progress",
    **{name: name for name in SOLVER},
}
# Of each keyword for the temperature: eps / blur**2, and whose convention that is.
TEMPERATURES = {
    "eps": (1, "C = |x - y|^2 / 2"),
    "epsilon": (2, "the cost |x - y|^2 of OTT"),
    "reg": (2, "the cost |x - y|^2 of POT"),
}
OTHERS = {
    "scaling": "leave it out: the accuracy is that of Sinkhorn(tol=...), whatever the number of iterations",
    "debias": "call sinkhorn_divergence for debias=True, entropic_ot for debias=False",
    "sigma": "pass blur, a length",
}


def native_names(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a public function of a blur: what other libraries call otherwise is a TypeError with its translation."""
    own = inspect.signature(function).parameters
    n_required = sum(p.default is p.empty and p.kind is not p.KEYWORD_ONLY for p in own.values())
    foreign = {*TEMPERATURES, *OPTIONS, *OTHERS} - own.keys()

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs.keys() & foreign:
            raise TypeError(
                f"{name}: expected a keyword of {function.__name__}, got one of another function; "
                f"{_translation(name, kwargs[name])}"
            )
        if "blur" not in kwargs and kwargs.keys() <= own.keys():  # Python names those it does not know
            raise TypeError(_missing_blur(function.__name__, args[n_required:]))
        return function(*args, **kwargs)

    return checked


def _missing_blur(function_name: str, arrays: Sequence[Any]) -> str:
    """The message for a call without blur, which may be among what ought to be arrays of weights."""
    for value in map(entry, arrays):
        if isinstance(value, Real):
            number = f"{float(value):.6g}"
            return f"blur: expected a keyword of {function_name}, got {number} by position; pass blur={number}"
    return (
        "blur: expected a length > 0 in the unit of the points, got none; pass blur=..., 5 % of the diameter to start "
        "from"
    )


def _translation(name: str, value: Any) -> str:
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
            "x: expected points (n, d) first, got weights (n,), as in the order (a, x, b, y) of other libraries; "
            "pass (x, y, a, b)"
        )


def several_clouds(name: str, listed: Sequence[Any]) -> None:
    """Refuse weights, or the rows of one cloud, where a list of clouds is expected: arrays of one axis each."""
    if all(_n_axes(value) == 1 for value in listed):
        raise TypeError(
            f"{name}: expected a list of clouds (n, d), got one of arrays (n,), such as weights or the points of one "
            "cloud; pass [x, y, ...], with points on a line as (n, 1), and weights by name: weights=[...]"
        )


def _n_axes(value: Any) -> int:
    """The number of axes of an array or of nested lists, without a conversion."""
    if isinstance(value, (list, tuple)):
        return 1 + (_n_axes(value[0]) if len(value) else 0)
    return len(getattr(value, "shape", ()))
