"""The picture of a test for drift. It needs matplotlib: the extra `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..common.array_types import Floats
from ..plotting import GREY, INK, INSTALL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACCENT = "#d6492a"
MOST_FEATURES = 15  # that have a bar


def drift_figure(
    statistic: float, null: Floats, title: str, names: list[str], of_features: Floats
) -> Figure:
    """Draw the observed statistic among those of random labelings, and a bar for each feature.

    Parameters
    ----------
    statistic : float
    null : (n_permutations,) array
    title : str
    names : list of d str
    of_features : (d,) array
        Shares of the divergence; the largest are shown.

    Returns
    -------
    matplotlib.figure.Figure
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"plots need matplotlib; get it with {INSTALL}") from error
    figure = Figure(figsize=(8, 3), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)

    left.hist(null, bins="auto", color=GREY)
    left.axvline(statistic, color=ACCENT)
    left.set(xlabel="statistic", ylabel="random labelings")
    left.set_title(title, color=INK)

    largest = np.argsort(of_features)[::-1][:MOST_FEATURES][::-1]
    right.barh([names[k] for k in largest], of_features[largest], color=INK)
    right.set(xlabel="share of the divergence")
    right.set_title("features", color=INK)
    return figure
