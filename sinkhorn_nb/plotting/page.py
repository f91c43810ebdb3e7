"""The places of points on the page: their own, or by their principal components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..common.array_types import Coordinates, Floats
from .canvas import has_depth
from .clouds import area_of_a_point

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..measures.measure import Measure


class Page(NamedTuple):
    """The coordinates that are shown: (x - center) @ directions, or x itself."""

    center: Floats
    directions: Floats
    names: tuple[str, ...]

    def place(self, points: Coordinates) -> Floats:
        """(k, n) coordinates of points on the page."""
        offsets = np.asarray(points, dtype=np.float64) - self.center
        return self.directions.T @ offsets.T

    def turn(self, vectors: Coordinates) -> Floats:
        """(k, n) coordinates of displacements on the page."""
        return self.directions.T @ np.asarray(vectors, dtype=np.float64).T


def page_of(measures: Sequence[Measure], ax: Axes) -> Page:
    """The page of some measures: coordinates that fit on the axes as they are, more than these by
    principal components of all points together.

    Parameters
    ----------
    measures : sequence of Measure
        Of one dimension, at least 2.
    ax : matplotlib.axes.Axes

    Returns
    -------
    Page
    """
    d = measures[0].dimension
    n_shown = 3 if has_depth(ax) else 2
    if d <= n_shown:
        names = tuple(f"$x_{k + 1}$" for k in range(d))
        return Page(np.zeros(d), np.eye(d), names)

    points = np.concatenate([measure.points for measure in measures]).astype(np.float64)
    probabilities = np.concatenate([measure.probabilities for measure in measures])
    shares = probabilities / len(measures)
    center = shares @ points
    offsets = points - center
    covariance = offsets.T @ (shares[:, None] * offsets)
    _, directions = np.linalg.eigh(covariance)
    components = directions[:, ::-1][:, :n_shown]

    # Of the two signs of a component, the one with which its largest entry is positive
    largest = np.abs(components).argmax(axis=0)
    signs = np.sign(components[largest, np.arange(n_shown)])
    names = tuple(f"PC {k + 1}" for k in range(n_shown))
    return Page(center, components * signs, names)


def scatter(ax: Axes, places: Floats, **look: Any) -> Any:
    """Draw points at (k, n) places on the page, above lines."""
    look |= {"s": area_of_a_point(places.shape[1]), "linewidths": 0, "zorder": 2}
    return ax.scatter(*places, **look)


def label(ax: Axes, page: Page) -> None:
    """Name the axes, with one scale for all of them."""
    ax.set_aspect("equal")
    for axis, name in zip("xyz", page.names, strict=False):
        ax.set(**{f"{axis}label": name})
