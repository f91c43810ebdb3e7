"""Results that are numbers: they compare, compute, format and round as the float that they are."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from numbers import Real
from typing import Any, TypeAlias, TypeVar, overload

import numpy as np
import numpy.typing as npt

from .array_types import Numbers

T = TypeVar("T")
Comparison: TypeAlias = Callable[["RealNumber", "float | RealNumber"], bool]
Arithmetic: TypeAlias = Callable[["RealNumber", "float | RealNumber"], float]


def _binary(operation: Callable[[Any, Any], T]) -> Callable[[RealNumber, Any], T]:
    """The operation between the number and another one."""

    def method(self: RealNumber, other: Any) -> T:
        return operation(float(self), other)

    return method


def _reflected(operation: Callable[[Any, Any], T]) -> Callable[[RealNumber, Any], T]:
    """The operation between another number and this one."""

    def method(self: RealNumber, other: Any) -> T:
        return operation(other, float(self))

    return method


class RealNumber(Real):
    """A real number with more to it than its value: all that is inherited from here goes by `float(self)`."""

    __lt__: Comparison = _binary(operator.lt)
    __le__: Comparison = _binary(operator.le)
    __ge__: Comparison = _binary(operator.ge)
    __gt__: Comparison = _binary(operator.gt)
    __eq__: Callable[[RealNumber, object], bool] = _binary(operator.eq)
    __ne__: Callable[[RealNumber, object], bool] = _binary(
        operator.ne
    )  # not the opposite of ==: arrays have no truth value

    __add__: Arithmetic = _binary(operator.add)
    __radd__: Arithmetic = _reflected(operator.add)
    __sub__: Arithmetic = _binary(operator.sub)
    __rsub__: Arithmetic = _reflected(operator.sub)
    __mul__: Arithmetic = _binary(operator.mul)
    __rmul__: Arithmetic = _reflected(operator.mul)
    __truediv__: Arithmetic = _binary(operator.truediv)
    __rtruediv__: Arithmetic = _reflected(operator.truediv)
    __floordiv__: Arithmetic = _binary(operator.floordiv)
    __rfloordiv__: Arithmetic = _reflected(operator.floordiv)
    __mod__: Arithmetic = _binary(operator.mod)
    __rmod__: Arithmetic = _reflected(operator.mod)
    __pow__: Arithmetic = _binary(operator.pow)
    __rpow__: Arithmetic = _reflected(operator.pow)

    def __hash__(self) -> int:  # type: ignore[override]  # typeshed's complex numbers have none
        return hash(float(self))  # equal numbers have equal hashes

    def __neg__(self) -> float:
        return -float(self)

    def __pos__(self) -> float:
        return float(self)

    def __abs__(self) -> float:
        return abs(float(self))

    @overload
    def __round__(self, ndigits: None = None) -> int: ...

    @overload
    def __round__(self, ndigits: int) -> float: ...

    def __round__(self, ndigits: int | None = None) -> float:
        return round(float(self), ndigits)

    def __trunc__(self) -> int:
        return math.trunc(float(self))

    def __floor__(self) -> int:
        return math.floor(float(self))

    def __ceil__(self) -> int:
        return math.ceil(float(self))

    def __int__(self) -> int:
        return int(float(self))

    def as_integer_ratio(self) -> tuple[int, int]:
        """The integers whose ratio the value is exactly."""
        return float(self).as_integer_ratio()

    def is_integer(self) -> bool:
        """Whether the value is an integer."""
        return float(self).is_integer()

    def __format__(self, spec: str) -> str:
        return format(float(self), spec)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Numbers:
        """The value as a float64 array without axes."""
        return np.array(float(self), dtype=dtype, copy=copy is None or copy)  # NumPy 1 knows no None

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Functions of NumPy see a float, which leaves the precision to the arrays beside it."""
        numbers = (float(value) if isinstance(value, RealNumber) else value for value in inputs)
        return getattr(ufunc, method)(*numbers, **options)
