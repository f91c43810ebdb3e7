"""Check the meaning that a plain array would lose: masks, units, names and order of columns, digits
beyond float64.

The caller's own objects are checked, before NumPy converts them. Other libraries are recognized by
their attributes and never imported.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from fractions import Fraction
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy.sparse import issparse

from ..common.array_types import Numbers

Names: TypeAlias = tuple[Hashable, ...]

LOAD = "load it first: numpy.load(path), or numpy.loadtxt(path, delimiter=',')"


class Traits(NamedTuple):
    """Facts about points and weights that their float64 numbers do not show.

    columns : names of the coordinates, or None
    unit : text, or None
    mass_unit : unit of the weights, or None
    rounding : bound of the error of a coordinate after the conversion to float64
    mass_rounding : relative error of the mass that the weights' own precision allows
    short : float32 or float16 if the coordinates came in it, or None
    resolution : side of the cells in which the points of a stream were merged; 0 if all are there
    """

    columns: Names | None = None
    unit: str | None = None
    mass_unit: str | None = None
    rounding: float = 0.0
    mass_rounding: float = 0.0
    short: np.dtype[Any] | None = None
    resolution: float = 0.0

    def column(self, k: int) -> str:
        """Name a coordinate as its owner does."""
        return f"column {k if self.columns is None else repr(self.columns[k])}"


PLAIN = Traits()


def refuse_path(name: str, value: Any, what: str) -> None:
    """Refuse the name of a file in place of its contents."""
    if isinstance(value, (str, os.PathLike)):
        raise TypeError(
            f"{name}: expected {what}, got {os.fspath(value)!r}; if it is the path of a file, "
            f"{LOAD}"
        )


def refuse_what_numpy_misreads(name: str, value: Any, what: str) -> None:
    """Refuse masked entries and sparse matrices, which numpy.asarray misreads."""
    if issparse(value) or (hasattr(value, "toarray") and hasattr(value, "nnz")):
        raise TypeError(
            f"{name}: expected {what}, got a sparse {type(value).__name__}; pass {name}.toarray(), "
            "or first reduce the number of columns"
        )
    refuse_mask(name, value, what)


def refuse_mask(name: str, value: Any, what: str) -> None:
    """Refuse masked entries, whose masks numpy.asarray drops."""
    if not any(np.ma.is_masked(part) for part in _parts(value)):
        return
    mask = np.ma.getmaskarray(np.ma.array(value))
    rows = ".any(axis=1)" if mask.ndim == 2 else ""
    raise ValueError(
        f"{name}: expected {what} without masked entries, got {np.count_nonzero(mask)} of them, "
        f"the first at index {np.argwhere(mask)[0].tolist()}; drop their rows, and those of the "
        f"weights alike: v.data[~numpy.ma.getmaskarray(v){rows}] of a masked array v"
    )


def _parts(value: Any) -> Sequence[Any]:
    """Return the value itself, or the entries of a list that may have a mask or a unit."""
    if isinstance(value, (list, tuple)):
        return [part for part in value if type(part) not in (list, tuple, float, int)]
    return [value]


def columns(value: Any, d: int) -> Names | None:
    """Return the names of the d columns of a data frame, or None for arrays."""
    names: Any = getattr(value, "columns", None)
    if not hasattr(value, "iloc") and hasattr(value, "column_names"):  # a table of pyarrow
        names = value.column_names
    try:
        names = tuple(names)
    except TypeError:
        return None
    kinds = str, tuple, int, float, np.generic
    are_names = all(isinstance(name, kinds) for name in names)
    return names if are_names and len(names) == d else None


def unit(name: str, value: Any) -> str | None:
    """Return the unit of an array of astropy, pint, unyt or xarray as text, or None."""
    units = {_unit(part) for part in _parts(value)}
    if len(units) > 1:
        raise TypeError(
            f"{name}: expected entries in one unit, got {' and '.join(sorted(map(str, units)))}; "
            "convert them to one"
        )
    return units.pop() if units else None


def _unit(value: Any) -> str | None:
    if hasattr(value, "iloc"):  # a data frame, whose attributes are its columns
        return None
    found = getattr(value, "unit", None)
    found = getattr(value, "units", None) if found is None else found
    if found is None or hasattr(found, "dims"):  # a coordinate of xarray by that name
        return None
    text = str(found)
    return None if text in ("", "dimensionless") else text


def number_without_unit(name: str, value: Any) -> Any:
    """Refuse a setting, such as a length or a tolerance, that has a unit."""
    if not isinstance(value, str) and (found := _unit(value)) is not None:
        raise TypeError(
            f"{name}: expected a plain number, in the unit of the points, got one in {found}; "
            "convert it to that unit "
            "and pass its number (.to_value(unit) of astropy, .to(unit).magnitude of pint)"
        )
    return value


def without_unit(value: Any) -> Any:
    """Return the numbers of an array of pint, which warns if NumPy converts it."""
    return value.magnitude if hasattr(value, "magnitude") and hasattr(value, "units") else value


def is_short(dtype: np.dtype[Any]) -> bool:
    """Tell whether a type is float32 or float16, in any byte order."""
    return dtype.kind == "f" and dtype.itemsize <= 4


def rounding(array: Numbers) -> float:
    """Bound the error of the conversion of an array of any dtype to float64."""
    if array.dtype == object:
        return max(map(_error, array.ravel()), default=0.0)
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        return _error_of_integers(array)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        errors = np.abs(array - array.astype(np.float64))
        return float(errors.max(initial=0))
    return 0.0


def _error_of_integers(array: Numbers) -> float:
    if array.size == 0:
        return 0.0
    largest = max(int(array.max()), -int(array.min()))
    if largest <= 2**53:
        return 0.0
    number = array.astype(np.float64)
    with np.errstate(invalid="ignore"):  # 2.0**63 is beyond int64
        changed = number.astype(array.dtype) != array
    spacings = np.spacing(np.abs(number[changed]))
    return float(spacings.max(initial=0)) / 2


def _error(number: Any) -> float:
    try:
        rounded = float(number)
        if rounded == number:
            return 0.0
        return float(abs(Fraction(number) - Fraction(rounded)))
    # Infinite, or not a number: other checks refuse it
    except (OverflowError, TypeError, ValueError):
        return 0.0


def mass_rounding(dtype: np.dtype[Any], n: int) -> float:
    """Bound the relative error of the sum of n probabilities of a dtype.

    Each probability is wrong by eps / 2, and all of them by the rounding of the sum by which they
    were divided. Both make about sqrt(n) eps, with a margin of 4. An error above 1 % of the mass is
    not a rounding error of the weights.
    """
    if not is_short(dtype):
        return 0.0
    eps = float(np.finfo(dtype).eps)
    return min(4 * eps * np.sqrt(n), 0.01)


def same_meaning(name: str, traits: Traits, other_name: str, other: Traits) -> None:
    """Check that two clouds have the same unit, and the same columns in the same order."""
    same_unit(name, traits.unit, other_name, other.unit)
    own, others = traits.columns, other.columns
    if own is None or others is None:
        return
    if own == others or _is_by_position(own, others):
        return
    known = _listed(others)
    if sorted(map(str, own)) == sorted(map(str, others)):
        raise ValueError(
            f"{name}: expected columns in the order of {other_name}, {known}, got {_listed(own)}; "
            f"put them in that order: {name}[{list(others)!r}]"
        )
    raise ValueError(
        f"{name}: expected the columns {known} of {other_name}, got {_listed(own)}; choose the "
        "same ones, or compare by position without names: .to_numpy(), or a file without a header"
    )


def same_unit(name: str, own: str | None, other_name: str, other: str | None) -> None:
    """Check that two units, each a text or None, are the same."""
    if own != other:
        raise TypeError(
            f"{name}: expected numbers {_in(other)} like {other_name}, got numbers {_in(own)}; "
            "convert both to one unit and pass their numbers (.to_value(unit) of astropy, "
            ".to(unit).magnitude of pint)"
        )


def _is_by_position(names: Names, others: Names) -> bool:
    """Tell whether one of two sides has no names of its own: a frame numbered by pandas, beside one
    with texts.
    """
    default = tuple(range(len(names)))
    are_numbers = all(isinstance(name, Integral) for name in names + others)
    return default in (names, others) and not are_numbers


def _in(text: str | None) -> str:
    return "without a unit" if text is None else f"in {text}"


def _listed(names: Names, most: int = 8) -> str:
    shown = [repr(name) for name in names[:most]]
    if len(names) > most:
        shown.append("...")
    return f"[{', '.join(shown)}]"
