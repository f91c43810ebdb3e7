"""A cached property without a lock: threads and forked children never wait for each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from typing_extensions import Self

Value = TypeVar("Value")
Instance = TypeVar("Instance")


class cached_property(Generic[Value]):
    """Compute the attribute when it is first read, then keep it in the instance.

    On Python 3.10 and 3.11, `functools.cached_property` holds one lock for all instances. This one
    has no lock: two threads that read the attribute at the same time both compute it, and get the
    same value.
    """

    def __init__(self, function: Callable[[Any], Value]) -> None:
        self._function = function
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Value: ...

    def __get__(self, instance: object, owner: type | None = None) -> Self | Value:
        """The value of the instance, or the property itself on the class."""
        if instance is None:
            return self
        value = self._function(instance)
        vars(instance)[self._name] = value
        return value


def know(instance: Instance, **values: object) -> Instance:
    """Set known values of the cached properties of an instance, and return the instance."""
    vars(instance).update(values)
    return instance


def state_of(instance: Any, *kept: str) -> dict[str, Any]:
    """The state of a dataclass for a pickle: its fields, and the named cached properties if their
    values are known. All other cached values are computed again.
    """
    names = [field.name for field in fields(instance)]
    known = vars(instance)
    return {name: known[name] for name in (*names, *kept) if name in known}
