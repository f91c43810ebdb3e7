"""What do the bridges to PyTorch and JAX cost, and how fast is a step of training through them?

float32, d = 2, blur 5 % of the diagonal: the value and its gradient in both clouds. `overhead` is
the time beyond the call with arrays, in turn, for the bridges and for as little as can be; it grows
with n because a larger solve leaves less of other code in the caches. Peers are asked `alone` for
several pairs in turn, of which the median error counts, in batches (B, n, d), and for lists of
clouds of n / 2 to n points. `training` counts the passes of a step; `largest` has n = 16384.
"""

import time
from itertools import cycle

import numpy as np

import sinkhorn_nb as snb

from . import bridge_training
from .bridge_floors import floors
from .bridge_jobs import JAX, OURS, TORCH, bridges, one_by_one, peers
from .families import diameter, warp
from .harness import arguments, clock, goal, has, in_turn, kept, ratio, write

TURNS = {32: 300, 256: 300, 1024: 60}
# Pairs by n: at the same tolerance, medians of 5 errors vary by a factor of 3
ALONE = {32: 15, 256: 15, 1024: 15, 4096: 5}
BATCHES = {32: 512, 256: 64, 1024: 16, 4096: 4}
LISTS = {32: 128, 256: 32, 1024: 8}
LARGEST = 16384
ROUNDS, BUDGET_S = 5, 8.0
PRECISE = snb.Sinkhorn(tol=1e-8)
MOST_OVERHEAD_MS = {TORCH: 0.15, JAX: 0.3}


def cloud_pair(n, seed=0):
    x, y = warp(n, seed, d=2)
    return x.astype(np.float32), y.astype(np.float32)


def shifted(x, k):
    """Another cloud: a library may remember the last one."""
    shift = np.float32(1e-3 * k)
    return [cloud + shift for cloud in x] if isinstance(x, list) else x + shift


def overhead(smoke):
    """The time beyond the call with arrays: the median over pairs of clouds that both have."""
    for n, turns in ({16: 3} if smoke else TURNS).items():
        x, y = cloud_pair(n)
        blur = 0.05 * diameter(x, y)
        known = bridges(blur) | floors(blur)
        for job in known.values():
            job.of(x, y)()
        laps = {name: [] for name in known}
        for k in range(turns):
            steps = {name: job.of(shifted(x, k / 10), y) for name, job in known.items()}
            for name, step in steps.items():
                laps[name].append(clock(step)[0][-1])
        for name, seconds in laps.items():
            beyond = np.subtract(seconds, laps[OURS])
            times = {"ms_a_pair": np.median(seconds), "overhead_ms": np.median(beyond)}
            yield {"n": n, "library": name} | {key: 1e3 * float(s) for key, s in times.items()}


def alone(smoke):
    for n, count in ({16: 2, 40: 2} if smoke else ALONE).items():
        pairs = [cloud_pair(n, seed) for seed in range(count)]
        blur = 0.05 * diameter(*pairs[0])
        yield from compared(n, blur, pairs, bridges(blur) | peers(blur), rounds=count)


def batch(smoke):
    for n, count in ({16: 3} if smoke else BATCHES).items():
        x, y = map(np.stack, zip(*(cloud_pair(n, seed) for seed in range(count)), strict=True))
        blur = 0.05 * diameter(x[0], y[0])
        known = bridges(blur, is_batch=True) | peers(blur, is_batch=True)
        yield from compared(n, blur, two_inputs(x, y), known)


def lists(smoke):
    if not has("torch"):
        return
    for n, count in ({16: 3} if smoke else LISTS).items():
        sizes = np.random.default_rng(0).integers(n // 2, n + 1, size=count)
        pairs = [cloud_pair(size, seed) for seed, size in enumerate(sizes)]
        xs, ys = map(list, zip(*pairs, strict=True))
        blur = 0.05 * diameter(xs[0], ys[0])
        known = {name: one_by_one(job) for name, job in peers(blur).items()}
        yield from compared(n, blur, two_inputs(xs, ys), bridges(blur) | known)


def training(smoke):
    if has("torch"):
        yield from bridge_training.rows(*[3] * smoke)


def largest(smoke):
    n = 64 if smoke else LARGEST
    x, y = cloud_pair(n)
    blur = 0.05 * diameter(x, y)
    known = bridges(blur) | peers(blur)
    for job in known.values():
        job.of(*cloud_pair(64))()
    yield from compared(n, blur, two_inputs(x, y), known, rounds=1)


def two_inputs(x, y):
    return [(x, y), (shifted(x, 1), y)]


def compared(n, blur, inputs, known, rounds=ROUNDS):
    """Times and errors of all jobs, of the inputs in turn."""
    exact = [values(*each, blur) for each in inputs]
    found = {name: [] for name in known}
    steps = {name: turning(job, inputs, found[name]) for name, job in known.items()}
    for name, step in steps.items():
        if rounds > 1 or name in (OURS, TORCH, JAX):
            step()
    timings = in_turn(steps, rounds, budget_s=BUDGET_S)
    ours = timings.get(TORCH) or timings.get(JAX)
    for name, timing in timings.items():
        row = {"n": n, "count": exact[0].size, "library": name} | timing.summary()
        if timing.times:
            row["ms_a_pair"] = 1e3 * timing.median() / exact[0].size
            row["relative_error_of_value"] = median_error(found[name], exact)
            row["ours_faster"] = ratio(timing, ours) if ours else None
        yield row


def turning(job, inputs, found):
    """A step that takes the next input each time, and notes the values."""
    steps = cycle([job.of(*each) for each in inputs])

    def step():
        found.append(next(steps)())

    return step


def median_error(found, exact):
    """The median over the last values of each input, which were taken in turn."""
    errors = [np.abs(each / right - 1) for each, right in zip(found, cycle(exact), strict=False)]
    return float(np.median(np.concatenate(errors[-len(exact) :], axis=None)))


def values(x, y, blur):
    """The exact values of a pair, or of many."""
    is_single = not isinstance(x, list) and x.ndim == 2
    xs, ys = ([x], [y]) if is_single else (x, y)
    wide = [[cloud.astype(np.float64) for cloud in side] for side in (xs, ys)]
    return snb.sinkhorn_divergences(*wide, blur=blur, solver=PRECISE).value


SECTIONS = {
    "overhead": overhead,
    "alone": alone,
    "batch": batch,
    "list": lists,
    "training": training,
    "largest": largest,
}


def goals(rows):
    of_ours = {key(row): row for row in rows if row["library"] in MOST_OVERHEAD_MS}
    for row in rows:
        name = f"{row['section']}, n = {row['n']}, {row['library']}"
        if row["library"] in MOST_OVERHEAD_MS and "overhead_ms" in row:
            most = MOST_OVERHEAD_MS[row["library"]]
            yield goal(f"{name}: over arrays", row["overhead_ms"], "ms", at_most=most)
        elif row["library"] not in (OURS, TORCH, JAX) and row.get("ours_faster"):
            ours = of_ours[key(row)]
            yield goal(f"{name}: ours is faster", row["ours_faster"], "times", at_least=1)
            error = ours["relative_error_of_value"] / row["relative_error_of_value"]
            yield goal(f"{name}: our error", error, "times theirs", at_most=1)


def key(row):
    return row["section"], row["n"]


def main():
    args = arguments(__doc__, tuple(SECTIONS))
    for section in list(args.sections):
        args.sections = [section]
        rows = kept(args, "bridges")
        start = time.perf_counter()
        for row in SECTIONS[section](args.smoke):
            rows.append({"section": section} | row)
            print(rows[-1], flush=True)
        print(f"{section}: {time.perf_counter() - start:.0f} s", flush=True)
        settings = {"blur": "5 % of the diagonal", "d": 2, "dtype": "float32"}
        write(args, "bridges", rows, goals(rows), **settings)


if __name__ == "__main__":
    main()
