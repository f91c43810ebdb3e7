"""Check arrays of points, weights and numbers: of NumPy, of types that NumPy can read, or on a
GPU.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any

import numpy as np

from ..backends.choice import INSTALL, no_gpu
from ..common.array_types import Coordinates, Floats, Numbers
from ..interop.arrays import HOST, Home, is_on_device, is_readable, library_of
from . import meaning
from .meaning import Traits

DATES = "turn dates into numbers, such as (dates - dates.min()) / numpy.timedelta64(1, 's')"
BATCHES = "sinkhorn_divergences(xs, ys) takes batches of clouds; one cloud has one row per point"


def home(**arrays: Any) -> Home:
    """Return the common home of all arrays of a call: the host, or one library on one device."""
    (first, known), *others = [
        (name, _home(name, value)) for name, value in arrays.items() if value is not None
    ]
    for name, where in others:
        if where.library != known.library:
            raise TypeError(
                f"{name}: expected an array {known}, like {first}, got one {where}; copy one of "
                "them to where the other is"
            )
        if where.device != known.device:
            raise ValueError(
                f"{name}: expected an array on CUDA device {known.device}, like {first}, got one "
                f"on CUDA device {where.device}; copy one of them to the other device"
            )
    return known


def _home(name: str, value: Any) -> Home:
    if not is_on_device(value):
        return HOST
    if library_of(value) == "numba":
        if (why := no_gpu()) is not None:
            raise ValueError(
                f"{name}: expected a usable GPU for a {type(value).__name__} on a device, got "
                f"none: {why}; pass a copy on the host, or {INSTALL}"
            )
        if not is_readable(value):
            raise TypeError(
                f"{name}: expected a device array with __cuda_array_interface__, got a "
                f"{type(value).__name__} that has "
                f"DLPack alone; pass cupy.from_dlpack({name}) or torch.from_dlpack({name})"
            )
    return Home.of(value)


def host_array(name: str, value: Any, what: str = "an array") -> Numbers:
    """Return the caller's array on the host; by np.asarray if it is there already."""
    meaning.refuse_what_numpy_misreads(name, value, what)
    where = _home(name, value)
    try:
        return where.fetch(meaning.without_unit(value))
    except ValueError as error:
        raise ValueError(
            f"{name}: expected {what}, got rows of different lengths; make it rectangular"
        ) from error
    except (RuntimeError, TypeError) as error:  # raised by the library of the array
        cure = "convert it to a dense array of float32 or float64"
        if getattr(value, "requires_grad", False) is True:
            cure = f"call sinkhorn_nb.torch for derivatives, or pass {name}.detach()"
        raise TypeError(
            f"{name}: expected {what} that NumPy can read, got {type(value).__name__}: {error}; "
            f"{cure}"
        ) from error


def real_array(name: str, value: Any, what: str) -> Numbers:
    """Convert to a float32 or float64 array of any shape, or raise a TypeError."""
    return converted(name, value, host_array(name, value, what), what)


def converted(name: str, value: Any, array: Numbers, what: str) -> Numbers:
    """Convert the caller's value, which is already an array, to float32 or float64."""
    expected = f"{name}: expected {what} of real numbers, got"
    if array.dtype == object:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{expected} {type(value).__name__} with {_no_number(value, array)}"
            ) from error
    if array.dtype.kind == "c":
        raise TypeError(f"{expected} complex ones; pass the real and imaginary parts")
    if array.dtype.kind in "mM":
        raise TypeError(
            f"{expected} dates or durations, dtype {array.dtype}{_column(value, [0, 0])}; {DATES}"
        )
    if array.dtype.names:
        raise TypeError(
            f"{expected} records of {array.dtype.names}; use "
            "numpy.lib.recfunctions.structured_to_unstructured"
        )
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{expected} dtype {array.dtype}; convert it to float")
    dtype = np.float32 if meaning.is_short(array.dtype) else np.float64
    return array.astype(dtype, copy=False)


def _no_number(value: Any, array: Numbers) -> str:
    """Describe the first entry of an array of objects that is not a number: its value, its place,
    and what to do.
    """
    for where in np.ndindex(array.shape):
        try:
            float(array[where])
        except (TypeError, ValueError):
            break
    entry = array[where]
    cure = "convert it with numpy.asarray(..., dtype=float)"
    if hasattr(entry, "year") or isinstance(entry, (np.datetime64, np.timedelta64)):
        cure = DATES
    elif type(entry).__name__ in ("NAType", "NaTType"):
        cure = "remove or impute missing entries"
    return (
        f"entries that are not numbers, {entry!r} at index {list(where)}{_column(value, where)}; "
        f"{cure}"
    )


def _column(value: Any, where: Sequence[int]) -> str:
    """Name the row and the column of an entry of a data frame."""
    if not hasattr(value, "columns") or len(where) != 2:
        return ""
    return f" (row {where[0]}, column {value.columns[where[1]]!r})"


def check_finite(name: str, array: Numbers, value: Any = None) -> None:
    """Check that an array has neither nan nor infinity."""
    finite = np.isfinite(array)
    if not finite.all():
        where = np.argwhere(~finite)[0].tolist()
        raise ValueError(
            f"{name}: expected finite numbers, got {array[tuple(where)]} at index "
            f"{where}{_column(value, where)} "
            f"({np.count_nonzero(~finite)} such entries); remove or impute them"
        )


def points(name: str, value: Any, dimension: int | None = None) -> Coordinates:
    """Convert to an (n, d) array of points, with n and d at least 1. The caller's array is never
    written to.
    """
    return cloud(name, value, dimension)[0]


def cloud(name: str, value: Any, dimension: int | None = None) -> tuple[Coordinates, Traits]:
    """Return the points and their traits. The dimension, if known, is used only in the message."""
    meaning.refuse_path(name, value, "an (n, d) array of points")
    raw = host_array(name, value, "an (n, d) array of points")
    array = converted(name, value, raw, "an (n, d) array of points")
    if array.ndim != 2:
        raise ValueError(
            f"{name}: expected an (n, d) array of points, got shape {array.shape}; "
            f"{_cure_of_shape(name, array.shape, dimension)}"
        )
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise ValueError(
            f"{name}: expected at least one point and one coordinate, got shape {array.shape}; "
            "pass data"
        )
    check_finite(name, array, value)
    names = meaning.columns(value, array.shape[1])
    unit = meaning.unit(name, value)
    short = raw.dtype.newbyteorder("=") if meaning.is_short(raw.dtype) else None
    traits = Traits(columns=names, unit=unit, rounding=meaning.rounding(raw), short=short)
    return np.ascontiguousarray(array), traits


def are_plain(clouds: Sequence[Any], weights: Sequence[Any]) -> bool:
    """Tell whether all are NumPy arrays of the usual types and shapes, whose conversion loses and
    misreads nothing.
    """
    return all(
        type(x) is np.ndarray
        and x.ndim == 2
        and x.size > 0
        and x.dtype.isnative
        and x.dtype.char in "fd"
        for x in clouds
    ) and all(
        a is None
        or (
            type(a) is np.ndarray
            and a.shape == x.shape[:1]
            and a.dtype.isnative
            and a.dtype.char == "d"
        )
        for x, a in zip(clouds, weights, strict=True)
    )


def _cure_of_shape(name: str, shape: tuple[int, ...], dimension: int | None) -> str:
    if len(shape) == 1 and shape[0] == dimension and dimension > 1:
        return f"use {name}[None, :] for one point"
    if len(shape) == 1:
        return "use reshape(-1, 1) for points on a line"
    return BATCHES if len(shape) == 3 else "pass one row per point"


def same_dimension(name: str, value: Numbers, other_name: str, other: Numbers) -> None:
    """Check that two clouds have the same dimension."""
    if value.shape[1] != other.shape[1]:
        raise ValueError(
            f"{name}: expected points in dimension {other.shape[1]} like {other_name}, "
            f"got dimension {value.shape[1]}; compare clouds with the same coordinates"
        )


def on_a_line(name: str, value: Numbers) -> None:
    """Check that points have one coordinate."""
    if value.shape[1] != 1:
        raise ValueError(
            f"{name}: expected points on a line, of one coordinate, got dimension "
            f"{value.shape[1]}; "
            'use init="auto" for any dimension'
        )


def matrix(name: str, value: Any, n: int) -> Floats:
    """Convert to an (n,) or (n, k) array of finite numbers, which a plan can multiply."""
    array = real_array(name, value, f"an ({n},) or ({n}, k) array").astype(np.float64)
    if array.ndim not in (1, 2) or array.shape[0] != n:
        raise ValueError(
            f"{name}: expected shape ({n},) or ({n}, k), got {array.shape}; pass one row per point"
        )
    check_finite(name, array)
    return array


def vector(name: str, value: Any) -> Floats:
    """Copy finite numbers to an (n,) float64 array."""
    array = potential(name, value)
    if array.ndim != 1:
        raise ValueError(
            f"{name}: expected an (n,) array, got shape {array.shape}; pass one number per point"
        )
    return array


def potential(name: str, value: Any) -> Floats:
    """Copy finite numbers, one per point or per pixel, to a float64 array."""
    array = np.array(real_array(name, value, "an (n,) array"), dtype=np.float64)
    check_finite(name, array)
    return array


def shape(name: str, array: Numbers, expected: tuple[int, ...], cure: str) -> Numbers:
    """Check that an array has a known shape."""
    if array.shape != expected:
        raise ValueError(f"{name}: expected shape {expected}, got {array.shape}; pass {cure}")
    return array


def like(name: str, value: Any, known: Numbers) -> Floats:
    """Convert to a float64 array of finite numbers, with the shape of a known array."""
    array = real_array(name, value, f"a {known.shape} array").astype(np.float64)
    shape(name, array, known.shape, "one number or row per point")
    check_finite(name, array)
    return array


def sequence(name: str, value: Any, each: str = "pair") -> list[Any]:
    """Convert a list, a tuple or an array of any library to a list of at least one entry, one per
    `each`.
    """
    is_array = bool(getattr(value, "shape", ())) and hasattr(value, "__len__")  # no Grid
    if not isinstance(value, (list, tuple)) and not is_array:
        raise TypeError(
            f"{name}: expected a list of arrays, one per {each}, got {type(value).__name__}; pass "
            "[...]"
        )
    if len(value) == 0:
        raise ValueError(f"{name}: expected at least one array, got none; pass data")
    return list(value)


def same_length(name: str, value: Sized, other_name: str, other: Sized, each: str = "pair") -> None:
    """Check that two lists have the same length, with one entry per `each`."""
    if len(value) != len(other):
        raise ValueError(
            f"{name}: expected {len(other)} arrays like {other_name}, got {len(value)}; pass one "
            f"for each {each}"
        )


def levels(name: str, value: Any) -> Floats:
    """Convert to a float64 array, of any shape, of numbers from 0 to 1."""
    array = real_array(name, value, "a number or an array").astype(np.float64)
    outside = array[~((array >= 0) & (array <= 1))]
    if outside.size:
        raise ValueError(
            f"{name}: expected levels from 0 to 1, got {outside[0]}; divide percentages by 100"
        )
    return array


def factors(name: str, value: Any, n: int, m: int) -> tuple[Floats, Floats]:
    """Convert to a pair of (n, k) and (m, k) arrays."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(
            f"{name}: expected a pair of ({n}, k) and ({m}, k) arrays, got {value!r}; pass (U, V) "
            "for U V'"
        )
    U = matrix(f"{name}[0]", value[0], n).reshape(n, -1)
    V = matrix(f"{name}[1]", value[1], m).reshape(m, -1)
    shape(f"{name}[1]", V, (m, U.shape[1]), f"as many columns as {name}[0]")
    return U, V
