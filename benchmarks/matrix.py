"""Costs from a matrix: time per pass against a read of the matrix, and the whole solve beside POT.

POT's `sinkhorn_log` makes the iterates of our acceleration="none" from zero, so ours tells how many
of its iterations a marginal error of 1e-3 takes. A few of these are timed, and the time of all
follows. Clouds only make the matrix; neither library sees them.
"""

from functools import partial

import numpy as np

import sinkhorn_nb as snb

from .families import diameter, mixture, warp
from .harness import arguments, environment, goal, has, in_turn, ratio, write

FAMILIES = {"warp": warp, "mixture": mixture}
BLUR = 0.05  # diameters
TIMED = 2  # iterations of POT
BUDGET_S = 20.0  # POT runs once
TOL = 1e-3


def problem(make, n, dtype):
    """The matrix |x - y|^2 / 2 and eps."""
    x, y = make(n)
    C = (x**2).sum(axis=1)[:, None] / 2 + (y**2).sum(axis=1) / 2 - x @ y.T
    return np.maximum(C, 0).astype(dtype), (BLUR * diameter(x, y)) ** 2


def passes(n, rounds):
    """Seconds of a pass in units of a read of the matrix, which sums its entries on one thread."""
    for dtype in ("float32", "float64"):
        jobs = _passes(*problem(warp, n, dtype))
        for job in jobs.values():
            job()
        timings = in_turn(jobs, rounds, pause_s=0.02)
        for name, timing in timings.items():
            share = ratio(timing, timings["read"])
            row = {"question": "pass", "job": name, "n": n, "dtype": dtype, "reads": share}
            yield row | timing.summary()


def _passes(C, eps):
    solution = snb.entropic_ot_matrix(C, eps=eps)
    kernel, (f, g) = solution.problem.kernel(C.dtype.name), solution.iterate[:2]
    rows = solution.problem.source.partition.clusters(64)
    columns = solution.problem.target.partition.clusters(64)
    return {
        "read": C.sum,
        "sums": lambda: kernel.log_sums(f, g)[0][0],
        "sums by clusters of rows": lambda: kernel.cluster_sums(f, g, rows)[0][0],
        "sums by clusters of columns": lambda: kernel.T.cluster_sums(g, f, columns)[0][0],
        "softmin": lambda: kernel.softmin(g)[0],
    }


def solves(n, rounds):
    """Seconds to a marginal error of 1e-3, of both libraries."""
    for family, make in FAMILIES.items():
        C, eps = problem(make, n, "float64")
        ours = snb.entropic_ot_matrix(C, eps=eps, solver=snb.Sinkhorn(tol=TOL))
        plain = snb.Sinkhorn(tol=TOL, init="zeros", acceleration="none", dtype="float64")
        of_pot = -(-snb.entropic_ot_matrix(C, eps=eps, solver=plain).n_iter // 2)
        jobs = {"sinkhorn_nb": partial(_ours, C, eps)}
        if has("ot"):
            jobs["POT"] = partial(_pot, C, eps, TIMED)
        timings = in_turn(jobs, rounds, budget_s=BUDGET_S)
        for library, timing in timings.items():
            times = of_pot / TIMED if library == "POT" else 1.0
            yield {
                "question": "solve",
                "library": library,
                "family": family,
                "n": n,
                "iterations": of_pot if library == "POT" else ours.n_iter,
                "passes": ours.n_passes if library == "sinkhorn_nb" else None,
                "ours_faster": times * (ratio(timing, timings["sinkhorn_nb"]) or np.nan),
            } | timing.summary()


def _ours(C, eps):
    return snb.entropic_ot_matrix(C, eps=eps, solver=snb.Sinkhorn(tol=TOL)).value


def _pot(C, eps, n_iter):
    import ot

    weights = [np.full(size, 1 / size) for size in C.shape]
    return ot.bregman.sinkhorn_log(*weights, C, eps, numItermax=n_iter, stopThr=0, warn=False)[0, 0]


def goals(rows):
    for row in rows:
        if row.get("library") == "POT":
            what = f"a matrix of costs against POT, {row['family']}"
            yield goal(what, row["ours_faster"], "times faster", at_least=30)


def main():
    args = arguments(__doc__)
    rows = [] if environment() == "torch" else list(passes(300 if args.smoke else 10_000, 5))
    rows += solves(300 if args.smoke else 10_000, rounds=2)
    write(args, "matrix", rows, [] if args.smoke else goals(rows), blur=BLUR)


if __name__ == "__main__":
    main()
