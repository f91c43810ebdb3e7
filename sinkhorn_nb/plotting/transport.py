"""Pictures of moving mass: the plan as lines, the map and the steepest descent as arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.array_types import Coordinates, Floats, Numbers
from .canvas import axes_or_new
from .clouds import descent, heights_of
from .page import label, page_of, scatter
from .palette import INK, SOURCE, TARGET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..measures.measure import Measure
    from ..results.divergence import Divergence
    from ..results.solution import Solution

FINEST = 200  # pixels of a plan that is shown as an image, on each side
OPACITY = 60.0  # of all lines of a plan together, at most 0.5 for each


def plot_plan(
    solution: Solution, *, ax: Axes | None = None, n_lines: int = 500, random_state: int = 0
) -> Axes:
    """Draw a plan as lines between the points that exchange mass.

    The lines are pairs drawn from the plan, each of the same mass: where lines are dense, much mass
    is moved. The plan is never formed.

    Parameters
    ----------
    solution : Solution
        Points on a line are drawn on two lines, the source above; points in space on axes with
        depth; more dimensions by the two principal components of all points. Of a cost matrix,
        whose indices have no places, the plan is shown as an image.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; those of a new figure by default.
    n_lines : int
    random_state : int

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np
    >>> import sinkhorn_nb as snb
    >>> solution = snb.entropic_ot(np.eye(3), np.eye(3) + 1.0, blur=0.1)
    >>> ax = snb.plotting.plot_plan(solution)  # doctest: +SKIP
    """
    solution = solution.on_host
    if not solution.problem.has_points:
        return _image(solution, axes_or_new(ax))

    source, target = solution.problem.source, solution.problem.target
    ax = axes_or_new(ax, source.dimension)
    rows, columns = solution.sample(n_lines, random_state=random_state)

    if source.dimension == 1:
        x = _on_line(source.points, np.ones(len(source)))
        y = _on_line(target.points, np.zeros(len(target)))
        ax.set(yticks=[0, 1], yticklabels=["target", "source"], xlabel="$x_1$")
    else:
        page = page_of([source, target], ax)
        x = page.place(source.points)
        y = page.place(target.points)
        label(ax, page)

    opacity = min(0.5, OPACITY / n_lines)
    segments = np.stack([x[:, rows], y[:, columns]], axis=1)
    for segment in np.moveaxis(segments, 2, 0):
        ax.plot(*segment, color=INK, alpha=opacity, linewidth=0.7, zorder=1)
    scatter(ax, x, color=SOURCE, alpha=0.8, label="source")
    scatter(ax, y, color=TARGET, alpha=0.8, label="target")
    return ax


def plot_map(solution: Solution, *, ax: Axes | None = None, n_arrows: int = 100) -> Axes:
    """Draw the barycentric map: an arrow from each point of the source to the mean of its partners.

    Parameters
    ----------
    solution : Solution
        In dimensions above 3, or 2 on axes without depth, the principal components are shown;
        points on a line at the height of their `levels`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; those of a new figure by default.
    n_arrows : int
        Approximate number of arrows.

    Returns
    -------
    matplotlib.axes.Axes
    """
    solution = solution.on_host
    source, target = solution.problem.source, solution.problem.target
    images = solution.map().reshape(source.points.shape)  # those of a grid have its shape
    return _arrows(source, target, images - source.points, n_arrows, ax)


def plot_divergence(divergence: Divergence, *, ax: Axes | None = None, n_arrows: int = 100) -> Axes:
    """Draw both clouds and the steepest descent of the divergence, -grad_{x_i} S / a_i, as arrows.

    Parameters
    ----------
    divergence : Divergence
        In dimensions above 3, or 2 on axes without depth, the principal components are shown;
        points on a line at the height of their `levels`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; those of a new figure by default.
    n_arrows : int
        Approximate number of arrows.

    Returns
    -------
    matplotlib.axes.Axes
    """
    problem = divergence.xy.problem
    displacement = descent(divergence)
    ax = _arrows(problem.source, problem.target, displacement, n_arrows, ax)
    ax.set_title(f"S = {divergence.value:.3g}", color=INK)
    return ax


def _on_line(points: Coordinates, heights: Numbers) -> Numbers:
    """(2, n) places of points on a line, at these heights."""
    return np.stack([points[:, 0], heights])


def _image(solution: Solution, ax: Axes) -> Axes:
    """Show the masses between groups of neighboring indices, at most FINEST on each side."""
    n, m = solution.plan.shape
    rows = _groups(n)
    columns = _groups(m)
    masses = rows.T @ (solution.plan @ columns)
    ax.imshow(masses, cmap="Blues", extent=(-0.5, m - 0.5, n - 0.5, -0.5), aspect="auto")
    ax.set(xlabel="target", ylabel="source")
    return ax


def _groups(n: int) -> Floats:
    """(n, k) indicators of k groups of neighboring indices."""
    count = min(n, FINEST)
    indices = np.arange(n)
    groups = np.zeros((n, count))
    groups[indices, indices * count // n] = 1.0
    return groups


def _arrows(
    source: Measure, target: Measure, displacement: Floats, n_arrows: int, ax: Axes | None
) -> Axes:
    """Scatter two clouds, and draw displacements of some points of the first one, to scale."""
    ax = axes_or_new(ax, source.dimension)
    if source.dimension == 1:
        x = _on_line(source.points, heights_of(source))
        y = _on_line(target.points, heights_of(target))
        moved = _on_line(displacement, np.zeros(len(source)))
        ax.set(xlabel="$x_1$", ylabel="share of the mass to the left")
    else:
        page = page_of([source, target], ax)
        x = page.place(source.points)
        y = page.place(target.points)
        moved = page.turn(displacement)
        label(ax, page)

    scatter(ax, y, color=TARGET, alpha=0.8, label="target")
    scatter(ax, x, color=SOURCE, alpha=0.8, label="source")
    shown = slice(None, None, max(1, len(source) // n_arrows))
    arrows = [*x[:, shown], *moved[:, shown]]
    if len(x) == 3:
        ax.quiver(*arrows, color=INK, linewidth=0.8, arrow_length_ratio=0.1, alpha=0.7)
    else:
        look: dict[str, Any] = {"color": INK, "alpha": 0.7, "width": 0.004, "zorder": 3}
        ax.quiver(*arrows, angles="xy", scale_units="xy", scale=1, **look)
    return ax
