"""The dual potentials: curves over a line, colors of the points otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..common.array_types import Floats, Numbers
from ..results.divergence import Divergence
from ..results.solution import Solution
from .canvas import axes_or_new
from .page import label, page_of, scatter
from .palette import DIVERGING, SOURCE, TARGET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..measures.measure import Measure


def plot_potentials(result: Solution | Divergence, *, ax: Axes | None = None) -> Axes:
    """Draw the potentials f and g of a solution; of a divergence, f_ab - f_aa and g_ab - g_bb.

    A potential is the price of mass at a point: the derivative of the value with respect to the
    weight there. Mass is cheap where the potential is low.

    Parameters
    ----------
    result : Solution or Divergence
        Points on a line and indices of a cost matrix get curves. Otherwise colors show the
        potentials, of the source by disks and of the target by squares; above 3 dimensions at the
        principal components.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; those of a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    f, g = _potentials(result.on_host)
    problem = result.xy.problem if isinstance(result, Divergence) else result.problem
    source, target = problem.source, problem.target
    ax = axes_or_new(ax, source.dimension)
    if source.dimension == 1 or not problem.has_points:
        x, y = (_places(measure, problem.has_points) for measure in (source, target))
        _curve(ax, x, f, SOURCE, "f, at the source")
        _curve(ax, y, g, TARGET, "g, at the target")
        ax.set(xlabel="$x_1$" if problem.has_points else "index")
        ax.set(ylabel="potential, in units of cost")
        ax.legend(frameon=False)
        return ax

    page = page_of([source, target], ax)
    largest = max(np.abs(values).max() for values in (f, g))
    for measure, values, marker in ((source, f, "o"), (target, g, "s")):
        colors = {"c": values, "cmap": DIVERGING, "vmin": -largest, "vmax": largest}
        drawn = scatter(ax, page.place(measure.points), marker=marker, **colors)
    label(ax, page)
    ax.figure.colorbar(drawn, ax=ax, label="potential: f at disks, g at squares")
    return ax


def _potentials(result: Solution | Divergence) -> tuple[Floats, Floats]:
    if isinstance(result, Divergence):
        return result.potentials
    return result.f, result.g


def _places(measure: Measure, has_points: bool) -> Numbers:
    """The points of a line, or the indices."""
    return measure.points[:, 0] if has_points else np.arange(len(measure))


def _curve(ax: Axes, places: Numbers, values: Floats, color: str, label: str) -> None:
    """Draw a potential over places on a line, in their order."""
    order = np.argsort(places, kind="stable")
    ax.plot(places[order], values[order], color=color, label=label)
