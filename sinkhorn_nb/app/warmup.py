"""Compile the kernels of the main job ahead, so that the first real call is fast."""

from __future__ import annotations

import time

import numpy as np

from ..functional import entropic_ot, sinkhorn_divergence, sinkhorn_divergences
from ..solver import Sinkhorn

SIZES = (64, 1500)  # small problems have a compiled solver of their own
# Dimensions 1 to 6 have kernels of their own; all others share one (backends.tiles).
KINDS = [(dtype, d) for dtype in ("float32", "float64") for d in (2, 3, 64)]


def warm_up(dtype: str, d: int, sizes: tuple[int, ...] = SIZES) -> float:
    """Compile, or load from the cache, the kernels for a divergence, its gradient and its map.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        The dtype of the points.
    d : int
        The dimension of the points.
    sizes : tuple of int
        Numbers of points; small problems and large ones have different kernels.

    Returns
    -------
    float
        The time in seconds.
    """
    start = time.perf_counter()
    for n in sizes:
        x, y = np.random.default_rng(0).random((2, n, d)).astype(dtype)
        divergence = sinkhorn_divergence(x, y[::2] + y.dtype.type(0.2), blur=0.3)
        divergence.gradient()
        divergence.xy.map()
    if sizes == SIZES:
        # Alone, problems of this size take the loop; at a small blur, with sparse steps
        for blur in (0.3, 0.02):
            entropic_ot(x[:900], y[:900], blur=blur)
        sinkhorn_divergences([x[:8]], [x[8:16]], blur=1.0).gradient()
        large = Sinkhorn(compression=1.0, tol=1.0)  # as for a million points
        sinkhorn_divergence(x, x**2, blur=0.3, solver=large).gradient()
    return time.perf_counter() - start
