"""Pictures of point clouds and of the transport between them. They need matplotlib: the extra
`plot`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .common.array_types import Coordinates, Floats, Numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .measures.measure import Measure
    from .results.divergence import Divergence

INSTALL = 'pip install "sinkhorn-nb[plot]"'
COLORMAP = "turbo"
GREY, INK = "#c9ced6", "#30343b"
CLOUD_AREA = 18000.0  # total area of the points of a cloud, in square typographic points
MARGIN = 0.03  # around the clouds, as a share of their extent


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
    area = float(np.clip(CLOUD_AREA / len(points), 0.5, 30))
    colormap = None if isinstance(colors, str) else COLORMAP
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
    (x, y) = _on_page(points, heights)
    (u, v) = _on_page(displacement, np.zeros(len(points)))
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


def plot_divergence(divergence: Divergence, times: Sequence[float] = (1 / 3, 2 / 3, 1)) -> Figure:
    """Show a divergence as a motion: the source, its steepest descent, frames in between, the
    target.

    A point x_i moves along -grad_{x_i} S / a_i. At time 1 it has made one step of gradient descent
    with rate 1.

    Parameters
    ----------
    divergence : Divergence
        The first two coordinates are shown. Points on a line are drawn at the height of their
        `levels`, so that each cloud is the curve of its cumulative distribution.
    times : sequence of float
        The times of the frames.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the command that installs it.
    """
    figure, axes = _row_of_axes(len(times) + 3)
    source, target = divergence.xy.problem.source, divergence.xy.problem.target
    x = source.points
    y = target.points
    displacement = descent(divergence)
    x_heights, y_heights = _heights(source), _heights(target)

    plot_cloud(axes[0], x, x_heights, x_heights)
    plot_cloud(axes[1], y, heights=y_heights)
    plot_displacement(axes[1], x, displacement, x_heights, heights=x_heights)
    for ax, t in zip(axes[2:], times, strict=False):
        plot_cloud(ax, x + t * displacement, x_heights, x_heights)
    plot_cloud(axes[-1], y, INK, y_heights)

    _frame(axes, np.concatenate([source.box, target.box])[:, :2])
    frames = [f"t = {Fraction(t).limit_denominator(100)}" for t in times]
    for ax, title in zip(
        axes, ["source $x$", r"$-\nabla_x S\,/\,a$", *frames, "target $y$"], strict=True
    ):
        ax.set_title(title, color=INK)
    return figure


def descent(divergence: Divergence) -> Floats:
    """(n, d) displacements -grad_{x_i} S / a_i; zero where a_i is zero."""
    a = divergence.xy.problem.source.weights[:, None]
    gradient = divergence.on_host.gradient().x
    return -np.divide(gradient, a, out=np.zeros_like(gradient), where=a > 0)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure to a file. A PNG is reduced to 256 colors, which makes it a third as large."""
    figure.savefig(path)
    if Path(path).suffix.lower() == ".png":
        from PIL import Image  # comes with matplotlib

        with Image.open(path) as image:
            reduced = image.convert("RGB").quantize(256)
        reduced.save(path, optimize=True)


def _row_of_axes(n: int) -> tuple[Figure, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"plots need matplotlib; get it with {INSTALL}") from error
    figure = Figure(figsize=(2.1 * n, 3), dpi=120, layout="constrained")
    return figure, figure.subplots(1, n)


def _heights(measure: Measure) -> Numbers:
    """The second coordinates; for points on a line, their levels."""
    if measure.dimension > 1:
        return measure.points[:, 1]
    return levels(measure.points, measure.weights)


def _on_page(points: Coordinates, heights: Floats | None) -> tuple[Numbers, Numbers]:
    """The two coordinates that are shown."""
    if points.shape[1] > 1:
        return points[:, 0], points[:, 1]
    return points[:, 0], levels(points, np.ones(len(points))) if heights is None else heights


def _bare(ax: Axes, points: Coordinates) -> None:
    ax.set_aspect("equal" if points.shape[1] > 1 else "auto")
    ax.axis("off")


def _frame(axes: Any, corners: Floats) -> None:
    """Set limits that all axes share, around the corners; for points on a line the heights go from
    0 to 1.
    """
    low, high = corners.min(axis=0), corners.max(axis=0)
    margin = MARGIN * ((high - low).max() or 1.0)
    bottom, top = (low[1] - margin, high[1] + margin) if len(low) > 1 else (-MARGIN, 1 + MARGIN)
    for ax in axes:
        ax.set(xlim=(low[0] - margin, high[0] + margin), ylim=(bottom, top))
