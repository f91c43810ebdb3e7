"""The marginal error of one or more solves, iteration by iteration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..results.divergence import Divergence
from ..results.solution import Solution
from .canvas import axes_or_new
from .palette import GREY, SERIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HIGHEST = 10.0  # a start may have a marginal error of 1e50, which flattens all that follows


def plot_convergence(
    results: Solution | Divergence | Mapping[str, Solution], *, ax: Axes | None = None
) -> Axes:
    """Draw the marginal error against the iterations, on a logarithmic scale, with the tolerance.

    Parameters
    ----------
    results : Solution, Divergence or mapping of str to Solution
        A divergence has three curves; a mapping, such as {"zeros": s, "coarse": t}, one for each
        solution, to compare solvers or starts.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; those of a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = axes_or_new(ax)
    solutions = _by_name(results)
    for k, (name, solution) in enumerate(solutions.items()):
        errors = solution.history if solution.n_iter else np.array([solution.marginal_error])
        label = f"{name}: {solution.n_passes:.3g} passes".removeprefix(": ")
        color = SERIES[k % len(SERIES)]
        ax.semilogy(errors, color=color, marker="o", markersize=3, label=label)

    for tol in {solution.tol for solution in solutions.values()}:
        ax.axhline(tol, color=GREY, linestyle="--", zorder=0)
    ax.set(xlabel="iteration", ylabel="marginal error")
    ax.locator_params(axis="x", integer=True)
    _, top = ax.get_ylim()
    ax.set_ylim(top=min(top, HIGHEST))
    ax.legend(frameon=False)
    return ax


def _by_name(
    results: Solution | Divergence | Mapping[str, Solution],
) -> Mapping[str, Solution]:
    if isinstance(results, Mapping):
        return results
    if isinstance(results, Divergence):
        return {"x to y": results.xy, "x to x": results.xx, "y to y": results.yy}
    return {"": results}
