"""Axes to draw on, and files to write to. They need matplotlib: the extra `plot`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INSTALL = 'pip install "sinkhorn-nb[plot]"'
DEPTH = "3d"  # matplotlib's name of axes with three coordinates


def axes_or_new(ax: Axes | None, dimension: int = 2) -> Axes:
    """The caller's axes; without them those of a new figure, with depth for points in space.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the command that installs it.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise missing(error) from error
    options = {"projection": DEPTH} if dimension == 3 else {}
    _, new = plt.subplots(layout="constrained", subplot_kw=options)
    return new


def row_of_axes(n: int, width: float = 2.1) -> tuple[Figure, Any]:
    """A figure with n axes side by side, each `width` inches wide, which pyplot does not know."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing(error) from error
    figure = Figure(figsize=(width * n, 3), dpi=120, layout="constrained")
    return figure, figure.subplots(1, n)


def missing(error: ImportError) -> ImportError:
    """The error of a missing matplotlib, with its cure."""
    return ImportError(f"plots need matplotlib; get it with {INSTALL}", name=error.name)


def has_depth(ax: Axes) -> bool:
    """Whether the axes have three coordinates."""
    return ax.name == DEPTH


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure to a file. A PNG is reduced to 256 colors, which makes it a third as large."""
    figure.savefig(path)
    if Path(path).suffix.lower() == ".png":
        from PIL import Image  # comes with matplotlib

        with Image.open(path) as image:
            reduced = image.convert("RGB").quantize(256)
        reduced.save(path, optimize=True)
