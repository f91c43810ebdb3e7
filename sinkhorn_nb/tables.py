"""Tables of numbers in text, as NumPy, pandas, R and spreadsheets write them."""

import csv
from typing import NamedTuple

import numpy as np

DIGITS = frozenset("0123456789,+- \"'")


class Table(NamedTuple):
    """Rows of numbers, and the names over the columns, if there are any."""

    numbers: np.ndarray
    columns: tuple | None


def parse(text):
    """The table in the text of a .csv file.

    The first line is a header if not all of it is numbers, or if it is what pandas writes over columns without names,
    0,1,...,d - 1 above numbers with decimal points. A first column without a name, as pandas and R write the index,
    is left out.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    header = _header(lines)
    rows = lines if header is None else lines[1:]
    if not rows:
        raise ValueError("expected rows of numbers, got none; write one point per line, its coordinates between commas")
    width = len(_fields(rows[0]))
    n_labels = 0 if header is None else _n_labels(header, width)
    if n_labels and any(len(_fields(row)) != width for row in rows):
        raise ValueError(f"expected {width} columns in every row, as in the first; complete the others")
    numbers = _numbers(rows, range(n_labels, width) if n_labels else None)
    names = None if header is None else tuple(header[-numbers.shape[1] :])
    return Table(numbers, names if names != tuple(map(str, range(numbers.shape[1]))) else None)


def _fields(line):
    return [field.strip() for field in next(csv.reader([line], skipinitialspace=True))]


def _header(lines):
    """The fields of the first line if they are names, else None."""
    if not lines:
        return None
    first = _fields(lines[0])
    if not all(map(_is_number, first)):
        return first
    if first != [str(k) for k in range(len(first))]:
        return None
    if all(set(line) <= DIGITS for line in lines[1:]):
        raise ValueError(
            f"expected a header or numbers in the first line, got {lines[0]!r}, which may be names that pandas gave "
            "to columns or a point; write names such as x0,x1 over the columns, or 0.0 in place of 0 for a point"
        )
    return first


def _is_number(field):
    try:
        float(field)
    except ValueError:
        return False
    return True


def _n_labels(header, width):
    """1 if the first column holds the labels of rows: it has no name, or as R writes it not even a field for it."""
    is_index = header[0] == "" or header[0].startswith("Unnamed: 0")
    return 1 if is_index or len(header) == width - 1 else 0


def _numbers(rows, columns):
    """Integers as integers: float64 does not hold those beyond 2^53."""
    options = {"delimiter": ",", "ndmin": 2, "comments": None, "quotechar": '"', "usecols": columns}
    if all(set(row) <= DIGITS for row in rows):
        try:
            return np.loadtxt(rows, dtype=np.int64, **options)
        except (ValueError, OverflowError):
            pass
    return np.loadtxt(rows, **options)
