"""Small problems on the GPU: a block of threads solves one problem, as `small_kernels.solve` does.

`begin` forms the cost blocks, for some of the coordinates at a time. `advance` goes on from where the last launch has
stopped, by a number of steps; K is built anew from its reference, so that the bits are those of one long launch.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .cuda_device import cuda, device, kernel, syncthreads
from .cuda_small_layout import (
    BEST_DUAL,
    HAS_LAST,
    HISTORY,
    IS_DONE,
    IS_STALE,
    LEAST_ERROR,
    LEAST_UNEVENNESS,
    LEVEL,
    N_BUILDS,
    N_ITER,
    N_LEVELS,
    N_SEEN,
    N_WITHIN,
    NEAR,
    PAIR,
    SCALE,
    SPREAD,
    START,
    TOL,
    D,
    X,
    Y,
    room_of,
)
from .cuda_small_mixing import SYSTEM, mixing, remembering
from .cuda_small_steps import annealing, measuring, renewing
from .cuda_small_team import PARTS, reducing
from .small_mixing import MEMORY
from .small_rules import DRIFT, SELF_STEP, has_fallen, is_better, is_solved, is_to_be_mixed, levels

THREADS, WIDTH = NEAR.threads, NEAR.columns
_reduce = reducing(NEAR)


@kernel
def begin(inputs, work, first, stop):
    """Add the coordinates first to stop to the cost blocks, and to the v that moves the mean of x onto that of y."""
    parts = cuda.shared.array((PARTS, THREADS), np.float64)
    me, q = np.uint32(cuda.threadIdx.x), cuda.blockIdx.x
    task, room = work.table[q], room_of(inputs, work, q)
    n, m, d, scale = room.n, room.m, task[D], room.figures[SCALE]
    if first > 0 and first >= d:
        return
    x, y = inputs.points[task[X] :], inputs.points[task[Y] :]
    last, start = min(stop, d), task[START]
    for i in range(me // WIDTH, n, THREADS // WIDTH):
        for j in range(me % WIDTH, m, WIDTH):
            total = room.C[i * m + j] if first > 0 else 0.0
            for k in range(first, last):
                total += (x[i * d + k] - y[k * m + j]) * (x[i * d + k] - y[k * m + j])
            room.C[i * m + j] = total * scale if last == d else total
    if first == 0:
        for j in range(me, m, THREADS):
            room.v[j] = inputs.weights[start + j] if start >= 0 else 0.0
    if start < 0 and not room.is_self:
        spread = room.figures[SPREAD]
        for k in range(first, last):
            spread += _move_mean(room, x, y, k, d, scale, parts, me)
        syncthreads()
        if me == 0:
            room.figures[SPREAD] = spread
            task[LEVEL] = task[N_LEVELS] = levels(spread, scale) if last == d else 0


@device
def _move_mean(room, x, y, k, d, scale, parts, me):
    """Move v along coordinate k; the larger variance of the two sides there."""
    n, m, mean_x, mean_y, square_x, square_y = room.n, room.m, 0.0, 0.0, 0.0, 0.0
    for i in range(me, n, THREADS):
        mean_x += room.a[i] * x[i * d + k]
    for j in range(me, m, THREADS):
        mean_y += room.b[j] * y[k * m + j]
    syncthreads()
    parts[0, me], parts[1, me] = mean_x, mean_y
    _reduce(parts, 2, 0, me)
    mean_x, mean_y = parts[0, 0], parts[1, 0]
    for i in range(me, n, THREADS):
        square_x += room.a[i] * (x[i * d + k] - mean_x) ** 2
    for j in range(me, m, THREADS):
        square_y += room.b[j] * (y[k * m + j] - mean_y) ** 2
        room.v[j] += 2.0 * scale * (mean_y - mean_x) * (y[k * m + j] - mean_y)
    syncthreads()
    parts[0, me], parts[1, me] = square_x, square_y
    _reduce(parts, 2, 0, me)
    return max(parts[0, 0], parts[1, 0])


@cache
def _keeping(team):
    """The functions that keep the best iterate, set v to the plain one, and make a step from the logs."""
    remember, mix, reduce, threads = remembering(team), mixing(team), reducing(team), team.threads

    @device
    def keep(room, me):
        for i in range(me, room.n, threads):
            room.best_u[i] = room.u[i]
        for j in range(me, room.m, threads):
            room.best_v[j], room.best_logs[j] = room.v[j], room.logs[j]

    @device
    def take_back(room, me):
        for j in range(me, room.m, threads):
            room.v[j] = room.plain[j]

    @device
    def step(room, is_mixed, has_last, n_seen, system, parts, me):
        """Move v by the residual, mixed if so; how many changes have been seen."""
        share = SELF_STEP if room.is_self else 1.0
        for j in range(me, room.m, threads):
            room.residual[j] = -share * room.logs[j]
        if is_mixed and has_last:
            n_seen = remember(room, n_seen, parts, me)
        for j in range(me, room.m, threads):
            room.last[j], room.last_residual[j] = room.v[j], room.residual[j]
            room.v[j] += room.residual[j]
            room.plain[j] = room.v[j]
        if is_mixed and n_seen > 0:
            mix(room, min(n_seen, MEMORY), system, parts, me)
        if not room.is_self:
            center(room, parts, me)
        return n_seen

    @device
    def center(room, parts, me):
        """Subtract the mean, which u makes up for: rounding would let it drift."""
        mean = 0.0
        for j in range(me, room.m, threads):
            mean += room.b[j] * room.v[j]
        syncthreads()
        parts[0, me] = mean
        reduce(parts, 1, 0, me)
        mean = parts[0, 0]
        for j in range(me, room.m, threads):
            room.v[j] -= mean

    return keep, take_back, step


class Progress(NamedTuple):
    """How far a problem has come, as in `small_kernels.solve`; `is_built` tells whether K is that of the reference."""

    n_iter: Any
    n_builds: Any
    n_seen: Any
    n_within: Any
    is_stale: Any
    has_last: Any
    is_built: Any
    is_done: Any
    best_dual: Any
    least_error: Any
    least_unevenness: Any


@device
def _resumed(task, figures):
    """The progress that an earlier launch has saved; it has left no K."""
    return Progress(
        task[N_ITER], task[N_BUILDS], task[N_SEEN], task[N_WITHIN], task[IS_STALE] != 0, task[HAS_LAST] != 0, False,
        False, figures[BEST_DUAL], figures[LEAST_ERROR], figures[LEAST_UNEVENNESS],
    )  # fmt: skip


@device
def _save(progress, task, figures):
    task[N_ITER], task[N_BUILDS], task[N_SEEN] = progress.n_iter, progress.n_builds, progress.n_seen
    task[N_WITHIN], task[IS_STALE], task[HAS_LAST] = progress.n_within, progress.is_stale, progress.has_last
    figures[BEST_DUAL], figures[LEAST_ERROR] = progress.best_dual, progress.least_error
    figures[LEAST_UNEVENNESS] = progress.least_unevenness


@cache
def _iterating(team):
    """The function for one iteration; it returns the progress."""
    measure, (renew, moved), (keep, take_back, step) = measuring(team), renewing(team), _keeping(team)

    @device
    def iterate(room, tol, before, K, system, parts, me):
        is_new = before.is_stale or moved(room, parts, me) > DRIFT
        if is_new or not before.is_built:
            renew(room, is_new, K, parts, me)
        dual, error, furthest, unevenness, serves = measure(room, K, parts, me)
        if me == 0:
            room.figures[HISTORY + before.n_iter] = error
        least_error, least_unevenness, best_dual = before.least_error, before.least_unevenness, before.best_dual
        if is_better(error, unevenness, least_error, least_unevenness, tol):
            least_error, least_unevenness = error, unevenness
            keep(room, me)
        n_within, n_seen, has_last = before.n_within + (error <= tol), before.n_seen, False
        is_done = is_solved(error, unevenness, n_within, tol)
        if before.has_last and has_fallen(dual, best_dual):
            take_back(room, me)
            n_seen = 0
        elif not is_done:
            best_dual, has_last = max(best_dual, dual), is_to_be_mixed(error, furthest, tol)
            n_seen = step(room, has_last, before.has_last, n_seen, system, parts, me)
        return Progress(
            before.n_iter + 1, before.n_builds + is_new, n_seen, n_within, not serves, has_last, True, is_done,
            best_dual, least_error, least_unevenness,
        )  # fmt: skip

    return iterate


@cache
def advancing(team):
    """The kernel that takes each of the active problems on by a number of steps: levels of annealing, or iterations."""
    is_near, anneal, iterate = team == NEAR, annealing(team), _iterating(team)
    threads = team.threads

    @kernel
    def advance(inputs, work, active, steps, max_iter):
        parts = cuda.shared.array((PARTS, threads), np.float64)
        system = cuda.shared.array(SYSTEM, np.float64)
        me, q = np.uint32(cuda.threadIdx.x), active[cuda.blockIdx.x]
        task, room = work.table[q], room_of(inputs, work, q)
        behind = task[PAIR] + room.n * room.m
        K = cuda.shared.array(0, np.float64) if is_near else work.pairs[behind : behind + room.n * room.stride]
        level, progress, tol = task[LEVEL], _resumed(task, room.figures), room.figures[TOL]
        while level > 0 and steps > 0:
            anneal(room, level, K, parts, me)
            level, steps = level - 1, steps - 1
        while steps > 0 and progress.n_iter < max_iter and not progress.is_done:
            progress = iterate(room, tol, progress, K, system, parts, me)
            steps -= 1
        syncthreads()
        if me == 0:
            _save(progress, task, room.figures)
            task[LEVEL], task[IS_DONE] = level, progress.is_done or progress.n_iter == max_iter

    return advance
