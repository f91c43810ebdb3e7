"""The outcome of a two-sample test, and the features that account for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..losses.two_sample import TwoSampleTest
from .canvas import axes_or_new
from .palette import ACCENT, GREY, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..estimators.drift import SinkhornDriftDetector

MOST_FEATURES = 15  # that have a bar


def plot_drift(result: TwoSampleTest | SinkhornDriftDetector, *, ax: Axes | None = None) -> Axes:
    """Draw the observed statistic of a test among those of random labelings.

    Parameters
    ----------
    result : TwoSampleTest or SinkhornDriftDetector
        The latest test of a detector is drawn.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; those of a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    learned = "" if isinstance(result, TwoSampleTest) else "_"  # scikit-learn's convention
    names = ("statistic", "pvalue", "null_distribution")
    statistic, pvalue, null = (getattr(result, name + learned) for name in names)
    ax = axes_or_new(ax)
    ax.hist(null, bins="auto", color=GREY, label="random labelings")
    ax.axvline(statistic, color=ACCENT, label="observed")
    ax.set(xlabel="statistic", ylabel="labelings")
    ax.set_title(f"p = {pvalue:.3g}" + _verdict(result), color=INK)
    ax.legend(frameon=False)
    return ax


def _verdict(result: TwoSampleTest | SinkhornDriftDetector) -> str:
    """The conclusion of a detector; a test alone has no level."""
    if isinstance(result, TwoSampleTest):
        return ""
    return ": drift" if result.is_drift_ else ": no drift"


def plot_features(detector: SinkhornDriftDetector, *, ax: Axes | None = None) -> Axes:
    """Draw the share of the divergence that each feature accounts for, in the latest test.

    Parameters
    ----------
    detector : SinkhornDriftDetector
        The 15 features with the largest shares are shown.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; those of a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    shares = detector.attributions_.sum(axis=0)
    names = getattr(detector, "feature_names_in_", np.arange(len(shares)))
    largest = np.argsort(shares)[::-1][:MOST_FEATURES][::-1]
    ax = axes_or_new(ax)
    labels = [str(names[k]) for k in largest]
    ax.barh(labels, shares[largest], color=INK)
    ax.set(xlabel="share of the divergence")
    ax.set_title("features", color=INK)
    return ax
