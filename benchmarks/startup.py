"""How long until the first answer: the import, a new process with a warm cache, the first
compilation?

The main job: value and gradient of S_eps at n = 1000, d = 3, from float32 and from float64 points.
At n = 1000 the solver of small problems is compiled, at n = 2000 the loop.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from .harness import arguments, goal, write

JOB = """
import numpy as np, sinkhorn_nb as snb
rng = np.random.default_rng(0)
x, y = rng.random((1000, 3)).astype("{dtype}"), (rng.random((1000, 3)) ** 2).astype("{dtype}")
divergence = snb.sinkhorn_divergence(x, y, blur=0.0866)
divergence.value, divergence.gradient()
"""

COLD = """
import time
import numpy as np, sinkhorn_nb as snb
rng = np.random.default_rng(0)
x, y = rng.random(({n}, 3)).astype("{dtype}"), (rng.random(({n}, 3)) ** 2).astype("{dtype}")
snb.sinkhorn_divergence
start = time.process_time()
divergence = snb.sinkhorn_divergence(x, y, blur=0.0866)
divergence.value, divergence.gradient()
print(time.process_time() - start)
"""
COLD_GOALS = {"float32": 5, "float64": 8}  # seconds of the processor

FIRST_CALL = """
import time
import numpy as np, sinkhorn_nb as snb
x, y = np.random.default_rng(0).random((2, 100, 3)).astype("float32")
snb.sinkhorn_divergence
start = time.perf_counter()
divergence = snb.sinkhorn_divergence(x, y, blur=0.0866)
divergence.value, divergence.gradient()
print(time.perf_counter() - start)
"""


def seconds(code, cache=None):
    """Wall time of a new process, from its start to its end, or the time that it prints."""
    environment = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    elapsed = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return float(done.stdout or elapsed)


def repeated(what, code, rounds, cache=None):
    times = [seconds(code, cache) for _ in range(rounds)]
    return {
        "what": what,
        "median_s": statistics.median(times),
        "min_s": min(times),
        "rounds": rounds,
    }


def cold(n, dtype):
    return f"first call, empty cache, n = {n}, {dtype}, CPU time"


def main():
    args = arguments(__doc__)
    rounds = 1 if args.smoke else 5
    # The files of the import reach the system's cache
    seconds("import sinkhorn_nb; sinkhorn_nb.sinkhorn_divergence")
    rows = [
        repeated("python -c pass", "pass", rounds),
        repeated("import numba", "import numba", rounds),
        repeated("import sinkhorn_nb", "import sinkhorn_nb", rounds),
        repeated(
            "import and first use of a name",
            "import sinkhorn_nb; sinkhorn_nb.sinkhorn_divergence",
            rounds,
        ),
    ]
    dtypes = ("float32",) if args.smoke else ("float32", "float64")
    for dtype in dtypes:
        job = JOB.format(dtype=dtype)
        with tempfile.TemporaryDirectory() as cache:
            rows.append(repeated(f"main job, {dtype}, empty cache", job, 1, cache))
            rows.append(repeated(f"main job, {dtype}, warm cache", job, rounds, cache))
        for n in () if args.smoke else (1000, 2000):
            code = COLD.format(dtype=dtype, n=n)
            with tempfile.TemporaryDirectory() as cache:
                rows.append(repeated(cold(n, dtype), code, 1, cache))
    with tempfile.TemporaryDirectory() as cache:
        seconds(FIRST_CALL, cache)  # fills the cache
        rows.append(repeated("first call, n = 100, warm cache", FIRST_CALL, rounds, cache))
    found = {row["what"]: row["median_s"] for row in rows}
    first = found["first call, n = 100, warm cache"]
    goals = [
        goal("first call after the import, warm cache, n = 100, float32", first, "s", at_most=0.1)
    ]
    for dtype in dtypes:
        warm = found[f"main job, {dtype}, warm cache"]
        goals.append(goal(f"new process, warm cache, n = 1000, {dtype}", warm, "s", at_most=2))
        for n in () if args.smoke else (1000, 2000):
            what = cold(n, dtype)
            goals.append(goal(what, found[what], "s", at_most=COLD_GOALS[dtype]))
    write(args, "startup", rows, goals)


if __name__ == "__main__":
    main()
