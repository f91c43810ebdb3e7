"""The timing figure of Feydy et al. 2019: the loss and its gradient in x, by the number of points.

Clouds in the unit cube, d = 3, p = 1, eps = .1, float32. "20 + 3 iterations" are the paper's: 20 of
Sinkhorn's iterations for the problem between the clouds and 3 averaged ones for each cloud with
itself, from zero. The others are losses of this library with its defaults, and GeomLoss's, whose
scaling sets about 20 temperatures. A million points are not run: one pass between a share of the
rows and all columns is timed, and a loss takes as many of its passes as at the largest size that
was run. Such rows say that they are extrapolated.
"""

import os
import warnings
from functools import partial

import numpy as np

import sinkhorn_nb as snb
from sinkhorn_nb import Measure
from sinkhorn_nb.losses.arguments import between
from sinkhorn_nb.terms import terms_of

from .families import warp
from .harness import arguments, has, in_turn, write

EPS, D = 0.1, 3
SIZES = (10, 100, 1000, 10_000, 100_000)
COMPILED = SIZES[2]  # runs of up to so many points warm up the larger ones
MILLION, ROWS = 1_000_000, 5000  # a pass is timed for so many rows
LARGEST = {"GeomLoss": 4000, "GeomLoss, KeOps": 10_000}
CROSS, SELF = 20, 3
SCALING = 0.87  # about 20 temperatures from the diameter to the blur
LOSS = "sinkhorn_nb, to 1e-3"
BUDGET_S = 150.0  # a job is not run if it is expected to take longer


def clouds(n):
    return tuple(points.astype(np.float32) for points in warp(n, d=D))


def iterated(x, y):
    """The paper's fixed numbers of iterations; one of ours updates one side, from one pass."""

    def solve(x, y, n_iter):
        settings = {"tol": 1e-12, "max_iter": n_iter, "dtype": "float32", "compression": None}
        solver = snb.Sinkhorn(acceleration="none", init="zeros", **settings)
        return snb.entropic_ot(x, y, p=1, eps=EPS, solver=solver)

    xy = solve(x, y, 2 * CROSS)
    xx, yy = solve(x, x, SELF), solve(y, y, SELF)
    value = xy.value - (xx.value + yy.value) / 2
    passes = xy.n_passes + xx.n_passes + yy.n_passes
    return value, xy.gradient().x - xx.gradient().x, passes


def loss(function, x, y, **how):
    found = function(x, y, **how)
    return float(found), found.gradient().x, getattr(found, "n_passes", None)


OURS = {
    LOSS: partial(loss, snb.sinkhorn_divergence, p=1, eps=EPS),
    "sinkhorn_nb, 20 + 3 iterations": iterated,
    "sinkhorn_nb, Hausdorff": partial(loss, snb.hausdorff_divergence, p=1, eps=EPS),
    "sinkhorn_nb, energy distance": partial(loss, snb.mmd, kernel="energy"),
}


def geomloss(x, y, backend):
    os.environ.setdefault("PYKEOPS_VERBOSE", "0")
    import torch
    from geomloss import SamplesLoss

    of_tensors = SamplesLoss("sinkhorn", p=1, blur=EPS, scaling=SCALING, backend=backend)
    x, y = torch.tensor(x, requires_grad=True), torch.tensor(y)
    with torch.enable_grad():
        value = of_tensors(x, y)
    return value.item(), torch.autograd.grad(value, [x])[0].numpy(), None


def libraries():
    found = dict(OURS)
    if has("geomloss"):
        found["GeomLoss"] = partial(geomloss, backend="tensorized")
    if has("geomloss") and has("pykeops"):
        found["GeomLoss, KeOps"] = partial(geomloss, backend="online")
    return found


def times(sizes):
    """One row per library and size; each job runs until it is expected to exceed the budget."""
    jobs, last = libraries(), {}
    for n in sizes:
        x, y = clouds(n)
        growth = {name: (n / size) ** 2 * seconds for name, (size, seconds) in last.items()}
        chosen = {
            name: partial(job, x, y)
            for name, job in jobs.items()
            if n <= LARGEST.get(name, n) and growth.get(name, 0.0) < BUDGET_S
        }
        if n <= COMPILED:  # compile, and start the pools
            for job in chosen.values():
                job()
        timings = in_turn(chosen, rounds=3 if n < SIZES[-1] else 1)
        for name, timing in timings.items():
            if timing.error is None:
                last[name] = n, timing.median()
            yield _row(name, n, timing)


def _row(name, n, timing):
    row = {"library": name, "n": n, "extrapolated": False} | timing.summary()
    if timing.error:
        return row
    value, _, passes = timing.answers[-1]
    return row | {"value": value, "passes": passes}


def million(rows, n):
    """Each of our losses of so many points: the time of its largest size, as often as a pass takes
    longer.
    """
    a_pass = seconds_of_a_pass(n)
    for name in OURS:
        most = max((row for row in rows if row["library"] == name), key=lambda row: row["n"])
        seconds = most["median_s"] * a_pass / seconds_of_a_pass(most["n"])
        row = {"library": name, "n": n, "extrapolated": True, "passes": most["passes"]}
        yield row | {"median_s": seconds, "from_n": most["n"], "pass_s": a_pass}


def seconds_of_a_pass(n):
    """One pass over all pairs of two clouds, from a share of the rows and all columns."""
    x, y = clouds(n)
    some = x[:: max(1, n // ROWS)]
    problem = between(Measure.of(some), Measure.of(y), terms_of(p=1, eps=EPS))
    kernel = problem.kernel("float32")
    zeros = np.zeros(len(some)), np.zeros(n)
    timing = in_turn({"pass": lambda: kernel.log_sums(*zeros)[0][0]}, rounds=2)["pass"]
    return timing.summary()["min_s"] * n / len(some)


def main():
    args = arguments(__doc__)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fixed numbers of iterations do not converge
        rows = list(times(SIZES[:3] if args.smoke else SIZES))
    rows += list(million(rows, 10_000 if args.smoke else MILLION))
    write(args, "feydy", rows, eps=EPS, d=D)


if __name__ == "__main__":
    main()
