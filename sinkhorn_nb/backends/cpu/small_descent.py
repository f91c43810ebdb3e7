"""The loop that solves one small problem within one compiled call, to a marginal error and to an
accurate value.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types

from ..jit import inlined, leaf, overload, wide_vectors
from ..small_rules import (
    DRIFT,
    NO_VALUE,
    START_ERROR,
    first_look,
    has_fallen,
    is_accurate,
    is_better,
    is_settled,
    is_tiny,
    is_to_be_mixed,
    self_share,
    share_of_error,
    share_of_gain,
    sharpened,
    stalls,
)
from .small_kernels import anneal, build_at, center, copy, fill, mean, measure
from .small_mixing import MEMORY, mix, remember
from .small_prices import anneal_priced, look_priced


class Outcome(NamedTuple):
    """The result of the iterations on one problem."""

    value: Any  # the dual value in bits
    gain: Any  # of the dual value by one exact update
    error: Any  # marginal error
    n_iter: Any
    n_builds: Any  # of the kernel
    n_levels: Any  # of annealing
    is_accurate: Any  # whether the aim was reached, too


@leaf
def judge(b, logs):
    """The marginal error, the largest log of a ratio, that at tiny masses, and the gain of an exact
    update in bits.
    """
    wide_vectors()
    m = len(logs)
    error = furthest = unevenness = gain = 0.0
    for j in range(m):
        error += share_of_error(b[j], logs[j])
        gain += share_of_gain(b[j], logs[j])
        furthest = max(furthest, abs(logs[j]))
        if is_tiny(b[j], m):
            unevenness = max(unevenness, abs(logs[j]))
    return error, furthest, unevenness, gain


@inlined
def _has_moved_far(v, reference):
    """Whether the kernel that is stored at a reference no longer serves at v."""
    moved = 0.0
    for j in range(len(v)):
        own_move = abs(v[j] - reference[j])
        moved = max(moved, own_move)
    return moved > DRIFT


@leaf
def _second(rates):
    if rates is None:
        return 0.0
    return rates[1]


@leaf
def _step(b, is_self, rates, is_mixed, has_last, n_seen, logs, v, room, mixing):
    """Move v by the step that the ratios ask for, mixed with earlier ones. Returns the number of
    changes that have been seen.
    """
    wide_vectors()
    m = len(v)
    rate = _second(rates)
    step = (self_share(rate, not is_mixed) if is_self else 1.0) / (1.0 + rate)
    for j in range(m):
        room.residual[j] = -step * logs[j]
    if is_mixed and has_last:
        n_seen = remember(mixing, n_seen, b, v, room.residual, room.last, room.last_residual)
    copy(v, room.last)
    copy(room.residual, room.last_residual)
    for j in range(m):
        v[j] += room.residual[j]
    copy(v, room.plain)
    if is_mixed and n_seen > 0:
        mix(mixing, min(n_seen, MEMORY), b, room.residual, v)
    if rates is None:
        if not is_self:
            center(b, v)
    return n_seen


@leaf
def keep(u, v, logs, best):
    """Copy an iterate to the best one."""
    copy(u, best[0])
    copy(v, best[1])
    copy(logs, best[2])


class Beginning(NamedTuple):
    """The beginning of a problem: on trial from v, which gives way to `room.plain` if it is far
    from the solution; or far from it, by annealing at so many levels.
    """

    is_trial: Any
    is_far: Any
    n_levels: Any


@inlined
def _anneal(C, a, b, all_rates, rates, n_levels, u, v, K, room):
    """Move v near the solution; far clouds do not exchange mass if that has a price."""
    if all_rates is None:
        anneal(C, a, b, n_levels, u, v, K, room)
    else:
        fill(0.0, v)
        anneal_priced(C, a, b, rates, n_levels, u, v, K, room)


def rates_of(all_rates, q):
    """The rates of a problem; None for exact marginals."""


@overload(rates_of)
def _overload_rates_of(all_rates, q):
    if isinstance(all_rates, types.NoneType):
        return lambda all_rates, q: None
    return lambda all_rates, q: (all_rates[q, 0], all_rates[q, 1])


@inlined
def solve(
    C, K, a, b, is_self, all_rates, q, tol, aim, beginning, u, v, room, mixing, best, history
):
    """Iterate problem q from v to the tolerance, and to the aim. Writes the best (u, v, logs) that
    was measured, and returns the outcome.

    An iterate of lower dual than the last is given up for the plain one that it replaced.
    """
    wide_vectors()
    # Of a literal, numba compiles all that it is passed to once more
    zero, false = np.int64(0), np.bool_(False)
    rates = rates_of(all_rates, q)
    logs = room.logs
    n_iter = zero
    n_builds = zero
    n_seen = zero
    n_within = zero
    n_rounds = zero
    n_levels = zero
    is_stale = np.bool_(True)
    is_trial = beginning.is_trial
    is_far = beginning.is_far
    has_last = false
    is_done = false
    best_dual = NO_VALUE
    least_error = -NO_VALUE
    least_unevenness = -NO_VALUE
    value = gain = last_value = 0.0
    next_look = first_look(C.size)
    last_error = START_ERROR
    while n_iter < len(history):
        if is_far:
            n_levels = beginning.n_levels
            _anneal(C, a, b, all_rates, rates, n_levels, u, v, K, room)
            is_far = false
            is_stale = np.bool_(True)
        if is_stale or _has_moved_far(v, room.reference):
            build_at(C, b, is_self, v, K, room)
            n_builds += 1
        # Without a function around both: that made iterations at n = 32 a quarter slower
        if all_rates is None:
            dual, serves = measure(C, a, b, is_self, u, v, logs, K, room)
            error, furthest, unevenness, possible = judge(b, logs)
        else:
            dual, serves, error, furthest, unevenness, possible = look_priced(
                C, a, b, is_self, rates, u, v, logs, K, room
            )
        is_stale = not serves
        if is_trial and not error < START_ERROR:
            copy(room.plain, v)
            is_trial, is_far = false, not is_far
            continue
        is_trial = false
        history[n_iter] = error
        n_iter += 1
        if is_better(error, unevenness, least_error, least_unevenness, tol):
            least_error, least_unevenness = error, unevenness
            gain = possible
            if all_rates is None:
                excess = 0.0 if is_self else mean(b, logs)
            else:
                excess = -gain
            value = dual - excess  # that of the exact update
            keep(u, v, logs, best)
        n_within += error <= tol
        if is_settled(error, unevenness, n_within, tol):
            is_done = is_accurate(aim, value, last_value, gain, tol, n_rounds)
            if is_done:
                break
            n_rounds = n_rounds + 1
            n_within = zero
            last_value = value
            tol = sharpened(least_error)
        if n_iter == next_look:
            if stalls(least_error, last_error):
                break
            next_look = 2 * n_iter
            last_error = least_error
        if has_last and has_fallen(dual, best_dual):
            copy(room.plain, v)
            has_last, n_seen = false, zero
            continue
        best_dual = max(best_dual, dual)
        is_mixed = is_to_be_mixed(error, furthest, tol)
        n_seen = _step(b, is_self, rates, is_mixed, has_last, n_seen, logs, v, room, mixing)
        has_last = is_mixed
    return Outcome(value, gain, least_error, n_iter, n_builds, n_levels, is_done)
