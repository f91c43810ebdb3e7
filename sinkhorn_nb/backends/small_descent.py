"""The loop that solves one small problem within one compiled call, to a marginal error and to an accurate value."""

from typing import Any, NamedTuple

import numpy as np

from .jit import kernel, wide_vectors
from .pointwise import LOG2E, exp2
from .small_kernels import DRIFT, build_at, center, copy, mean, measure
from .small_mixing import MEMORY, mix, remember

START_ERROR = 0.5  # marginal error from which on iterates are mixed
SELF_STEP = 2.0 / 3.0  # share of the way from v to T(v) in problems of a measure with itself
# Masses below this share of the mean are tiny: the error does not see them. Where the ratio of the marginal at one is
# off by more than so many bits, a few extra iterations are made.
TINY, UNEVEN, EXTRA = 1e-3, 0.15, 6
FURTHEST = 30.0  # bits of any marginal ratio up to which iterates are mixed: the error does not see small masses
LARGEST_LOG = 1000.0  # bits of a marginal ratio, so that the error stays a finite number
DUAL_ROUNDING = 1e-12  # in bits
# Once so many pairs have been treated and so many iterations made, the least error is looked at, then again after twice
# as many. If it has not fallen to this share since the last look, two-level steps need less time.
PAIRS_BEFORE_LOOK, FIRST_LOOK, PROGRESS = 2**22, 32, 0.5
NO_VALUE = -1e300  # compiled code knows no infinite numbers
# A divergence is a small difference of dual values. The error of such a value is at most about AMPLIFICATION times what
# an exact update would gain, which is large after Sinkhorn's iterations alone: they leave masses to be exchanged
# between far clusters. A divergence SAFETY times as large is accurate enough. Otherwise the marginal error is brought
# down to the share SHARPENING, again and again, until the divergence changes by less than LARGEST_CHANGE of itself, or
# rounding decides.
AMPLIFICATION, SAFETY = 1e4, 20.0
SHARPENING, LARGEST_CHANGE = 1 / 8, 1 / 20
LEAST_ERROR = 1e-9


class Aim(NamedTuple):
    """What the accuracy of a value is measured by, in bits: a divergence is the value less `base`."""

    base: Any  # half of the values of the two self problems; NO_VALUE where the value itself is wanted
    gain: Any  # the most that the values of the self problems may gain
    is_fine: Any  # whether the blur is so small that no estimate of the accuracy is to be trusted at first


class Outcome(NamedTuple):
    """How the solution of a problem went."""

    value: Any  # the dual value in bits
    gain: Any  # of the dual value by one exact update
    error: Any  # marginal error
    n_iter: Any
    n_builds: Any  # of the kernel
    is_accurate: Any  # whether the aim was reached, too


@kernel
def judge(b, logs):
    """The marginal error, the largest log of a ratio, that at tiny masses, and the gain of an exact update in bits."""
    wide_vectors()
    error, furthest, unevenness, gain = 0.0, 0.0, 0.0, 0.0
    for j in range(len(logs)):
        excess = exp2(min(logs[j], LARGEST_LOG)) - 1.0
        error += b[j] * abs(excess)
        gain += b[j] * (LOG2E * excess - logs[j])
        furthest = max(furthest, abs(logs[j]))
        if b[j] * len(logs) < TINY:
            unevenness = max(unevenness, abs(logs[j]))
    return error, furthest, unevenness, gain


@kernel
def _is_accurate(aim, value, last_value, gain, tol, n_rounds):
    """Whether a value within the tolerance is as accurate as is asked for."""
    divergence, gains = value - aim.base, gain + aim.gain
    if n_rounds == 0:
        return not aim.is_fine and divergence >= SAFETY * AMPLIFICATION * gains
    is_settled = abs(value - last_value) <= LARGEST_CHANGE * divergence and divergence >= SAFETY * gains
    return is_settled or tol <= LEAST_ERROR


@kernel
def _has_moved_far(v, reference):
    """Whether the kernel that is stored at a reference no longer serves at v."""
    moved = 0.0
    for j in range(len(v)):
        moved = max(moved, abs(v[j] - reference[j]))
    return moved > DRIFT


@kernel
def _step(b, is_self, is_mixed, has_last, n_seen, logs, v, room, mixing):
    """Move v by the step that the ratios ask for, mixed with earlier ones; the changes seen so far."""
    wide_vectors()
    step = SELF_STEP if is_self else 1.0
    for j in range(len(v)):
        room.residual[j] = -step * logs[j]
    if is_mixed and has_last:
        n_seen = remember(mixing, n_seen, b, v, room.residual, room.last, room.last_residual)
    copy(v, room.last)
    copy(room.residual, room.last_residual)
    for j in range(len(v)):
        v[j] += room.residual[j]
    copy(v, room.plain)
    if is_mixed and n_seen > 0:
        mix(mixing, min(n_seen, MEMORY), b, room.residual, v)
    if not is_self:
        center(b, v)
    return n_seen


@kernel
def solve(C, a, b, is_self, tol, max_iter, aim, is_built, u, v, K, room, mixing, best, history):
    """Iterate from v to the tolerance, and to the aim; the best (u, v, logs) that was measured, and the outcome.

    An iterate of lower dual than the last is given up for the plain one that it replaced.
    """
    wide_vectors()
    zero, false = np.int64(0), np.bool_(False)  # of a literal, numba compiles all that it is passed to once more
    logs, n_iter, n_builds, n_seen, n_within, n_rounds = np.empty(len(v)), zero, zero, zero, zero, zero
    is_stale, has_last, is_accurate = not is_built, false, false
    best_dual, least_error, least_unevenness = NO_VALUE, -NO_VALUE, -NO_VALUE
    value, gain, last_value = 0.0, 0.0, 0.0
    next_look, last_error = max(FIRST_LOOK, PAIRS_BEFORE_LOOK // C.size), START_ERROR
    while n_iter < max_iter:
        if is_stale or _has_moved_far(v, room.reference):
            build_at(C, b, v, K, room)
            n_builds += 1
        dual, serves = measure(C, a, b, is_self, u, v, logs, K, room)
        is_stale = not serves
        error, furthest, unevenness, possible = judge(b, logs)
        history[n_iter] = error
        n_iter += 1
        is_better = unevenness < least_unevenness if error <= tol and least_error <= tol else error < least_error
        if is_better:
            least_error, least_unevenness, gain = error, unevenness, possible
            value = dual if is_self else dual - mean(b, logs)  # that of the exact update
            copy(u, best[0])
            copy(v, best[1])
            copy(logs, best[2])
        if error <= tol:
            n_within += 1
            if unevenness <= UNEVEN or n_within > EXTRA:
                is_accurate = _is_accurate(aim, value, last_value, gain, tol, n_rounds)
                if is_accurate:
                    break
                n_rounds, n_within, last_value, tol = (
                    n_rounds + 1,
                    zero,
                    value,
                    max(SHARPENING * least_error, LEAST_ERROR),
                )
        if n_iter == next_look:
            if least_error > PROGRESS * last_error:
                break
            next_look, last_error = 2 * n_iter, least_error
        if has_last and not dual >= best_dual - DUAL_ROUNDING:
            copy(room.plain, v)
            has_last, n_seen = false, zero
            continue
        best_dual = max(best_dual, dual)
        is_mixed = tol < error < START_ERROR and furthest < FURTHEST  # plain steps bring tiny masses home
        n_seen = _step(b, is_self, is_mixed, has_last, n_seen, logs, v, room, mixing)
        has_last = is_mixed
    return Outcome(value, gain, least_error, n_iter, n_builds, is_accurate)
