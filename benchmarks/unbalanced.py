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
