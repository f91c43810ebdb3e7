"""Clouds that are never in memory: S_eps of a stream of chunks, in a process of its own.

The CPU seconds are those beyond the making of the chunks, which stands for reading a file.
"""

import json
import subprocess
import sys
import time

import numpy as np

import sinkhorn_nb as snb

from .families import diameter
from .memory import peak_mb

CHUNK = 1_000_000
BLUR = 0.05  # share of the diagonal
PARTS = 4  # of the blur: the side of the cells


def chunks(n, seed):
    """Chunks of eight Gaussians in space, in float32."""
    rng = np.random.default_rng(seed)
    centers = rng.random((8, 3)).astype(np.float32)
    widths = rng.uniform(0.02, 0.08, 8).astype(np.float32)
    for start in range(0, n, CHUNK):
        count = min(CHUNK, n - start)
        which = rng.integers(8, size=count)
        noise = rng.standard_normal((count, 3), dtype=np.float32)
        yield centers[which] + widths[which, None] * noise


def of_streams(n):
    """The row of two streams of n points each."""
    code = f"from benchmarks.streams import alone; alone({n})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {"case": "streams", "n": n, "way": "stream"} | json.loads(out.stdout.splitlines()[-1])


def alone(n):
    """Print the row of two streams as JSON, after a small one that compiles."""
    blur = BLUR * diameter(*(next(chunks(100_000, seed)) for seed in (0, 1)))
    float(divergence(100_000, blur))
    before = peak_mb()
    reading = cpu_seconds(lambda: [None for seed in (0, 1) for _ in chunks(n, seed)])
    start = time.perf_counter()
    found = []
    used = cpu_seconds(lambda: found.append(divergence(n, blur)))
    seconds = time.perf_counter() - start
    [result] = found
    row = {
        "min_s": seconds,
        "cpu_s": used - reading,
        "reading_cpu_s": reading,
        "over_start_mb": peak_mb() - before,
        "value": result.value,
        "value_error": result.value_error,
        "marginal_error": result.marginal_error,
        "compression": result.compression.reason,
        "converged": result.converged,
    }
    print(json.dumps(row))


def divergence(n, blur):
    x, y = (snb.Measure.from_chunks(chunks(n, seed), side=blur / PARTS) for seed in (0, 1))
    return snb.sinkhorn_divergence(x, y, blur=blur)


def cpu_seconds(job):
    start = time.process_time()
    job()
    return time.process_time() - start
