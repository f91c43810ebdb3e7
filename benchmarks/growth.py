"""Time of S_eps and both gradients against n, by us and by peers, on the same clouds in float32.

Each way takes a few calls per size, after a small one that compiles, and leaves when its next size
would take too long.
"""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

import sinkhorn_nb as snb

from . import peers
from .families import diameter
from .harness import clock, has, message

LONGEST_S = 100.0  # of one call
CALLS, ENOUGH_S = 3, 10.0  # per size; no more calls after this time
WARM_UP = 500  # points
OURS = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000)
THEIRS = (1000, 3000, 10_000, 30_000, 100_000)


def ours(x, y, blur, compression="auto"):
    """sinkhorn_nb; points are copied by the call itself."""
    solver = snb.Sinkhorn(compression=compression)

    def job():
        divergence = snb.sinkhorn_divergence(x, y, blur=blur, solver=solver)
        float(divergence)
        divergence.gradient()

    return job


def geomloss(x, y, blur, backend):
    """SamplesLoss, its value and both gradients; scaling .9, as in all our comparisons."""
    os.environ.setdefault("PYKEOPS_VERBOSE", "0")
    import torch
    from geomloss import SamplesLoss

    loss = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=0.9, backend=backend)
    x, y = (torch.tensor(points, requires_grad=True) for points in (x, y))

    def job():
        with torch.enable_grad():
            torch.autograd.grad(loss(x, y), [x, y])

    return job


class Way(NamedTuple):
    """How a library is called: job(x, y, blur), its sizes, and the power of n in its time."""

    job: Callable
    sizes: tuple[int, ...]
    power: float


def ways():
    """name -> Way, for libraries that can be imported here; ours come first."""
    found = {
        "sinkhorn_nb": Way(ours, OURS, 1),
        "sinkhorn_nb, compression=None": Way(partial(ours, compression=None), THEIRS, 2),
    }
    if has("ot"):
        found["pot"] = Way(peers.pot, THEIRS[:2], 2)
    if has("geomloss"):
        found["geomloss tensorized"] = Way(partial(geomloss, backend="tensorized"), THEIRS[:3], 2)
    if has("geomloss") and has("pykeops"):
        multiscale = partial(geomloss, backend="multiscale")
        found["geomloss multiscale"] = Way(multiscale, THEIRS, 1.5)
        found["geomloss online"] = Way(partial(geomloss, backend="online"), THEIRS, 2)
    return found


def growth(clouds, share, is_smoke, deadline):
    """Rows of all ways.

    Parameters
    ----------
    clouds : function(n) -> x, y
    share : float
        The blur, as a share of the diagonal.
    is_smoke : bool
    deadline : float
        No call is begun that would end later, by `time.perf_counter`.
    """
    rows = []
    for library, way in ways().items():
        sizes = (WARM_UP, *(way.sizes[:2] if is_smoke else way.sizes))
        for n, following in zip(sizes, (*sizes[1:], sizes[-1]), strict=True):
            row = timed(library, way.job, *clouds(n), share)
            rows += [row] if n > WARM_UP else []
            left = min(LONGEST_S, deadline - time.perf_counter())
            if "error" in row or (
                n > WARM_UP and row["min_s"] * (following / n) ** way.power > left
            ):
                break
    return rows


def timed(library, make, x, y, share):
    """The best of some calls, or an error: a failed peer is a result. Slow calls are made once."""
    row = {"library": library, "n": len(x)}
    x, y = x.astype(np.float32), y.astype(np.float32)
    try:
        job = make(x, y, share * diameter(x, y))
        seconds = [clock(job)[0][-1]]
        while len(seconds) < CALLS and sum(seconds) < ENOUGH_S:
            seconds.append(clock(job)[0][-1])
    except Exception as error:
        return row | {"error": message(error)}
    return row | {"min_s": min(seconds), "rounds": len(seconds)}
