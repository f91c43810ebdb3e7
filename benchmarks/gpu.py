"""Is the CUDA backend right, and how fast is it? The tests on this GPU, pairs per second, batches,
S_eps, its gradient.

python -m benchmarks.gpu     under 8 minutes on one GPU; --smoke with NUMBA_ENABLE_CUDASIM=1 runs
without any.

Times include copies between host and device. A point is left out when the time is used up.
"""

import os
import re
import subprocess
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np

import sinkhorn_nb as snb
from sinkhorn_nb.backends import choice
from sinkhorn_nb.measures.measure import Measure
from sinkhorn_nb.problem import Problem

from . import gpu_passes
from .divergence import marginal_error
from .families import diameter, warp
from .harness import arguments, clock, goal, has, in_turn, write

LONGEST_S = 420.0
TESTS = "backends_agree", "cuda_costs", "cuda_grids", "cuda_heavy_pairs", "cuda_matrices"
# Points for each dimension
PASSES = {1: 2**18, 2: 2**18, 3: 2**18, 8: 2**17, 16: 2**17, 64: 2**16, 784: 2**15}
SOLVES = [
    (10_000, 0.05),
    (10_000, 0.01),
    (100_000, 0.05),
    (100_000, 0.01),
    (1_000_000, 0.05),
    (1_000_000, 0.01),
]
LARGEST_ON_CPU = 10_000
LARGEST_JUDGED = 20_000  # for larger n the marginal error is the one that the solver reports


def tested():
    """The results of the tests on the GPU, in one row."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *(f"tests/test_{name}.py" for name in TESTS),
    ]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    print(done.stdout[-2000:], flush=True)
    return {
        "part": "tests",
        "passed": done.returncode == 0,
        "says": done.stdout.strip().splitlines()[-1],
    }


def passes(d, n, dtype, rounds):
    """Pairs per second of the passes of a solve, between two clouds and for a cloud with itself."""
    x, y = (Measure.of(points.astype(dtype)) for points in warp(n, d=d))
    problem = Problem(x, y, (0.05 * diameter(x.points, y.points)) ** 2)
    cross, own = problem.kernel(dtype, "cuda"), problem.on_source().kernel(dtype, "cuda")
    f, g, V, bounds = np.zeros(n), np.zeros(n), np.ones((n, 1)), x.partition.clusters(64)
    jobs = {
        "sums": lambda: cross.log_sums(f, g),
        "cluster_sums": lambda: cross.cluster_sums(f, g, bounds),
        "self_sums": lambda: own.log_sums(f, f),
        "softmin": lambda: cross.softmin(g),
        "transport": lambda: cross.transport(f, g, V),
    }
    first = {name: clock(job)[0][-1] for name, job in jobs.items()}  # with compilation
    for name, timing in in_turn(jobs, rounds, budget_s=5.0, pause_s=0.0).items():
        pace = {"pairs_per_s": n * n / timing.median()} if timing.times else {}
        yield (
            {"part": "passes", "d": d, "n": n, "dtype": dtype, "job": name, "first_s": first[name]}
            | pace
            | (timing.summary())
        )


def solve(n, blur, backend, rounds):
    """Seconds until S_eps and its gradient, and the largest device memory in use between
    iterations.
    """
    x, y = (points.astype(np.float32) for points in warp(n))
    length, free = blur * diameter(x, y), []
    before = free_memory()
    solver = snb.Sinkhorn(backend=backend, callback=lambda _: free.append(free_memory()))

    def job():
        divergence = snb.sinkhorn_divergence(x, y, blur=length, solver=solver)
        yield divergence
        yield divergence.gradient()

    timing = in_turn({backend: job}, rounds, budget_s=20.0)[backend]
    row = {
        "part": "solve",
        "backend": backend,
        "n": n,
        "d": 3,
        "blur": blur,
        "peak_device_mb": (before - min(free)) / 1e6,
    }
    if not timing.times:
        return row | timing.summary()
    divergence = timing.answers[0]
    error = divergence.marginal_error
    if n <= LARGEST_JUDGED:
        error = marginal_error(x, y, length, divergence.xy.f, divergence.xy.g)
    row |= {"value": divergence.value, "passes": divergence.n_passes, "marginal_error": error}
    return row | {"value_s": timing.median(0)} | timing.summary()


def free_memory():
    from sinkhorn_nb.backends.cuda import device as cuda_device

    return cuda_device.free_memory()


def solves(points, rounds, start):
    """S_eps and its gradient, also on the CPU if that is fast."""
    for n, blur in points:
        for backend in ("cuda", "cpu") if n <= LARGEST_ON_CPU else ("cuda",):
            if time.perf_counter() - start > LONGEST_S:
                yield {
                    "part": "solve",
                    "backend": backend,
                    "n": n,
                    "blur": blur,
                    "error": "out of time",
                }
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", snb.ConvergenceWarning)
                yield solve(n, blur, backend, rounds)


def batches(n, count, rounds):
    """Many divergences together, and one after another."""
    pairs = [[points.astype(np.float32) for points in warp(n, seed)] for seed in range(count)]
    solver, blur = snb.Sinkhorn(backend="cuda"), 0.05 * diameter(*pairs[0])
    jobs = {
        "together": lambda: (
            snb.sinkhorn_divergences(
                *map(list, zip(*pairs, strict=True)), blur=blur, solver=solver
            ).value
        ),
        "one by one": lambda: [
            float(snb.sinkhorn_divergence(*pair, blur=blur, solver=solver)) for pair in pairs
        ],
    }
    for job in jobs.values():
        job()  # with compilation
    timings = in_turn(jobs, rounds, budget_s=20.0)
    for job, timing in timings.items():
        pace = {"problems_per_s": count / timing.median()} if timing.times else {}
        yield {"part": "batch", "job": job, "n": n, "count": count} | pace | timing.summary()


def peers(points, rounds):
    """The same S_eps and gradient by the installed peers, with the errors of their values."""
    losses = {name: loss for name, loss in PEERS.items() if has(loss.module) and has("torch")}
    for n, blur in points:
        x, y = (points.astype(np.float32) for points in warp(n))
        length = blur * diameter(x, y)
        ours = float(
            snb.sinkhorn_divergence(
                x, y, blur=length, solver=snb.Sinkhorn(tol=1e-5, backend="cuda")
            )
        )
        for name, loss in losses.items():
            timing = in_turn({name: loss.job(x, y, length)}, rounds, budget_s=20.0)[name]
            off = {"relative_error": abs(timing.answers[0] / ours - 1)} if timing.answers else {}
            yield {"part": "peers", "library": name, "n": n, "blur": blur} | off | timing.summary()


class Peer(NamedTuple):
    """A SamplesLoss like GeomLoss's, whose cost is |x - y|^2 / 2."""

    module: str
    settings: dict

    def job(self, x, y, blur):
        """Yield the value, then the gradient."""
        import torch

        loss = import_module(self.module).SamplesLoss("sinkhorn", p=2, blur=blur, **self.settings)
        x, y = (torch.tensor(points, device="cuda", requires_grad=True) for points in (x, y))

        def run():
            value = loss(x, y)
            yield value.item()
            gradient = torch.autograd.grad(value, [x])[0]
            torch.cuda.synchronize()
            yield gradient

        return run


FLASH = {"scaling": 0.9, "debias": True, "half_cost": True, "autotune": False}
PEERS = {
    "GeomLoss, scaling .9, KeOps": Peer("geomloss", {"scaling": 0.9, "backend": "online"}),
    "FlashSinkhorn, scaling .9, TF32": Peer("flash_sinkhorn", FLASH),
    "FlashSinkhorn, scaling .9, float32": Peer("flash_sinkhorn", FLASH | {"allow_tf32": False}),
}


def goals(rows):
    """The goals for one H200."""
    together = {row["job"]: row.get("median_s") for row in rows if row["part"] == "batch"}
    if together.get("together") and together.get("one by one"):
        gain = together["one by one"] / together["together"]
        yield goal(
            "128 divergences of n = 1024 together, against a loop",
            gain,
            "times as fast",
            at_least=10,
        )
    pace = {
        (row["job"], row["d"], row["dtype"]): row.get("pairs_per_s")
        for row in rows
        if row["part"] == "passes"
    }
    million = [
        row.get("median_s") for row in rows if row["part"] == "solve" and row["n"] == 1_000_000
    ]
    yield goal(
        "float32 pairs per second, d = 3, one pass",
        pace.get(("sums", 3, "float32")),
        "pairs/s",
        at_least=3.1e12,
    )
    listed = {row["job"]: row.get("median_s") for row in rows if row["part"] == "heavy"}
    if listed.get("heavy_plan") and listed.get("sums"):
        ratio = listed["heavy_plan"] / listed["sums"]
        yield goal("heavy pairs, d = 3, against one pass", ratio, "passes", at_most=2.0)
    yield goal(
        "S_eps and gradient, n = 1 000 000, blur .05", next(iter(million), None), "s", at_most=8.0
    )


def main():
    args = arguments(__doc__)
    start, device = time.perf_counter(), choice.describe_gpu()
    if device.startswith("none"):
        sys.exit(f"GPU: {device}")
    print(device, flush=True)
    rows = [] if args.smoke else [tested()]
    kinds = [(d, n, "float32") for d, n in PASSES.items()] + [(3, 2**16, "float64")]
    for d, n, dtype in [(2, 12, "float32"), (9, 12, "float32")] if args.smoke else kinds:
        rows += passes(d, n, dtype, 2 if args.smoke else 5)
        print(f"passes: d = {d}, n = {n}: done", flush=True)
    rounds = 1 if args.smoke else 3
    rows += gpu_passes.costs(12 if args.smoke else 2**17, rounds)
    rows += gpu_passes.heavy(12 if args.smoke else 2**18, rounds)
    rows += gpu_passes.matrices(12 if args.smoke else 30_000, rounds)
    rows += gpu_passes.grids(6 if args.smoke else 512, rounds)
    rows += batches(8, 2, rounds) if args.smoke else batches(1024, 128, rounds)
    rows += [] if args.smoke else peers([(10_000, 0.05), (100_000, 0.05)], rounds)
    for row in solves([(8, 0.3)] if args.smoke else SOLVES, rounds, start):
        rows.append(row)
        print(
            {key: row.get(key) for key in ("backend", "n", "blur", "median_s", "error")}, flush=True
        )
    name = re.sub(r"[^a-z0-9]+", "-", device.split(" (")[0].lower()).strip("-")
    write(
        args,
        f"gpu-{name}",
        rows,
        goals(rows),
        device=device,
        simulated=os.environ.get("NUMBA_ENABLE_CUDASIM") == "1",
    )


if __name__ == "__main__":
    main()
