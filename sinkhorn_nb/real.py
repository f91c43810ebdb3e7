"""Results that are numbers: compare, compute, format and round them like their float value."""

import math
import operator
from numbers import Real

import numpy as np


def _binary(operation):
    """The operation between the number and another one."""

    def method(self, other):
        return operation(float(self), other)

    return method


def _reflected(operation):
    """The operation between another number and this one."""

    def method(self, other):
        return operation(other, float(self))

    return method


class RealNumber(Real):
    """A real number that is more than its value. All inherited operations use `float(self)`."""

    __lt__ = _binary(operator.lt)
    __le__ = _binary(operator.le)
    __eq__ = _binary(operator.eq)
    __ne__ = _binary(operator.ne)  # not the opposite of ==: arrays have no truth value
    __ge__ = _binary(operator.ge)
    __gt__ = _binary(operator.gt)

    __add__, __radd__ = _binary(operator.add), _reflected(operator.add)
    __sub__, __rsub__ = _binary(operator.sub), _reflected(operator.sub)
    __mul__, __rmul__ = _binary(operator.mul), _reflected(operator.mul)
    __truediv__, __rtruediv__ = _binary(operator.truediv), _reflected(operator.truediv)
    __floordiv__, __rfloordiv__ = _binary(operator.floordiv), _reflected(operator.floordiv)
    __mod__, __rmod__ = _binary(operator.mod), _reflected(operator.mod)
    __pow__, __rpow__ = _binary(operator.pow), _reflected(operator.pow)

    def __hash__(self):
        return hash(float(self))  # equal numbers have equal hashes

    def __neg__(self):
        return -float(self)

    def __pos__(self):
        return float(self)

    def __abs__(self):
        return abs(float(self))

    def __round__(self, ndigits=None):
        return round(float(self), ndigits)

    def __trunc__(self):
        return math.trunc(float(self))

    def __floor__(self):
        return math.floor(float(self))

    def __ceil__(self):
        return math.ceil(float(self))

    def __int__(self):
        return int(float(self))

    def as_integer_ratio(self):
        """The integers whose ratio is exactly the value."""
        return float(self).as_integer_ratio()

    def is_integer(self):
        """Tell whether the value is an integer."""
        return float(self).is_integer()

    def __format__(self, spec):
        return format(float(self), spec)

    def __array__(self, dtype=None, copy=None):
        """The value as a float64 array without axes."""
        return np.array(float(self), dtype=dtype, copy=copy is None or copy)  # NumPy 1 does not accept None

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        """Pass a Python float to functions of NumPy, so that the other arrays decide the precision."""
        numbers = (float(value) if isinstance(value, RealNumber) else value for value in inputs)
        return getattr(ufunc, method)(*numbers, **options)
