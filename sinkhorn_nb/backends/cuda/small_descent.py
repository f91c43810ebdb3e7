"""An iteration for one small problem on the GPU: the loop of `small_descent`, which may be left at
any time.

All threads of a block have the same progress; one of them saves it.
"""

from functools import cache
from typing import Any, NamedTuple

from ..cpu.small_mixing import MEMORY
from ..small_rules import (
    DRIFT,
    has_fallen,
    is_accurate,
    is_better,
    is_settled,
    is_to_be_mixed,
    self_share,
    sharpened,
    stalls,
)
from .device import device, syncthreads
from .small_layout import (
    BEST_DUAL,
    GAIN,
    HAS_LAST,
    HISTORY,
    IS_ACCURATE,
    IS_STALE,
    LAST_ERROR,
    LAST_VALUE,
    LEAST_ERROR,
    LEAST_UNEVENNESS,
    N_BUILDS,
    N_ITER,
    N_ROUNDS,
    N_SEEN,
    N_WITHIN,
    NEXT_LOOK,
    TOL,
    VALUE,
)
from .small_mixing import mixing, remembering
from .small_steps import measuring, renewing
from .small_team import reducing


@cache
def _keeping(team):
    """The functions that keep the best iterate, set v to the plain one, and make a step from the
    logs.
    """
    remember = remembering(team)
    mix = mixing(team)
    reduce = reducing(team)
    threads = team.threads

    @device
    def keep(room, me):
        for i in range(me, room.n, threads):
            room.best_u[i] = room.u[i]
        for j in range(me, room.m, threads):
            room.best_v[j] = room.v[j]
            room.best_logs[j] = room.logs[j]

    @device
    def take_back(room, me):
        for j in range(me, room.m, threads):
            room.v[j] = room.plain[j]

    @device
    def step(room, is_mixed, has_last, n_seen, system, parts, me):
        """Move v by the residual, mixed if so; how many changes have been seen."""
        share = self_share(0.0, not is_mixed) if room.is_self else 1.0
        for j in range(me, room.m, threads):
            room.residual[j] = -share * room.logs[j]
        if is_mixed and has_last:
            n_seen = remember(room, n_seen, parts, me)
        for j in range(me, room.m, threads):
            room.last[j] = room.v[j]
            room.last_residual[j] = room.residual[j]
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
    """The state of a problem between launches, as in `small_descent.solve`; `is_built` tells
    whether K is current.
    """

    n_iter: Any
    n_builds: Any
    n_seen: Any
    n_within: Any
    n_rounds: Any
    next_look: Any
    is_stale: Any
    has_last: Any
    is_built: Any
    is_done: Any
    is_accurate: Any
    tol: Any
    best_dual: Any
    least_error: Any
    least_unevenness: Any
    value: Any
    gain: Any
    last_value: Any
    last_error: Any


@device
def resumed(task, figures):
    """The progress that an earlier launch has saved; it has left no K."""
    return Progress(
        n_iter=task[N_ITER],
        n_builds=task[N_BUILDS],
        n_seen=task[N_SEEN],
        n_within=task[N_WITHIN],
        n_rounds=task[N_ROUNDS],
        next_look=task[NEXT_LOOK],
        is_stale=task[IS_STALE] != 0,
        has_last=task[HAS_LAST] != 0,
        is_built=False,
        is_done=False,
        is_accurate=False,
        tol=figures[TOL],
        best_dual=figures[BEST_DUAL],
        least_error=figures[LEAST_ERROR],
        least_unevenness=figures[LEAST_UNEVENNESS],
        value=figures[VALUE],
        gain=figures[GAIN],
        last_value=figures[LAST_VALUE],
        last_error=figures[LAST_ERROR],
    )


@device
def save(progress, task, figures):
    """Leave the progress to the next launch."""
    task[N_ITER] = progress.n_iter
    task[N_BUILDS] = progress.n_builds
    task[N_SEEN] = progress.n_seen
    task[N_WITHIN] = progress.n_within
    task[N_ROUNDS] = progress.n_rounds
    task[NEXT_LOOK] = progress.next_look
    task[IS_STALE] = progress.is_stale
    task[HAS_LAST] = progress.has_last
    task[IS_ACCURATE] = progress.is_accurate
    figures[TOL] = progress.tol
    figures[BEST_DUAL] = progress.best_dual
    figures[LEAST_ERROR] = progress.least_error
    figures[LEAST_UNEVENNESS] = progress.least_unevenness
    figures[VALUE] = progress.value
    figures[GAIN] = progress.gain
    figures[LAST_VALUE] = progress.last_value
    figures[LAST_ERROR] = progress.last_error


@cache
def iterating(team):
    """The function for one iteration; it returns the progress."""
    measure = measuring(team)
    (renew, moved) = renewing(team)
    (keep, take_back, step) = _keeping(team)

    @device
    def iterate(room, aim, before, K, system, parts, me):
        is_new = before.is_stale or moved(room, parts, me) > DRIFT
        if is_new or not before.is_built:
            renew(room, is_new, K, parts, me)
        dual, updated, error, possible, furthest, unevenness, serves = measure(room, K, parts, me)

        n_iter = before.n_iter + 1
        tol = before.tol
        value = before.value
        gain = before.gain
        if me == 0:
            room.figures[HISTORY + before.n_iter] = error
        least_error = before.least_error
        least_unevenness = before.least_unevenness
        best_dual = before.best_dual
        if is_better(error, unevenness, least_error, least_unevenness, tol):
            least_error = error
            least_unevenness = unevenness
            value = updated
            gain = possible
            keep(room, me)

        n_within = before.n_within + (error <= tol)
        n_rounds = before.n_rounds
        last_value = before.last_value
        is_precise = False
        if is_settled(error, unevenness, n_within, tol):
            is_precise = is_accurate(aim, value, last_value, gain, tol, n_rounds)
            n_rounds = n_rounds + 1
            n_within = 0
            last_value = value
            tol = sharpened(least_error)

        next_look = before.next_look
        last_error = before.last_error
        is_done = is_precise
        if n_iter == next_look:
            is_done = is_done or stalls(least_error, last_error)
            next_look = 2 * n_iter
            last_error = least_error

        n_seen = before.n_seen
        has_last = False
        if before.has_last and has_fallen(dual, best_dual):
            take_back(room, me)
            n_seen = 0
        elif not is_done:
            best_dual = max(best_dual, dual)
            has_last = is_to_be_mixed(error, furthest, tol)
            n_seen = step(room, has_last, before.has_last, n_seen, system, parts, me)
        return Progress(
            n_iter, before.n_builds + is_new, n_seen, n_within, n_rounds, next_look,
            not serves, has_last, True, is_done, is_precise,
            tol, best_dual, least_error, least_unevenness, value, gain, last_value, last_error,
        )  # fmt: skip

    return iterate
