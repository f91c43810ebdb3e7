"""Passes on a GPU with other costs than |x - y|^2 / 2, those that list the heavy pairs of a plan,
and those over matrices and grids; they are rows of `benchmarks.gpu`.
"""

import math
from functools import partial

import numba
import numpy as np

from sinkhorn_nb.backends.choice import choose, sweeps
from sinkhorn_nb.backends.cpu.grids import Axis
from sinkhorn_nb.backends.self_check import Work
from sinkhorn_nb.backends.tables import Table
from sinkhorn_nb.measures.measure import Measure
from sinkhorn_nb.problem import Problem
from sinkhorn_nb.terms import terms_of

from .families import warp
from .harness import clock, in_turn

BLUR = 0.05  # of the largest cost, or of the diameter
PAIRS_A_ROW = 32  # heavy ones
SAMPLE = 64  # rows


@numba.njit
def bounded(x, y):
    """|x - y|^2 / (1 + |x - y|^2)."""
    square = 0.0
    for k in range(len(x)):
        square += (x[k] - y[k]) ** 2
    return square / (1 + square)


# The cost of each row, its precision and the dimension of the points
KINDS = {
    "p = 1": ({"p": 1}, "float32", 3),
    "p = 1.5": ({"p": 1.5}, "float32", 3),
    "cityblock": ({"cost": "cityblock"}, "float32", 3),
    "haversine": ({"cost": "haversine"}, "float32", 2),
    "a function": ({"cost": bounded}, "float64", 3),
}


def _problem(n, d, given, dtype):
    """A problem between clouds in the unit cube, at a temperature relative to its largest cost."""
    x, y = (Measure.of(points.astype(dtype)) for points in warp(n, d=d))
    cost = terms_of(eps=1.0, **given).cost
    largest = cost.bound(math.sqrt(d))
    return Problem(x, y, *terms_of(eps=BLUR * largest, **given))


def costs(n, rounds):
    """Pairs per second of one pass for each cost."""
    for name, (given, dtype, d) in KINDS.items():
        kernel = _problem(n, d, given, dtype).kernel(dtype, "cuda")
        f = np.zeros(n)
        jobs = {
            "sums": lambda kernel=kernel, f=f: kernel.log_sums(f, f),
            "gradient_sums": lambda kernel=kernel, f=f: kernel.gradient_sums(f, f),
        }
        if name == "a function":  # the CPU computes its derivatives
            del jobs["gradient_sums"]
        yield from _timed({"part": "costs", "cost": name, "d": d, "dtype": dtype}, jobs, n, rounds)


def heavy(n, rounds):
    """Pairs per second of the passes that list heavy pairs, with their values, beside a plain
    one.
    """
    problem = _problem(n, 3, {"p": 2}, "float32")
    kernel = problem.kernel("float32", "cuda")
    f = np.zeros(n)
    x, y = problem.source.partition.points, problem.target.partition.points
    sample = np.exp(-problem.cost.block(x[:: max(1, n // SAMPLE)], y) / problem.eps)
    theta = float(np.quantile(sample, max(0.0, 1 - PAIRS_A_ROW / n))) / n
    jobs = {
        "sums": lambda: kernel.log_sums(f, f),
        "light": lambda: kernel.heavy_plan(f, f, theta, 0),  # the first of the two passes
        "heavy_plan": lambda: kernel.heavy_plan(f, f, theta, 4 * PAIRS_A_ROW * n),
    }
    yield from _timed({"part": "heavy", "d": 3, "dtype": "float32"}, jobs, n, rounds)


def matrices(n, rounds):
    """Entries per second of a pass over a cost matrix in float32, which is read once."""
    C = np.random.default_rng(0).random((n, n), dtype=np.float32)
    table = Table(C, None, None, 20.0)
    backend = choose("cuda", Work(n, n, 1, "float32", cost=table))
    labels = np.arange(n)[:, None]
    x, y = (backend.load(each.astype(np.float32), None, None, table) for each in (labels, ~labels))
    zeros, ones = np.zeros(n), np.ones(n)
    jobs = {
        "sums": lambda: backend.sums(x, zeros, ones, y, zeros, ones),
        "softmin": lambda: backend.log_sum_exp(x, zeros, y, zeros),
    }
    yield from _timed({"part": "matrices", "dtype": "float32"}, jobs, n, rounds)


def grids(n, rounds):
    """Seconds of a sweep over an n x n grid, beside the CPU."""
    axes = [Axis(n, n, 1.0 / n, 0.0, 0.05**2) for _ in range(2)]
    L = np.random.default_rng(0).normal(size=(n, n))
    jobs = {name: partial(sweeps(name, axes), L) for name in ("cuda", "cpu")}
    for row in _timed({"part": "grids", "d": 2}, jobs, n, rounds):
        yield {key: value for key, value in row.items() if key != "pairs_per_s"}


def _timed(row, jobs, n, rounds):
    first = {name: clock(job)[0][-1] for name, job in jobs.items()}  # with compilation
    for name, timing in in_turn(jobs, rounds, budget_s=5.0, pause_s=0.0).items():
        pace = {"pairs_per_s": n * n / timing.median()} if timing.times else {}
        yield row | {"n": n, "job": name, "first_s": first[name]} | pace | timing.summary()
