"""Many small problems between points: threads over problems, each solved whole by one thread."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .jit import kernel, wide_vectors
from .small_kernels import Room, anneal, solve
from .small_mixing import MEMORY, Mixing
from .small_rules import levels
from .threads import run

PAIRS_A_PANEL = 2**17  # fewer are not worth a thread's start


class Problems(NamedTuple):
    """Problems between points, one after another in flat arrays.

    Coordinates are (n, d) blocks for x and (d, m) blocks for y; `x_ends` and `y_ends` bound the points of each, from 0.
    """

    x: Any
    y: Any
    a: Any
    b: Any
    x_ends: Any
    y_ends: Any
    x_blocks: Any  # where the coordinates of each begin
    y_blocks: Any
    dimensions: Any
    scales: Any  # bits per squared distance
    is_self: Any
    tols: Any
    starts: Any  # of v, one after another
    is_started: Any  # whether the start of each is given; otherwise it moves the means, and is annealed


class Answers(NamedTuple):
    """The best potentials of each problem in bits, log2 of the ratios of its second marginal, and how it went."""

    u: Any
    v: Any
    logs: Any
    histories: Any  # (problems, max_iter)
    counts: Any  # (problems, 3): iterations, kernels built, levels of annealing
    errors: Any


@kernel
def squared_distances(x, y, scale, out):
    """scale |x_i - y_j|^2 for (n, d) points x and (d, m) coordinates y."""
    wide_vectors()
    for i in range(out.shape[0]):
        row = out[i]
        row[:] = 0.0
        for k in range(x.shape[1]):
            xk, yk = x[i, k], y[k]
            for j in range(len(row)):
                row[j] += (xk - yk[j]) * (xk - yk[j])
        for j in range(len(row)):
            row[j] *= scale


@kernel
def _room(n, m):
    """Scratch for a problem of n by m."""
    z = np.empty((9, m))
    return Room(z[0], np.empty(n), z[1], np.empty(m // 2 + 1), z[2], z[3], z[4], z[5], z[6], z[7], z[8])


@kernel
def _start(x, y, a, b, scale, v):
    """v that moves the mean of x onto that of y; the levels of annealing from the radius of the clouds, in blurs."""
    spread = 0.0
    v[:] = 0.0
    for k in range(x.shape[1]):
        mean_x = mean_y = square_x = square_y = 0.0
        for i in range(len(a)):
            mean_x += a[i] * x[i, k]
        for j in range(len(b)):
            mean_y += b[j] * y[k, j]
        for i in range(len(a)):
            square_x += a[i] * (x[i, k] - mean_x) ** 2
        for j in range(len(b)):
            square_y += b[j] * (y[k, j] - mean_y) ** 2
            v[j] += 2.0 * scale * (mean_y - mean_x) * (y[k, j] - mean_y)
        spread += max(square_x, square_y)
    return levels(spread, scale)


@kernel
def solve_range(problems, first, last, max_iter, blocks, answers):
    """Solve the problems first to last, one after another; `blocks` are two arrays that hold the largest."""
    for q in range(first, last):
        i0, i1, j0, j1 = problems.x_ends[q], problems.x_ends[q + 1], problems.y_ends[q], problems.y_ends[q + 1]
        n, m, d, is_self = i1 - i0, j1 - j0, problems.dimensions[q], problems.is_self[q]
        a, b, scale = problems.a[i0:i1], problems.b[j0:j1], problems.scales[q]
        x = problems.x[problems.x_blocks[q] : problems.x_blocks[q] + n * d].reshape((n, d))
        y = problems.y[problems.y_blocks[q] : problems.y_blocks[q] + m * d].reshape((d, m))
        C, K = blocks[0, : n * m].reshape((n, m)), blocks[1, : n * m].reshape((n, m))
        squared_distances(x, y, scale, C)
        room = _room(n, m)
        u, v, n_levels = np.empty(n), np.zeros(m), 0
        if problems.is_started[q]:
            v[:] = problems.starts[j0:j1]
        elif not is_self:
            n_levels = _start(x, y, a, b, scale, v)
            anneal(C, a, b, n_levels, u, v, K, room)
        mixing = Mixing(np.empty((MEMORY, m)), np.empty((MEMORY, m)), np.empty((MEMORY, MEMORY)), np.empty(MEMORY))
        best = answers.u[i0:i1], answers.v[j0:j1], answers.logs[j0:j1]
        n_iter, n_builds, error = solve(
            C, a, b, is_self, problems.tols[q], max_iter, u, v, K, room, mixing, best, answers.histories[q]
        )
        answers.counts[q, 0], answers.counts[q, 1], answers.counts[q, 2] = n_iter, n_builds, n_levels
        answers.errors[q] = error


def solve_all(problems, max_iter):
    """The answers to all problems; the same bits in any company and for any number of threads."""
    sizes = np.diff(problems.x_ends), np.diff(problems.y_ends)
    pairs, count = sizes[0] * sizes[1], len(problems.dimensions)
    answers = Answers(
        np.empty(problems.x_ends[-1]),
        np.empty(problems.y_ends[-1]),
        np.empty(problems.y_ends[-1]),
        np.empty((count, max_iter)),
        np.empty((count, 3), dtype=np.int64),
        np.empty(count),
    )

    def task(first, last):
        solve_range(problems, first, last, max_iter, np.empty((2, pairs[first:last].max())), answers)

    cuts = np.flatnonzero(np.diff(np.cumsum(pairs) // PAIRS_A_PANEL)) + 1
    run(task, list(pairwise([0, *cuts.tolist(), count])))
    return answers
