"""Compile the kernels of the main job ahead, so that the first real call is fast."""

from __future__ import annotations

import time

import numpy as np

from .functional import sinkhorn_divergence

N_POINTS = 64
# Dimensions 1 to 6 have kernels of their own; all others share one (backends.tiles).
KINDS = [(dtype, d) for dtype in ("float32", "float64") for d in (2, 3, 64)]


def warm_up(dtype: str, d: int) -> float:
    """Compile, or load from the cache, the kernels for a divergence, its gradient and its map.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        The dtype of the points.
    d : int
        The dimension of the points.

    Returns
    -------
    float
        The time in seconds.
    """
    start = time.perf_counter()
    x = np.linspace(0, 1, N_POINTS * d, dtype=dtype).reshape(N_POINTS, d)
    divergence = sinkhorn_divergence(x, x[::2], blur=1.0)
    divergence.gradient()
    divergence.xy.map()
    return time.perf_counter() - start
