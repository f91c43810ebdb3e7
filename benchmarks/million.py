"""How long do S_eps and both gradients of a million points take, beside the plain solve of fewer,
and beside peers? And the value of two streams of 1e8 points each?

tol 1e-3, the points float64 and the arrays new in each round, as in a user's call; one and two
threads. Compressed solves state the error of the value and of the marginals. All of it takes less
than ten minutes; peers get what is left of them.
"""

import gc
import subprocess
import sys
import time

import numba
import numpy as np

import sinkhorn_nb as snb

from .families import diameter
from .growth import growth
from .harness import arguments, goal, in_turn, write
from .memory import peak_mb
from .streams import of_streams

MILLION = 1_000_000
CASES = {  # family, dimension, share of the diagonal, largest wall time in seconds
    "warped square": ("warp", 2, 0.05, 0.6),
    "mixture": ("mixture", 2, 0.02, 0.6),
    "mixture, fine": ("mixture", 2, 0.01, 2.5),
    "clusters": ("mixture", 3, 0.05, 0.8),
    "surfaces": ("surfaces", 3, 0.05, 0.8),
    "cube": ("warp", 3, 0.1, 0.7),
    "cube, fine": ("warp", 3, 0.05, 7.0),
}
LONGEST_S = 540.0  # of the whole
GROWTH = "warped square"  # the case of the picture of time against n
STREAM_CPU_S, STREAM_MB = 10.0, 500.0
PLAIN = snb.Sinkhorn(compression=None)
AUTO = snb.Sinkhorn()


def mixture(rng, n, d):
    """Eight Gaussians of different widths and weights."""
    centers, shares = rng.random((8, d)), rng.dirichlet(np.full(8, 3.0))
    which = rng.choice(8, n, p=shares)
    widths = 0.05 * rng.uniform(0.4, 1.6, 8)
    return centers[which] + widths[which, None] * rng.normal(size=(n, d))


def surfaces(rng, n):
    """A torus, and a sphere that crosses it."""
    u, v = 2 * np.pi * rng.random((2, n))
    ring = 1 + 0.35 * np.cos(v)
    torus = np.column_stack([ring * np.cos(u), ring * np.sin(u), 0.35 * np.sin(v)])
    normals = rng.normal(size=(n, 3))
    radii = np.linalg.norm(normals, axis=1, keepdims=True)
    return torus, 0.9 * normals / radii + [0.2, 0, 0.3]


def clouds(family, n, d, seed=0):
    rng = np.random.default_rng(seed)
    if family == "warp":
        return rng.random((n, d)), rng.random((n, d)) ** 2
    if family == "surfaces":
        return surfaces(rng, n)
    return mixture(rng, n, d), mixture(rng, n, d)


def job(x, y, blur, solver):
    """A call that returns the divergence once value and gradients are there."""

    def solve():
        divergence = snb.sinkhorn_divergence(x, y, blur=blur, solver=solver)
        float(divergence)
        divergence.gradient()
        return divergence

    return solve


def row(case, n, way, timing):
    """What one way of solving a case took, and what it says of its errors."""
    found = {"case": case, "n": n, "way": way} | timing.summary()
    if not timing.answers:
        return found
    found["cpu_s"] = min(timing.cpu)
    divergence = timing.answers[-1]
    found |= {"value": divergence.value, "marginal_error": divergence.marginal_error}
    found |= {"compression": divergence.compression.reason, "converged": divergence.converged}
    if divergence.compression:
        found |= {"value_error": divergence.value_error, "nodes": divergence.compression.n_nodes}
    return found


def compressed(case, n, rounds):
    """One row for each number of threads."""
    family, d, share, _ = CASES[case]
    x, y = clouds(family, n, d)
    solve, rows = job(x, y, share * diameter(x, y), AUTO), []
    solve()
    for n_threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(n_threads)
        timing = in_turn({"auto": solve}, rounds)["auto"]
        rows.append(row(case, n, "auto", timing) | {"threads": n_threads})
    return rows


def beside_plain(case, n, rounds):
    """The default and the plain solve, in turn."""
    family, d, share, _ = CASES[case]
    x, y = clouds(family, n, d)
    blur = share * diameter(x, y)
    jobs = {"auto": job(x, y, blur, AUTO), "plain": job(x, y, blur, PLAIN)}
    jobs["auto"]()
    timings = in_turn(jobs, rounds, budget_s=60.0)
    gc.collect()
    return [row(case, n, way, timing) for way, timing in timings.items()]


def of_ten_million(n):
    """The row of a case in a process of its own, with the memory beyond the input."""
    code = f"from benchmarks.million import alone; alone({n})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, cpu, memory = map(float, out.stdout.split())
    found = {"case": "warped square", "n": n, "way": "auto", "min_s": seconds, "cpu_s": cpu}
    return found | {"over_input_mb": memory}


def alone(n):
    """Print seconds, CPU seconds and MB beyond the input."""
    after_import = peak_mb()
    x, y = clouds("warp", n, 2)
    solve = job(x, y, 0.05 * diameter(x, y), AUTO)
    job(x[:20_000], y[:20_000], 0.1, AUTO)()
    input_mb = (x.nbytes + y.nbytes) / 1e6
    timing = in_turn({"auto": solve}, 1)["auto"]
    print(timing.seconds()[0], timing.cpu[0], peak_mb() - after_import - input_mb)


def against_n(is_smoke, deadline):
    """Time against n, with peers; the largest size is the one of `of_ten_million`."""
    family, d, share, _ = CASES[GROWTH]
    rows = growth(lambda size: clouds(family, size, d), share, is_smoke, deadline)
    return [{"case": "time against n", "way": row["library"]} | row for row in rows]


def goals(rows):
    """The goals of the table of cases, of large clouds and streams, and the comparison with the
    plain solve.
    """
    best = {(r["case"], r["n"], r["way"], r.get("threads")): r.get("min_s") for r in rows}
    n_threads = numba.config.NUMBA_NUM_THREADS
    n = max(r["n"] for r in rows if "threads" in r)
    for case, (_, _, _, most) in CASES.items():
        seconds = best.get((case, n, "auto", n_threads))
        yield goal(f"{case}, n = {n}", seconds, "s", at_most=most)
    for case in CASES:
        one, all_of_them = (best.get((case, n, "auto", k)) for k in (1, n_threads))
        faster = one and all_of_them and one / all_of_them
        yield goal(f"{case}: one thread / {n_threads}", faster, "times", at_least=1.6)
    for case, size, way, _ in list(best):
        if way == "plain" and best[case, size, way, None]:
            faster = best[case, size, way, None] / best[case, size, "auto", None]
            least = 20 if size >= 100_000 else 1
            yield goal(f"{case}, n = {size}: plain / auto", faster, "times", at_least=least)
    yield from goals_of_memory(rows)


def goals_of_memory(rows):
    """The goals of the clouds that fill the memory, or more."""
    [large] = (r for r in rows if "over_input_mb" in r)
    [stream] = (r for r in rows if r["way"] == "stream")
    n = large["n"]
    yield goal(f"n = {n}", large["min_s"], "s", at_most=6)
    yield goal(f"n = {n}: beyond the input", large["over_input_mb"], "MB", at_most=2000)
    n = stream["n"]
    yield goal(f"two streams of {n}: CPU", stream["cpu_s"], "s", at_most=STREAM_CPU_S)
    yield goal(f"two streams of {n}: memory", stream["over_start_mb"], "MB", at_most=STREAM_MB)


def main():
    deadline = time.perf_counter() + LONGEST_S
    args = arguments(__doc__)
    n, rounds = (20_000, 2) if args.smoke else (MILLION, 3)
    rows = [found for case in CASES for found in compressed(case, n, rounds)]
    rows += [of_ten_million(n * 10), of_streams(n * 100 if not args.smoke else n)]
    for size in (10_000, 100_000) if not args.smoke else (2000,):
        for case in ("warped square", "mixture", "clusters"):
            rows += beside_plain(case, size, 1 if size > 10_000 else 3)
    rows += against_n(args.smoke, deadline)
    write(args, "million", rows, goals(rows), tol=1e-3, dtype="float64")


if __name__ == "__main__":
    main()
