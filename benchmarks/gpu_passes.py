"""Passes on a GPU with other costs than |x - y|^2 / 2, and those that list the heavy pairs of a plan;
they are rows of `benchmarks.gpu`.
"""

import math

import numba
import numpy as np

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


def _timed(row, jobs, n, rounds):
    first = {name: clock(job)[0][-1] for name, job in jobs.items()}  # with compilation
    for name, timing in in_turn(jobs, rounds, budget_s=5.0, pause_s=0.0).items():
        pace = {"pairs_per_s": n * n / timing.median()} if timing.times else {}
        yield row | {"n": n, "job": name, "first_s": first[name]} | pace | timing.summary()
