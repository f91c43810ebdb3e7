"""Point clouds and displacements of their points, on given axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..common.array_types import Coordinates, Floats, Numbers
from .palette import COLORMAP, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..measures.measure import Measure
    from ..results.divergence import Divergence

CLOUD_AREA = 18000.0  # total area of the points of a cloud, in square typographic points


def plot_cloud(
    ax: Axes, points: Coordinates, colors: str | Floats = GREY, heights: Floats | None = None
) -> None:
    """Scatter the first two coordinates of a cloud, on axes of equal scale without a frame.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    points : (n, d) array
    colors : str or (n,) array
        One color, or one number per point, which the colormap shows.
    heights : (n,) array, optional
        The second coordinates of points on a line (d = 1); `levels` of equal weights by default.
    """
    x, y = _on_page(points, heights)
    colormap = None if isinstance(colors, str) else COLORMAP
    area = area_of_a_point(len(points))
    ax.scatter(x, y, s=area, c=colors, cmap=colormap, linewidths=0)
    _bare(ax, points)


def plot_displacement(
    ax: Axes,
    points: Coordinates,
    displacement: Floats,
    values: Floats,
    n_arrows: int = 250,
    heights: Floats | None = None,
) -> None:
    """Draw the displacements of some points of a cloud as arrows, to scale.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    points, displacement : (n, d) arrays
    values : (n,) array
        Numbers that the colors of the arrows show.
    n_arrows : int
        Approximate number of arrows.
    heights : (n,) array, optional
        The second coordinates of points on a line, as in `plot_cloud`.
    """
    shown = slice(None, None, max(1, len(points) // n_arrows))
    x, y = _on_page(points, heights)
    u, v = _on_page(displacement, np.zeros(len(points)))
    arrows = (vector[shown] for vector in (x, y, u, v, values))
    ax.quiver(*arrows, cmap=COLORMAP, angles="xy", scale_units="xy", scale=1, width=0.006)
    _bare(ax, points)


def levels(points: Coordinates, weights: Floats) -> Floats:
    """The cumulative distribution of points on a line: the share of the mass to the left, and half
    of the own mass.

    Transport on a line keeps the levels: points move sideways, from the curve of one distribution
    to the other curve.

    Parameters
    ----------
    points : (n, 1) array
    weights : (n,) array

    Returns
    -------
    (n,) float64 array
        From 0 to 1.
    """
    order = np.argsort(points[:, 0], kind="stable")
    shares = weights[order] / weights.sum()
    heights = np.empty(len(points))
    heights[order] = np.cumsum(shares) - shares / 2
    return heights


def descent(divergence: Divergence) -> Floats:
    """(n, d) displacements -grad_{x_i} S / a_i; zero where a_i is zero."""
    a = divergence.xy.problem.source.weights[:, None]
    gradient = divergence.on_host.gradient().x.reshape(len(a), -1)  # a grid's has its shape
    still = np.zeros_like(gradient)
    return -np.divide(gradient, a, out=still, where=a > 0)


def heights_of(measure: Measure) -> Numbers:
    """The second coordinates of a measure; for points on a line, their levels."""
    if measure.dimension > 1:
        return measure.points[:, 1]
    return levels(measure.points, measure.weights)


def area_of_a_point(n: int) -> float:
    """The area of each of n points, in square typographic points: large for few points."""
    return float(np.clip(CLOUD_AREA / n, 0.5, 30))


def _on_page(points: Coordinates, heights: Floats | None) -> tuple[Numbers, Numbers]:
    """The two coordinates that are shown."""
    if points.shape[1] > 1:
        return points[:, 0], points[:, 1]
    if heights is None:
        heights = levels(points, np.ones(len(points)))
    return points[:, 0], heights


def _bare(ax: Axes, points: Coordinates) -> None:
    ax.set_aspect("equal" if points.shape[1] > 1 else "auto")
    ax.axis("off")
