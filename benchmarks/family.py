"""Unbalanced transport: how many passes, by family of data and reach, and how long beside peers?

Blur and reach are shares of the diagonal of the bounding box. "plain" is damped Sinkhorn iteration
from zero. Peers get the same float32 points; GeomLoss computes S_eps and its gradient, POT the plan
of OT_eps alone. An error is that of S_eps, or of the transported mass for POT, against a converged
float64 reference.
"""

import statistics
import warnings
from functools import partial
"""What do other costs take than |x - y|^2 / 2: time per pass, passes, and the whole divergence
beside GeomLoss?
A pass gives row and column sums from one exponential per pair. Passes are those of one cross
problem from the default start.
import os

import numpy as np

import sinkhorn_nb as snb

from .families import FAMILIES, LARGEST, diameter, mixture, warp
from .harness import arguments, goal, has, in_turn, ratio, write

BLUR, REACHES = 0.05, (0.1, 0.3, 1.0)
TOLERANCES = (1e-3, 1e-6)
MOST_PASSES = {1e-3: (5, 6, 6), 1e-6: (9, 10, 10)}  # by reach
SIZE, MAX_ITER = 1500, 100
CLOUDS = {"uniform d=3": warp, "mixture d=3": mixture}
PEER_SIZE, ROUNDS = 4000, 2
LEAST_RATIO = 60  # GeomLoss's time over ours
EXACT = snb.Sinkhorn(tol=1e-9, dtype="float64")


def passes(family, n, reach, tol, acceleration="auto", max_iter=MAX_ITER):
    clouds = FAMILIES[family](n)
    length = diameter(*clouds[:2])
    start = "auto" if acceleration == "auto" else "zeros"
    solver = snb.Sinkhorn(tol=tol, max_iter=max_iter, acceleration=acceleration, init=start)
    solution = snb.entropic_ot(*clouds, blur=BLUR * length, reach=reach * length, solver=solver)
    return {
        "question": "passes", "family": family, "n": len(clouds[0]), "m": len(clouds[1]),
        "blur": BLUR, "reach": reach, "tol": tol, "acceleration": acceleration,
        "passes": solution.n_passes, "converged": solution.converged,
        "marginal_error": solution.marginal_error, "gap_over_value": solution.gap / solution.value,
    }  # fmt: skip


def all_passes(n, max_iter):
    for family in FAMILIES:
        size = min(n, LARGEST.get(family, n))
        for reach in REACHES:
            for tol in TOLERANCES:
                yield passes(family, size, reach, tol, max_iter=max_iter)
            yield passes(family, size, reach, TOLERANCES[0], "none", max_iter)


def ours(x, y, blur, reach):
    divergence = snb.sinkhorn_divergence(x, y, blur=blur, reach=reach)
    return divergence.value, divergence.gradient().x


def ours_mass(x, y, blur, reach):
    return snb.entropic_ot(x, y, blur=blur, reach=reach).plan.sum()


def geomloss_job(x, y, blur, reach, scaling):
    import torch
    from geomloss import SamplesLoss

    loss = SamplesLoss(
        "sinkhorn", p=2, blur=blur, reach=reach, scaling=scaling, backend="tensorized"
    )
    x, y = (torch.tensor(points, requires_grad=True) for points in (x, y))

    def job():
        with torch.enable_grad():
            value = loss(x, y)
        return value.item(), torch.autograd.grad(value, [x])[0].numpy()

    return job


def pot_job(x, y, blur, reach):
    """KL(P | a (x) b) as here; the log domain, because the kernel underflows."""
    import ot

    a, b = (np.full(len(points), 1 / len(points)) for points in (x, y))
    costs = ot.dist(x.astype(float), y.astype(float)) / 2

    def job():
        plan = ot.unbalanced.sinkhorn_unbalanced(
            a, b, costs, blur**2, reach**2, method="sinkhorn_stabilized", reg_type="kl",
            c=np.outer(a, b), numItermax=200, stopThr=1e-6,
        )  # fmt: skip
        return plan.sum()

    return job


def times(n, rounds):
    """One row per library, cloud and reach, timed in turn."""
    for cloud, make in CLOUDS.items():
        x, y = (points.astype(np.float32) for points in make(n))
        length = diameter(x, y)
        for reach in REACHES:
            lengths = BLUR * length, reach * length
            jobs = {
                "sinkhorn_nb": partial(ours, x, y, *lengths),
                "sinkhorn_nb mass": partial(ours_mass, x, y, *lengths),
            }
            if has("geomloss"):
                jobs |= {f"geomloss {s}": geomloss_job(x, y, *lengths, s) for s in (0.5, 0.9)}
            if has("ot"):
                jobs["pot mass"] = pot_job(x, y, *lengths)
            exact = x.astype(float), y.astype(float)
            settings = {"blur": lengths[0], "reach": lengths[1], "solver": EXACT}
            value = snb.sinkhorn_divergence(*exact, **settings).value
            mass = snb.entropic_ot(*exact, **settings).plan.sum()
            for job in jobs.values():
                job()
            timings = in_turn(jobs, rounds)
            for library, timing in timings.items():
                yield row(
                    library, timing, timings, {"cloud": cloud, "n": n, "reach": reach}, value, mass
                )


def row(library, timing, timings, facts, value, mass):
    facts = {"question": "times", "library": library, "blur": BLUR} | facts | timing.summary()
    if timing.error:
        return facts
    is_mass = library.endswith("mass")
    answer = timing.answers[-1] if is_mass else timing.answers[-1][0]
    exact, base = (mass, "sinkhorn_nb mass") if is_mass else (value, "sinkhorn_nb")
    return facts | {
        "relative_error": abs(answer - exact) / exact,
        "times_ours": ratio(timing, timings[base]),
    }


def goals(rows):
    for tol, most in MOST_PASSES.items():
        for reach, bound in zip(REACHES, most, strict=True):
            found = [
                r["passes"]
                for r in rows
                if r["question"] == "passes"
                and (r["acceleration"], r["reach"], r["tol"]) == ("auto", reach, tol)
            ]
            what = f"median of {len(found)} families, reach {reach:g}, to {tol:g}"
            yield goal(what, statistics.median(found), "passes", at_most=bound)
    for r in rows:
        if r.get("library") == "geomloss 0.9" and "times_ours" in r:
            what = f"time of GeomLoss (scaling .9) over ours, {r['cloud']}, reach {r['reach']:g}"
            yield goal(what, r["times_ours"], "times", at_least=LEAST_RATIO)
from sinkhorn_nb import Measure
from sinkhorn_nb.losses.arguments import between
from sinkhorn_nb.terms import terms_of
from .families import diameter, mixture, moons_and_ring, warp
from .harness import arguments, environment, goal, has, in_turn, ratio, write
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
    """The divergence with p = 1, by both libraries; the error is relative to our tol = 1e-9."""
    x, y = (points.astype(np.float32) for points in warp(n))
    blur = BLUR * diameter(x, y)
    exact = snb.sinkhorn_divergence(
        x, y, p=1, blur=blur, solver=snb.Sinkhorn(tol=1e-9, dtype="float64")
    jobs = {"sinkhorn_nb": lambda: float(snb.sinkhorn_divergence(x, y, p=1, blur=blur))}
    if has("geomloss"):
        jobs["geomloss"] = _geomloss(x, y, blur)
    values = {library: job() for library, job in jobs.items()}
    timings = in_turn(jobs, rounds)
    for library, timing in timings.items():
        yield {
            "question": "divergence",
            "library": library,
            "n": n,
            "value": values[library],
            "relative_error": abs(values[library] / float(exact) - 1),
            "ours_faster": ratio(timing, timings["sinkhorn_nb"]),
        } | timing.summary()
def _geomloss(x, y, blur):
    os.environ.setdefault("PYKEOPS_VERBOSE", "0")
    loss = SamplesLoss("sinkhorn", p=1, blur=blur, scaling=0.9, backend="tensorized")
    points = [torch.tensor(x), torch.tensor(y)]
    return lambda: float(loss(*points))
    rate = {(r["cost"], r["dtype"], r["d"]): r["time_of_p_2"] for r in rows if "time_of_p_2" in r}
    if ("p = 1", "float32", 3) in rate:
        times = rate["p = 1", "float32", 3]
        yield goal("p = 1 against p = 2, float32, d = 3", times, "of the time", at_most=1.6)
    for row in rows:
        if row.get("library") == "geomloss" and row["n"] >= 4000:
            faster = row["ours_faster"]
            yield goal(
                "divergence with p = 1 against GeomLoss", faster, "times faster", at_least=60
            )


def main():
    args = arguments(__doc__)
    n, max_iter, peer_size = (300, 50, 300) if args.smoke else (SIZE, MAX_ITER, PEER_SIZE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = list(all_passes(n, max_iter))
        rows += times(peer_size, 1 if args.smoke else ROUNDS)
    write(args, "family", rows, goals(rows), max_iter=max_iter)
    rows = list(rates({2: 1024} if args.smoke else SIZES, rounds=2 if args.smoke else 7))
    rows += [] if environment() == "torch" else passes(300 if args.smoke else 2000)
    rows += divergences(300 if args.smoke else 4000, rounds=1 if args.smoke else 3)
    write(args, "family", rows, [] if args.smoke else goals(rows), blur=BLUR)


if __name__ == "__main__":
    main()
