"""What share of the time of S_eps is spent outside of the passes over pairs: on starts, clusters,
mixing, checks?

float32, d = 3, blur 5 % of the diagonal, tol 1e-3. The backend's methods are timed from within, and
the rest of the wall time is the share. Measures are made anew in each round, as in a user's first
call.
"""

import statistics
import time
from contextlib import contextmanager

import numpy as np

import sinkhorn_nb as snb
from sinkhorn_nb.backends.cpu.backend import CpuBackend

from .families import diameter, warp
from .harness import arguments, goal, write

SIZES = (1000, 4096, 10_000, 16_384)
JUDGED = (10_000, 16_384)
PLAIN = snb.Sinkhorn(compression=None)
PASSES = ("sums", "cluster_sums", "self_sums", "row_sums", "log_sum_exp", "transport")


@contextmanager
def watched():
    """method -> seconds spent in it, while inside."""
    seconds, originals = (
        dict.fromkeys(PASSES, 0.0),
        {name: getattr(CpuBackend, name) for name in PASSES},
    )
    for name, original in originals.items():
        setattr(CpuBackend, name, _timed(original, name, seconds))
    try:
        yield seconds
    finally:
        for name, original in originals.items():
            setattr(CpuBackend, name, original)


def _timed(method, name, seconds):
    def timed(*args):
        start = time.perf_counter()
        try:
            return method(*args)
        finally:
            seconds[name] += time.perf_counter() - start

    return timed


def one_round(x, y, blur):
    """Seconds in all, and within each method, of S_eps."""
    with watched() as seconds:
        start = time.perf_counter()
        divergence = snb.sinkhorn_divergence(x, y, blur=blur, solver=PLAIN)
        float(divergence)
        return {"wall_s": time.perf_counter() - start, "passes": divergence.n_passes} | seconds


def measure(n, rounds):
    x, y = (points.astype(np.float32) for points in warp(n))
    found = [one_round(x, y, 0.05 * diameter(x, y)) for _ in range(rounds)]
    shares = [1 - sum(one[name] for name in PASSES) / one["wall_s"] for one in found]
    medians = {key: statistics.median(one[key] for one in found) for key in found[0]}
    return {"n": n, "rounds": rounds, "share_outside": statistics.median(shares)} | medians


def main():
    args = arguments(__doc__)
    measure(300, 1)  # loads the kernels
    rows = [measure(n, 2 if args.smoke else 7) for n in ((512, 1024) if args.smoke else SIZES)]
    goals = [
        goal(
            f"outside of the passes, n = {row['n']}",
            100 * row["share_outside"],
            "% of the time",
            at_most=15,
        )
        for row in rows
        if row["n"] in JUDGED
    ]
    write(
        args,
        "overhead",
        rows,
        goals,
        blur="5 % of the diagonal of the bounding box",
        d=3,
        dtype="float32",
    )


if __name__ == "__main__":
    main()
