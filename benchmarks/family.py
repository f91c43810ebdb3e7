"""What do other costs take than |x - y|^2 / 2: time per pass, passes, and the whole divergence
beside GeomLoss?

A pass gives row and column sums from one exponential per pair. Passes are those of one cross
problem from the default start.
"""

import numpy as np

import sinkhorn_nb as snb
from sinkhorn_nb import Measure
from sinkhorn_nb.losses.arguments import between
from sinkhorn_nb.terms import terms_of

from .families import diameter, mixture, moons_and_ring, warp
from .harness import arguments, environment, goal, has, in_turn, ratio, write
from .peers import geomloss, ours

SIZES = {2: 16384, 3: 16384, 9: 8192}
COSTS = {
    "p = 2": {"p": 2},
    "p = 1": {"p": 1},
    "p = 1.5": {"p": 1.5},
    "cityblock": {"cost": "cityblock"},
}
FAMILIES = {"warp": warp, "mixture": mixture, "moons and ring": moons_and_ring}
BLUR = 0.05  # diameters


def rates(sizes, rounds):
    """Pairs per second of passes at potentials 0 and a wide blur, on which their speed does not
    depend.
    """
    for d, n in sizes.items():
        for dtype in ("float32", "float64"):
            timings = in_turn(_passes(n, d, dtype), rounds, pause_s=0.02)
            for cost, timing in timings.items():
                yield {
                    "question": "rate",
                    "cost": cost,
                    "d": d,
                    "n": n,
                    "dtype": dtype,
                    "gpairs_per_s": n * n / timing.median() / 1e9,
                    "time_of_p_2": ratio(timing, timings["p = 2"]),
                } | timing.summary()


def _passes(n, d, dtype):
    x, y = (points.astype(dtype) for points in warp(n, d=d))
    source, target, zeros = Measure.of(x), Measure.of(y), np.zeros(n)
    jobs = {}
    for cost, how in COSTS.items():
        terms = terms_of(eps=diameter(x, y) ** how.get("p", 1) / 2, **how)
        kernel = between(source, target, terms).kernel(dtype)
        jobs[cost] = lambda kernel=kernel: kernel.log_sums(zeros, zeros)[0][0]
        jobs[cost]()
    return jobs


def passes(n):
    """Passes to a marginal error of 1e-3 and 1e-6."""
    for family, make in FAMILIES.items():
        x, y = make(n)
        for p in (2, 1, 1.5):
            for tol in (1e-3, 1e-6):
                how = {"p": p, "blur": BLUR * diameter(x, y), "solver": snb.Sinkhorn(tol=tol)}
                solution = snb.entropic_ot(x, y, **how)
                yield {
                    "question": "passes",
                    "cost": f"p = {p}",
                    "family": family,
                    "n": n,
                    "tol": tol,
                    "passes": solution.n_passes,
                    "converged": solution.converged,
                }


def divergences(n, rounds):
    """The divergence with p = 1 and its gradient, by both libraries; the error is relative to our
    tol = 1e-9.
    """
    x, y = (points.astype(np.float32) for points in warp(n))
    blur = BLUR * diameter(x, y)
    precise = snb.Sinkhorn(tol=1e-9, dtype="float64")
    exact = float(snb.sinkhorn_divergence(x, y, p=1, blur=blur, solver=precise))
    jobs = {"sinkhorn_nb": ours(x, y, blur, p=1)}
    list(jobs["sinkhorn_nb"]())  # compile
    if has("geomloss"):
        list(geomloss(x[:100], y[:100], blur, p=1)())
        jobs["geomloss"] = geomloss(x, y, blur, p=1)
    timings = in_turn(jobs, rounds)
    for library, timing in timings.items():
        value = timing.answers[0].value
        yield {
            "question": "divergence",
            "library": library,
            "n": n,
            "value": value,
            "relative_error": abs(value / exact - 1),
            "ours_faster": ratio(timing, timings["sinkhorn_nb"]),
        } | timing.summary()


def goals(rows):
    for row in rows:
        if (row.get("cost"), row.get("dtype")) == ("p = 1", "float32"):
            what = f"p = 1 against p = 2, a pass in float32, d = {row['d']}"
            yield goal(what, row["time_of_p_2"], "of the time", at_most=1.6)
    of_library = {row["library"]: row for row in rows if row["question"] == "divergence"}
    if "geomloss" in of_library:
        theirs, mine = of_library["geomloss"], of_library["sinkhorn_nb"]
        what = "divergence with p = 1 and gradient against GeomLoss"
        yield goal(what, theirs["ours_faster"], "times faster", at_least=60)
        errors = mine["relative_error"] / theirs["relative_error"]
        yield goal("error with p = 1 over GeomLoss's", errors, "of its error", at_most=1)


def main():
    args = arguments(__doc__)
    rows = list(rates({2: 1024} if args.smoke else SIZES, rounds=2 if args.smoke else 7))
    rows += [] if environment() == "torch" else passes(300 if args.smoke else 2000)
    rows += divergences(300 if args.smoke else 4000, rounds=1 if args.smoke else 3)
    write(args, "family", rows, [] if args.smoke else goals(rows), blur=BLUR)


if __name__ == "__main__":
    main()
