"""How many pairs (i, j) per second does one pass treat, and what does one update of a potential
cost elsewhere?

One pass (row and column sums from one exponential per pair) gives two one-sided updates from the
same potentials; a peer's update is one of them. Both ratios are given: a peer's update against our
whole pass, and against half of it ("per update"). "cluster" is the solver's pass: row sums, and
column sums by 128 clusters.
"""

import numpy as np

from sinkhorn_nb import Measure, Problem

from .families import diameter, warp
from .harness import arguments, environment, goal, has, in_turn, ratio, write

SIZES = {1: 16384, 2: 16384, 3: 16384, 4: 16384, 6: 16384, 8: 16384, 16: 16384, 64: 8192, 784: 4096}
CLUSTERS = 128  # the same as in the solver
POT_UPDATES = 8


def our_jobs(n, d, dtype):
    """All kinds of passes, at potentials 0 and a wide blur: their speed does not depend on either."""
    x, y = (points.astype(dtype) for points in warp(n, d=d))
    source, target = Measure.of(x), Measure.of(y)
    eps = (diameter(x, y) / 2) ** 2
    problem = Problem(source, target, eps)
    cross, bounds = problem.kernel(dtype), problem.source.partition.clusters(CLUSTERS)
    itself = Problem(source, source, eps).kernel(dtype)
    f, g = np.zeros(n), np.zeros(n)
    jobs = {
        "row + column": lambda: cross.log_sums(f, g)[0][0],
        "cluster": lambda: cross.cluster_sums(f, g, bounds)[0][0],
        "row": lambda: cross.log_row_sums(f, g)[0],
        "log-sum-exp": lambda: cross.softmin(g)[0],
        "self": lambda: itself.log_sums(f, f)[0][0],
    }
    for job in jobs.values():
        job()
    return jobs


def rates(sizes, rounds):
    for d, n in sizes.items():
        jobs = {(k, t): j for t in ("float32", "float64") for k, j in our_jobs(n, d, t).items()}
        timings = in_turn(jobs, rounds, pause_s=0.02)
        for (kind, dtype), timing in timings.items():
            rate = n * n / timing.median() / 1e9
            yield {
                "question": "rate",
                "d": d,
                "n": n,
                "dtype": dtype,
                "sums": kind,
                "gpairs_per_s": rate,
            } | timing.summary()


def torch_jobs(x, y, eps):
    """The softmin of GeomLoss's tensorized backend, with stored costs that are divided by eps
    beforehand.
    """
    import torch

    costs = torch.cdist(torch.tensor(x), torch.tensor(y)) ** 2 / (2 * eps)
    g = torch.zeros(len(y))
    return {"torch.logsumexp": (lambda: float((g[None, :] - costs).logsumexp(1)[0]), 1)}


def pot_jobs(x, y, eps):
    """sinkhorn_log: two updates per iteration (and one check of the error in ten iterations)."""
    import ot

    a, costs = np.full(len(x), 1 / len(x), np.float32), ot.dist(x, y)
    n_iter = POT_UPDATES // 2
    return {
        "pot sinkhorn_log": (
            lambda: ot.bregman.sinkhorn_log(
                a, a, costs, 2 * eps, numItermax=n_iter, stopThr=0, warn=False
            )[0, 0],
            POT_UPDATES,
        )
    }


def ott_jobs(x, y, eps):
    """update_potential, jitted, with costs from the points and with stored costs."""
    import jax
    import jax.numpy as jnp
    from ott.geometry import geometry, pointcloud

    update = jax.jit(lambda geom, f, g, log_a: geom.update_potential(f, g, log_a, axis=1))
    cloud = pointcloud.PointCloud(jnp.asarray(x), jnp.asarray(y), epsilon=2 * eps)
    stored = geometry.Geometry(cost_matrix=cloud.cost_matrix, epsilon=2 * eps)
    zeros, log_a = jnp.zeros(len(x)), jnp.full(len(x), -np.log(len(x)))
    return {
        "ott point cloud": (lambda: float(update(cloud, zeros, zeros, log_a)[0]), 1),
        "ott stored matrix": (lambda: float(update(stored, zeros, zeros, log_a)[0]), 1),
    }


def updates(sizes, rounds):
    """Seconds of one one-sided update, d = 3, float32, every library in turn."""
    makers = {"torch": (torch_jobs, 8192), "ot": (pot_jobs, 4096), "ott": (ott_jobs, 8192)}
    for n in sizes:
        x, y = (points.astype(np.float32) for points in warp(n))
        eps = (diameter(x, y) / 2) ** 2
        mine = our_jobs(n, 3, "float32")
        jobs = {
            "sinkhorn_nb row + column": (mine["row + column"], 2),
            "sinkhorn_nb row": (mine["row"], 1),
        }
        for module, (maker, largest) in makers.items():
            if has(module) and n <= largest:
                jobs |= maker(x, y, eps)
        in_turn({name: job for name, (job, _) in jobs.items()}, rounds=1)  # warm
        timings = in_turn({name: job for name, (job, _) in jobs.items()}, rounds)
        for name, (_, count) in jobs.items():
            yield update_row(name, n, count, timings)


def update_row(name, n, count, timings):
    row = {
        "question": "update",
        "library": name,
        "d": 3,
        "n": n,
        "dtype": "float32",
        "updates": count,
    }
    timing = timings[name]
    if timing.error:
        return row | {"error": timing.error}
    one = timing.median() / count
    per_pass = ratio(timing, timings["sinkhorn_nb row + column"]) / count
    return row | timing.summary() | {
        "update_s": one, "gpairs_per_s": n * n / one / 1e9,
        "ours_faster_per_pass": per_pass, "ours_faster_per_update": 2 * per_pass,
    }  # fmt: skip


def goals(rows):
    rate = {
        (r["dtype"], r["sums"]): r["gpairs_per_s"]
        for r in rows
        if r["question"] == "rate" and r["d"] == 3
    }
    if rate:
        both, one = rate["float32", "row + column"], rate["float32", "row"]
        yield goal("float32, d = 3, row and column sums", both, "Gpair/s", at_least=6)
        yield goal(
            "float32, d = 3, row and column sums against row sums",
            both / one,
            "of the rate",
            at_least=0.8,
        )
        share = rate["float32", "cluster"] / both
        yield goal(
            "float32, d = 3, cluster sums against row and column sums",
            share,
            "of the rate",
            at_least=0.8,
        )
        yield goal(
            "float64, d = 3, row and column sums",
            rate["float64", "row + column"],
            "Gpair/s",
            at_least=2.5,
        )
    for library, least in (("torch.logsumexp", 25), ("ott", 6), ("pot", 100)):
        found = [r for r in rows if r.get("library", "").startswith(library) and "update_s" in r]
        if found:
            worst = min(r["ours_faster_per_update"] for r in found)
            yield goal(
                f"one update, against {library} (worst n and variant)",
                worst,
                "times faster",
                at_least=least,
            )


def main():
    args = arguments(__doc__)
    sizes = {3: 1024, 64: 1024} if args.smoke else SIZES
    rows = [] if environment() == "ott" else list(rates(sizes, rounds=2 if args.smoke else 7))
    rows += updates([1024] if args.smoke else [4096, 8192], rounds=2 if args.smoke else 5)
    write(
        args,
        "passes",
        rows,
        goals(rows),
        distribution="x uniform in the unit cube, y squares of uniform points",
        pairs="n * n",
    )


if __name__ == "__main__":
    main()
