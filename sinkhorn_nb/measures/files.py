"""Measures from files: .npy, .npz and .csv."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np

from ..common.array_types import Numbers
from . import tables
from .measure import Measure

# Points, weights, columns
_Contents: TypeAlias = tuple[Numbers, Numbers | None, tuple[str, ...] | None]


def read(path: str | Path) -> Measure:
    """Read the measure in a file.

    Parameters
    ----------
    path : str or Path
        A .npy file holds the points, (n, d). A .npz file holds points in the array "x", or else in
        its first array, and weights in "a" if it has one. A .csv file holds one row of numbers per
        point, with or without a header; the names of a header are the measure's columns.

    Returns
    -------
    Measure

    Raises
    ------
    OSError, ValueError, TypeError
        With a message that begins with the path.
    """
    readers = {".npy": _npy, ".npz": _npz, ".csv": _csv}
    suffix = Path(path).suffix.lower()
    reader = readers.get(suffix)
    if reader is None:
        raise ValueError(
            f"{path}: expected a file named .npy, .npz or .csv; save the points as one of them"
        )
    try:
        points, weights, columns = reader(path)
    except OSError as error:
        raise OSError(f"{path}: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: {error}") from error
    names = str(path), f"{path}: weights a"
    measure = Measure.of(points, weights, names)
    return replace(measure, traits=measure.traits._replace(columns=columns))


def _npy(path: str | Path) -> _Contents:
    with open(path, "rb") as file:
        return _array(file), None, None


def _npz(path: str | Path) -> _Contents:
    with zipfile.ZipFile(path) as archive:
        files = [name for name in archive.namelist() if name.endswith(".npy")]
        names = [name.removesuffix(".npy") for name in files]
        if not names:
            raise ValueError(
                "expected an archive of arrays, got none; write it with numpy.savez(path, x=points)"
            )
        first = "x" if "x" in names else names[0]
        has_weights = "a" in names and first != "a"
        points = _member(archive, first)
        weights = _member(archive, "a") if has_weights else None
        return points, weights, None


def _member(archive: zipfile.ZipFile, name: str) -> Numbers:
    """Read the array with this name from an archive."""
    content = archive.read(f"{name}.npy")
    return _array(io.BytesIO(content))


def _array(file: IO[bytes]) -> Numbers:
    """Read one array in NumPy's format; pickles are refused."""
    return np.lib.format.read_array(file, allow_pickle=False)


def _csv(path: str | Path) -> _Contents:
    table = tables.parse(Path(path).read_text(encoding="utf-8-sig"))
    return table.numbers, None, table.columns
