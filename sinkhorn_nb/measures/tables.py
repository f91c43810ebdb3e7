"""Read tables of numbers in text, as NumPy, pandas, R and spreadsheets write them."""

from __future__ import annotations

import csv
from typing import Any, NamedTuple

import numpy as np

from ..common.array_types import Numbers

MISSING = "", "NA"  # missing values in files of pandas and R
SEPARATORS = ";\t "
DIGITS = frozenset("0123456789,+- \"'")


class Table(NamedTuple):
    """Rows of numbers, and the names of the columns, if there are any."""

    numbers: Numbers
    columns: tuple[str, ...] | None


def parse(text: str) -> Table:
    """Read the table in the text of a .csv file.

    The first line is a header if not all of its fields are numbers, or if it is the header of
    pandas for columns without names: 0,1,...,d - 1 above numbers with decimal points. A first
    column without a name is left out, because pandas and R write the index there.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    header = _header(lines)
    rows = lines if header is None else lines[1:]
    if not rows:
        raise ValueError(
            "expected rows of numbers, got none; write a point per line, with commas between "
            "coordinates"
        )
    width = len(_fields(rows[0]))
    n_labels = 0 if header is None else _n_labels(header, width)
    if n_labels and not _have_width(rows, width):
        raise ValueError(
            f"expected {width} columns in every row, as in the first; complete the others"
        )
    try:
        numbers = _numbers(rows, range(n_labels, width) if n_labels else None)
    except ValueError:
        _refuse_fields(text.splitlines(), header is not None, n_labels)
        raise
    if header is None:
        return Table(numbers, None)
    n_columns = numbers.shape[1]
    names = tuple(header[-n_columns:])
    defaults = tuple(map(str, range(n_columns)))
    return Table(numbers, None if names == defaults else names)


def _fields(line: str) -> list[str]:
    fields = next(csv.reader([line], skipinitialspace=True))
    return [field.strip() for field in fields]


def _have_width(rows: list[str], width: int) -> bool:
    return all(len(_fields(row)) == width for row in rows)


def _header(lines: list[str]) -> list[str] | None:
    """Return the fields of the first line if they are names, else None."""
    if not lines:
        return None
    first = _fields(lines[0])
    if not all(map(_is_number, first)):
        if (column := _missing_name(first)) is not None:
            raise ValueError(_no_number(first[column], 1, column))
        return first
    if first != [str(k) for k in range(len(first))]:
        return None
    if all(set(line) <= DIGITS for line in lines[1:]):
        raise ValueError(
            f"expected a header or numbers in the first line, got {lines[0]!r}, which may be "
            "pandas' names of columns or a point; write names such as x0,x1 above the columns, or "
            "0.0 in place of 0 for a point"
        )
    return first


def _missing_name(first: list[str]) -> int | None:
    """Return the index of a field of the first line that is neither a name nor a number, or
    None.
    """
    names = first[1:]
    are_names = all(map(str.isdigit, names)) or not all(map(_is_number, names))
    is_index = first[0] == "" and len(names) > 0 and are_names
    for k, field in enumerate(first):
        if k == 0 and is_index:
            continue
        if field in MISSING:
            return k
    return None


def _refuse_fields(lines: list[str], has_header: bool, n_labels: int) -> None:
    """Raise an error that names the first field below the header that is not a number, if there is
    one.
    """
    numbered = [(k, line) for k, line in enumerate(lines, 1) if line.strip()]
    for k, line in numbered[has_header:]:
        numbers = _fields(line)[n_labels:]
        for column, field in enumerate(numbers, n_labels):
            if not _is_number(field):
                message = _other_separator(field, k, line)
                raise ValueError(message or _no_number(field, k, column))


def _no_number(field: str, k: int, column: int) -> str:
    return (
        f"expected a number in every field, got {repr(field) if field else 'none'} in line {k}, "
        f"field {column + 1}; "
        "write the number, or leave out the line, and commas at the ends of lines"
    )


def _other_separator(field: str, k: int, line: str) -> str | None:
    """Return the message for numbers that are separated by another character, or None."""
    for mark in SEPARATORS:
        parts = field.split(mark)
        are_numbers = all(part == "" or _is_number(part) for part in parts)
        if len(parts) > 1 and are_numbers:
            decimals = "write decimal points for the commas, then " if "," in line else ""
            cure = f"{decimals}replace each by a comma"
            return f"expected commas between numbers, got {mark!r} in line {k}, {line!r}; {cure}"
    return None


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _n_labels(header: list[str], width: int) -> int:
    """Return 1 if the first column holds row labels: it has no name, or in files of R no field in
    the header.
    """
    is_index = header[0] == "" or header[0].startswith("Unnamed: 0")
    return 1 if is_index or len(header) == width - 1 else 0


def _numbers(rows: list[str], columns: range | None) -> Numbers:
    """Read integers as integers, because float64 does not hold integers beyond 2^53."""
    options: dict[str, Any] = {
        "delimiter": ",",
        "ndmin": 2,
        "comments": None,
        "quotechar": '"',
        "usecols": columns,
    }
    if all(set(row) <= DIGITS for row in rows):
        try:
            return np.loadtxt(rows, dtype=np.int64, **options)
        except (ValueError, OverflowError):
            pass
    return np.loadtxt(rows, **options)
