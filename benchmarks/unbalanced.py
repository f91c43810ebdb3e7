"""Unbalanced transport: how many passes, by family of data and reach, and how long beside peers?

Blur and reach are shares of the diagonal of the bounding box. "plain" is damped Sinkhorn iteration
from zero. Peers get the same float32 points; GeomLoss computes S_eps and its gradient, POT the plan
of OT_eps alone. An error is that of S_eps, or of the transported mass for POT, against a converged
float64 reference.
"""

import statistics
import warnings
from functools import partial

import numpy as np

import sinkhorn_nb as snb

from .families import FAMILIES, LARGEST, diameter, mixture, warp
from .harness import arguments, clock, goal, has, in_turn, ratio, write
from .peers import geomloss, ours

BLUR, REACHES = 0.05, (0.1, 0.3, 1.0)
TOLERANCES = (1e-3, 1e-6)
MOST_PASSES = {1e-3: (5, 6, 6), 1e-6: (9, 10, 10)}  # by reach
SIZE, MAX_ITER = 1500, 100
CLOUDS = {"uniform d=3": warp, "mixture d=3": mixture}
PEER_SIZE, ROUNDS, BUDGET_S = 4000, 3, 10.0  # a peer that takes longer runs once
OURS = "sinkhorn_nb", "sinkhorn_nb mass"
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


def ours_mass(x, y, blur, reach):
    return snb.entropic_ot(x, y, blur=blur, reach=reach).plan.sum()


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
        for reach in REACHES:
            blur, length = BLUR * diameter(x, y), reach * diameter(x, y)
            for job in jobs_of(x[:100], y[:100], blur, length, reach).values():
                answers(job)  # starts the pools of the peers
            jobs = jobs_of(x, y, blur, length, reach)
            for library in OURS:
                answers(jobs[library])
            exact = x.astype(float), y.astype(float)
            settings = {"blur": blur, "reach": length, "solver": EXACT}
            value = snb.sinkhorn_divergence(*exact, **settings).value
            mass = snb.entropic_ot(*exact, **settings).plan.sum()
            timings = in_turn(jobs, rounds, budget_s=BUDGET_S)
            facts = {"cloud": cloud, "n": n, "reach": reach}
            for library, timing in timings.items():
                yield row(library, timing, timings, facts, value, mass)


def jobs_of(x, y, blur, length, reach):
    """The libraries' jobs; POT's for the shortest reach alone, because it takes the longest."""
    jobs = {
        "sinkhorn_nb": ours(x, y, blur, reach=length),
        "sinkhorn_nb mass": partial(ours_mass, x, y, blur, length),
    }
    if has("geomloss"):
        for scaling in (0.5, 0.9):
            job = geomloss(x, y, blur, reach=length, scaling=scaling)
            jobs[f"geomloss {scaling}"] = job
    if has("ot") and reach == REACHES[0]:
        jobs["pot mass"] = pot_job(x, y, blur, length)
    return jobs


def answers(job):
    """All that a job answers."""
    return clock(job)[1]


def row(library, timing, timings, facts, value, mass):
    facts = {"question": "times", "library": library, "blur": BLUR} | facts | timing.summary()
    if timing.error:
        return facts
    is_mass = library.endswith("mass")
    answer = timing.answers[0] if is_mass else timing.answers[0].value
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
            (mine,) = (
                q["relative_error"]
                for q in rows
                if q.get("library") == "sinkhorn_nb"
                and (q["cloud"], q["reach"]) == (r["cloud"], r["reach"])
            )
            what = f"error of ours over GeomLoss's, {r['cloud']}, reach {r['reach']:g}"
            yield goal(what, mine / r["relative_error"], "of its error", at_most=1)


def main():
    args = arguments(__doc__)
    n, max_iter, peer_size = (300, 50, 300) if args.smoke else (SIZE, MAX_ITER, PEER_SIZE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = list(all_passes(n, max_iter))
        rows += times(peer_size, 1 if args.smoke else ROUNDS)
    write(args, "unbalanced", rows, goals(rows), max_iter=max_iter)


if __name__ == "__main__":
    main()
