"""Check indices of rows and columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common.array_types import Indices
from .arrays import host_array


def indices(name: str, value: Any, size: int) -> Indices:
    """Return (k,) indices from 0 to size - 1, from any index of NumPy for one axis: integers,
    booleans, a slice.
    """
    if not isinstance(value, slice):
        value = host_array(name, value)
        if value.size == 0 and value.dtype != bool:  # NumPy's empty list is one of floats
            value = value.astype(np.intp)
    try:
        chosen = np.arange(size)[value]
        problem = f"an index of {chosen.ndim} dimensions" if chosen.ndim > 1 else None
    except IndexError as error:
        problem = f"one that NumPy refuses ({error})"
    if problem:
        raise IndexError(
            f"{name}: expected integers from {-size} to {size - 1}, a slice or {size} booleans, "
            f"got {problem}; choose among the {size} there are"
        )
    return np.atleast_1d(chosen)
