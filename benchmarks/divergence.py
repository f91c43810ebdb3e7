"""How long until S_eps (and its gradient) is known to a marginal error of 1e-3?

d = 3, float32, blur = 5 % of the diameter. Every answer is judged alike, in float64: its marginal error, from
its potentials, and the error of its value against our own float64 solution at tol 1e-6 (the value's
error is quadratic in the marginal error: about 1e-12).
"""

import numpy as np

import sinkhorn_nb as snb
from sinkhorn_nb import Measure, Problem
from sinkhorn_nb.gibbs import GibbsKernel

from . import families
from .harness import Timing, arguments, goal, in_turn, message, ratio, write
from .peers import installed

SIZES = (1024, 4096, 16384)
CASES = {"warp": 1.0, "mixture": 0.5}  # the share of a library's longest_s that one run may take
TASKS = ("value", "value and gradient")


def marginal_error(x, y, blur, f, g):
    """max over the two sides of sum_i a_i |r_i - 1|, in float64."""
    problem = Problem(Measure.of(x.astype(np.float64)), Measure.of(y.astype(np.float64)), blur**2)
    sums = GibbsKernel.of(problem, "float64").log_sums(f, g)
    return float(max(np.mean(np.abs(np.expm1(s))) for s in sums))


def started(library, x, y, blur):
    """A job for the clock, or the text of what went wrong."""
    try:
        return library.job(x, y, blur)
    except Exception as error:  # a failed peer is a result
        return message(error)


def warm(library):
    """Compile KeOps formulas and XLA, load numba's cache, wake torch; the text of what went wrong."""
    x, y = (points.astype(np.float32) for points in families.warp(256))
    job = started(library, x, y, 0.1)
    return job if isinstance(job, str) else in_turn({"": job}, rounds=1)[""].error


def left_out(library, n, expected_s, longest_s):
    if n > library.largest_n:
        return f"left out: n > {library.largest_n}"
    if expected_s > longest_s:
        return f"left out: {expected_s:.0f} s expected, {longest_s:.0f} s allowed"
    return None


def compare(case, n, libraries, rounds, pace):
    """Rows of all libraries at one size; pace[case, name] learns the seconds a pair costs."""
    x, y = (points.astype(np.float32) for points in getattr(families, case)(n))
    blur = 0.05 * families.diameter(x, y)
    jobs = {}
    for name, library in libraries.items():
        why = left_out(library, n, pace.get((case, name), 0) * n**2, CASES[case] * library.longest_s)
        jobs[name] = why or started(library, x, y, blur)
    timings = {name: Timing(error=job) for name, job in jobs.items() if isinstance(job, str)}
    timings |= in_turn({name: job for name, job in jobs.items() if name not in timings}, rounds, budget_s=12.0)
    solver = snb.Sinkhorn(tol=1e-6, max_iter=5000)
    exact = snb.sinkhorn_divergence(x.astype(np.float64), y.astype(np.float64), blur=blur, solver=solver).value

    for name in libraries:
        timing, row = timings[name], {"case": case, "n": n, "library": name}
        if not timing.times:
            yield row | {"error": timing.error}
            continue
        pace[case, name] = timing.seconds()[-1] / n**2
        value, f, g = timing.answers[0]
        row |= {"value": value, "relative_error_of_value": abs(value - exact) / exact}
        row |= {"marginal_error": marginal_error(x, y, blur, f, g)}
        for lap, task in enumerate(TASKS[: len(timing.answers)]):
            faster = ratio(timing, timings["sinkhorn_nb"], lap)
            yield row | {"task": task, "ours_faster": faster} | timing.summary(lap)


def goals(rows):
    for n in SIZES[1:]:
        for task in TASKS:
            peers = [r for r in rows if r["library"].startswith("geomloss") and r["n"] == n and r.get("task") == task]
            if peers:
                what = f"{task}, n = {n}, against GeomLoss (scaling .9, its faster backend, worst case)"
                yield goal(what, worst(peers), "times faster", at_least=20)


def worst(rows):
    """The smallest ratio of all cases and backends: of the faster backend in the harder case."""
    return min(row["ours_faster"] for row in rows)


def main():
    args = arguments(__doc__)
    libraries, pace, rows = installed(), {}, []
    for name, library in list(libraries.items()):
        if error := warm(library):
            del libraries[name]
            rows.append({"library": name, "n": 256, "case": "warp", "error": error})
    for n in (512, 1024) if args.smoke else SIZES:
        for case in CASES:
            rows += compare(case, n, libraries, 2 if args.smoke else 5, pace)
            print(f"{case}, n = {n}: done", flush=True)
    write(args, "divergence", rows, goals(rows), blur="5 % of the diagonal of the bounding box", d=3, dtype="float32")


if __name__ == "__main__":
    main()
