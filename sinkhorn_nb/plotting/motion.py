"""A divergence as a motion: frames of one step of gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.array_types import Floats
from .canvas import row_of_axes
from .clouds import descent, heights_of, plot_cloud, plot_displacement
from .palette import INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..results.divergence import Divergence

MARGIN = 0.03  # around the clouds, as a share of their extent


def plot_motion(divergence: Divergence, times: Sequence[float] = (1 / 3, 2 / 3, 1)) -> Figure:
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
    figure, axes = row_of_axes(len(times) + 3)
    source, target = divergence.xy.problem.source, divergence.xy.problem.target
    x = source.points
    y = target.points
    displacement = descent(divergence)
    x_heights, y_heights = heights_of(source), heights_of(target)

    plot_cloud(axes[0], x, x_heights, x_heights)
    plot_cloud(axes[1], y, heights=y_heights)
    plot_displacement(axes[1], x, displacement, x_heights, heights=x_heights)
    for ax, t in zip(axes[2:], times, strict=False):
        plot_cloud(ax, x + t * displacement, x_heights, x_heights)
    plot_cloud(axes[-1], y, INK, y_heights)

    _frame(axes, np.concatenate([source.box, target.box])[:, :2])
    frames = [f"t = {Fraction(t).limit_denominator(100)}" for t in times]
    titles = ["source $x$", r"$-\nabla_x S\,/\,a$", *frames, "target $y$"]
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, color=INK)
    return figure


def _frame(axes: Any, corners: Floats) -> None:
    """Set limits that all axes share, around the corners; for points on a line the heights go from
    0 to 1.
    """
    low = corners.min(axis=0)
    high = corners.max(axis=0)
    margin = MARGIN * ((high - low).max() or 1.0)
    widths = low[0] - margin, high[0] + margin
    heights = -MARGIN, 1 + MARGIN
    if len(low) > 1:
        heights = low[1] - margin, high[1] + margin
    for ax in axes:
        ax.set(xlim=widths, ylim=heights)
