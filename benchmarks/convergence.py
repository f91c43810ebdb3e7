"""How many passes, by family of data, blur and tolerance?

The rows are for OT_eps(a, b) alone, with float64 points and the default start and solver unless the
row says otherwise. The blur is a share of the diagonal of the bounding box. A pass treats every
pair once; passes of the start count.
"""

import math
import statistics
import time
import warnings

import sinkhorn_nb as snb

from .families import FAMILIES, LARGEST, diameter
from .harness import arguments, goal, write

BLURS = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
TOLERANCES = (1e-3, 1e-6)
# Blur by n and tol: minutes, not hours
FINEST = {1500: {1e-3: 0.005, 1e-6: 0.005}, 5000: {1e-3: 0.01, 1e-6: 0.02}}
SMOKE = {300: {1e-3: 0.05, 1e-6: 0.05}}
MAX_ITER = 300
# Sinkhorn's alternating iteration from zero and the paper's annealed one: at the smaller size, to
# the larger tolerance.
OTHERS, OTHER_BLURS = (("none", "zeros"), ("symmetric", "auto")), (0.05, 0.02)
MOST_PASSES = {(0.05, 1e-3): 6, (0.02, 1e-3): 16, (0.05, 1e-6): 12, (0.02, 1e-6): 40}


def solve(family, n, blur, tol, acceleration="auto", init="auto", max_iter=MAX_ITER):
    clouds = FAMILIES[family](n)
    x, y = clouds[:2]
    solver = snb.Sinkhorn(tol=tol, max_iter=max_iter, acceleration=acceleration, init=init)
    start = time.perf_counter()
    solution = snb.entropic_ot(*clouds, blur=blur * diameter(x, y), solver=solver)
    seconds = time.perf_counter() - start
    return {
        "family": family, "size": n, "n": len(x), "m": len(y), "d": x.shape[1],
        "acceleration": acceleration, "init": init, "blur": blur, "tol": tol,
        "passes": solution.n_passes, "iterations": solution.n_iter, "seconds": seconds,
        "converged": solution.converged, "marginal_error": solution.marginal_error, "value": solution.value,
    }  # fmt: skip


def questions(finest):
    """Yield the arguments of `solve`."""
    for n, least in finest.items():
        for family in FAMILIES:
            if n <= LARGEST.get(family, math.inf):
                yield from (
                    (family, n, blur, tol)
                    for blur in BLURS
                    for tol in TOLERANCES
                    if blur >= least[tol]
                )
    n = min(finest)
    for family in FAMILIES:
        yield from (
            (family, n, blur, TOLERANCES[0], *other) for blur in OTHER_BLURS for other in OTHERS
        )


def goals(rows):
    """Medians over the families; a solve that did not converge counts with the passes it made."""
    for n in FINEST | SMOKE:
        for (blur, tol), most in MOST_PASSES.items():
            key = ("auto", n, blur, tol)
            passes = [
                r["passes"]
                for r in rows
                if (r["acceleration"], r["size"], r["blur"], r["tol"]) == key
            ]
            if passes:
                what = f"median of {len(passes)} families, n = {n}, blur {blur:g}, to {tol:g}"
                yield goal(what, statistics.median(passes), "passes", at_most=most)


def main():
    args = arguments(__doc__)
    finest, max_iter = (SMOKE, 50) if args.smoke else (FINEST, MAX_ITER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", snb.ConvergenceWarning)
        for family in FAMILIES:
            solve(family, 300, 0.2, 1e-6, max_iter=2)  # loads the kernels of both precisions
        rows = [solve(*question, max_iter=max_iter) for question in questions(finest)]
    write(args, "convergence", rows, goals(rows), max_iter=max_iter, dtype="float64")


if __name__ == "__main__":
    main()
