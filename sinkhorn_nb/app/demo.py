"""The main job on real data: move the ink of one handwritten digit onto the ink of another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.stats import qmc
from sklearn.datasets import load_digits

from .. import plotting
from ..backends import compilation
from ..common.array_types import Coordinates
from ..functional import sinkhorn_divergence
from ..results.divergence import Divergence
from .warmup import SIZES, warm_up

SOURCE, TARGET = 4, 0
TITLE = f"Sinkhorn divergence from the ink of a handwritten {SOURCE} to that of a {TARGET}"
BLUR = 0.02  # the digits are about 0.8 high
INK_LEVEL = 7.5  # out of 16, at the outline of the strokes
THINNEST = 0.08  # share of the unit square that the ink of any digit covers at least


class Run(NamedTuple):
    """The divergences S(x, y), S(x - grad / a, y), S(map(x), y), and the seconds of solving and of
    compiling before.
    """

    divergence: Divergence
    after: Divergence
    mapped: Divergence
    n_compiled: int
    compiling: float
    solving: float
    differentiating: float


def digit_cloud(digit: int, n: int) -> Coordinates:
    """n points spread evenly over the ink of scikit-learn's first image of a digit, in the unit
    square.

    Parameters
    ----------
    digit : int
        0 to 9.
    n : int
        At least 1.

    Returns
    -------
    (n, 2) float32 array
    """
    digits = load_digits()
    first = np.argmax(digits.target == digit)
    image = np.pad(digits.images[first], 1)
    points = qmc.Halton(2, seed=0).random(int(n / THINNEST) + 100)
    rows_columns = np.stack([1 - points[:, 1], points[:, 0]])
    rows_columns *= len(image) - 1
    ink = ndimage.map_coordinates(image, rows_columns, order=3)
    return points[ink > INK_LEVEL][:n].astype(np.float32)


def run(n: int) -> Run:
    """Compute the divergence between two digits of n points each, then between the moved first
    digit and the second.

    Returns
    -------
    Run
    """
    x, y = digit_cloud(SOURCE, n), digit_cloud(TARGET, n)
    with compilation.noticed() as kernels:
        compiling = warm_up("float32", 2, (min(n, SIZES[-1]),))
    start = time.perf_counter()
    divergence = sinkhorn_divergence(x, y, blur=BLUR)
    solving = time.perf_counter() - start
    start = time.perf_counter()
    descent = plotting.descent(divergence)
    differentiating = time.perf_counter() - start

    after, mapped = (
        sinkhorn_divergence(moved.astype(np.float32), y, blur=BLUR, self_y=divergence.yy)
        for moved in (x + descent, divergence.xy.map())
    )
    seconds = compiling, solving, differentiating
    return Run(divergence, after, mapped, kernels.count, *seconds)


def report(result: Run, n_threads: int) -> str:
    """Return the numbers of a run as text of several lines."""
    d = result.divergence
    n, m = d.xy.plan.shape
    rate = d.n_passes * n * m / result.solving
    rows = [
        ("points", f"{n} and {m} in the plane, pairs in {d.xy.dtype}"),
        ("blur", f"{BLUR} (the digits are 0.8 high)"),
        ("value", f"S = {d.value:.6e}"),
        (
            "marginal error",
            f"{d.marginal_error:.1e} (tol {d.xy.tol:.0e}), "
            f"{'converged' if d.converged else 'NOT converged'}",
        ),
        ("work", f"{d.n_iter} iterations, {d.n_passes:g} passes over the {n} x {m} pairs"),
        (
            "solve",
            f"{result.solving:.2f} s, {rate / 1e9:.2f} billion pairs per second on {n_threads} "
            "threads",
        ),
        ("gradient", f"{result.differentiating:.2f} s"),
        *_compilation(result),
        (
            "gradient step",
            f"S(x - grad/a, y) = {result.after.value:.1e}, {result.after.value / d.value:.2%} of "
            "S(x, y)",
        ),
        (
            "entropic map",
            f"S(map(x), y)      = {result.mapped.value:.1e}, {result.mapped.value / d.value:.2%}",
        ),
    ]
    return "\n".join(f"  {name:<15}{text}" for name, text in rows)


def _compilation(result: Run) -> Iterator[tuple[str, str]]:
    """Yield a row if kernels were compiled, and not loaded from the cache."""
    if result.n_compiled:
        yield "compilation", f"{result.compiling:.1f} s before that"


def draw(result: Run, path: str) -> None:
    """Write the picture of a run."""
    plotting.save(plotting.plot_motion(result.divergence), path)
