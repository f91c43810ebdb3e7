"""Results that are numbers: compare, compute, format and round them like their float value."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from .array_types import Floats

Number: TypeAlias = "float | RealNumber"  # arrays do the reflected operation, element by element


class RealNumber(Real):
    """A real number that is more than its value. All inherited operations use `float(self)`."""

    def __lt__(self, other: Number) -> bool:
        return float(self) < other

    def __le__(self, other: Number) -> bool:
        return float(self) <= other

    def __gt__(self, other: Number) -> bool:
        return float(self) > other

    def __ge__(self, other: Number) -> bool:
        return float(self) >= other

    def __eq__(self, other: object) -> bool:
        return float(self) == other

    def __ne__(self, other: object) -> bool:  # not the opposite of ==: arrays have no truth value
        return float(self) != other

    def __add__(self, other: Number) -> float:
        return float(self) + other

    def __radd__(self, other: Number) -> float:
        return other + float(self)

    def __sub__(self, other: Number) -> float:
        return float(self) - other

    def __rsub__(self, other: Number) -> float:
        return other - float(self)

    def __mul__(self, other: Number) -> float:
        return float(self) * other

    def __rmul__(self, other: Number) -> float:
        return other * float(self)

    def __truediv__(self, other: Number) -> float:
        return float(self) / other

    def __rtruediv__(self, other: Number) -> float:
        return other / float(self)

    def __floordiv__(self, other: Number) -> float:
        return float(self) // other

    def __rfloordiv__(self, other: Number) -> float:
        return other // float(self)

    def __mod__(self, other: Number) -> float:
        return float(self) % other

    def __rmod__(self, other: Number) -> float:
        return other % float(self)

    def __pow__(self, other: Number) -> float:
        return float(self) ** other

    def __rpow__(self, other: Number) -> float:
        return other ** float(self)

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
        """The integers whose ratio is exactly the value."""
        return float(self).as_integer_ratio()

    def is_integer(self) -> bool:
        """Tell whether the value is an integer."""
        return float(self).is_integer()

    def __format__(self, spec: str) -> str:
        return format(float(self), spec)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Floats:
        """The value as a float64 array without axes."""
        may_copy = copy is None or copy  # NumPy 1 does not accept None
        return np.array(float(self), dtype=dtype, copy=may_copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Pass a Python float to functions of NumPy, so that the other arrays decide the
        precision.
        """
        numbers = [float(value) if isinstance(value, RealNumber) else value for value in inputs]
        operation = getattr(ufunc, method)
        return operation(*numbers, **options)
