"""The steps of an iteration for one small problem on the GPU, each made by all threads of its
block.

They are those of `small_kernels`, by the rules and formulas that all backends share. `room` is the
problem, `parts` are shared numbers of each thread, `me` is the thread's number.
"""

from functools import cache

from ..elementary import exp2, log2
from ..small_rules import (
    LEAST_SUM,
    START_ERROR,
    heat,
    is_tiny,
    log_ratio,
    share_of_error,
    share_of_gain,
)
from .device import device, syncthreads
from .small_team import adding_columns, adding_rows, building, reducing


@cache
def half_steps(team):
    """The functions for u that is exact for the factors of v, and for the sums of the columns
    there.
    """
    add_rows = adding_rows(team)
    add_columns = adding_columns(team)
    threads = team.threads

    @device
    def update_u(room, K, parts, me):
        """u_i = -top_i - log2 sum_j K_ij factors_j, and the shares a_i / (that sum)."""
        syncthreads()
        add_rows(K, room.stride, room.factors, 0.0, room.n, room.m, room.u, parts, me)
        syncthreads()
        for i in range(me, room.n, threads):
            total = room.u[i]
            room.shares[i], room.u[i] = room.a[i] / total, -room.top[i] - log2(total)
        syncthreads()

    @device
    def sum_columns(room, K, parts, me):
        add_columns(K, room.stride, room.shares, room.n, room.m, room.sums, parts, me)
        syncthreads()

    return update_u, sum_columns


@cache
def renewing(team):
    """The functions that build K for its reference, which v becomes if it is new, and that tell how
    far v has moved.
    """
    build = building(team)
    reduce = reducing(team)
    threads = team.threads

    @device
    def renew(room, is_new, K, parts, me):
        for j in range(me, room.m, threads):
            if is_new:
                room.reference[j] = room.v[j]
            room.base[j] = room.reference[j] + log2(room.b[j])
        build(room.C, 1.0, room.base, room.n, room.m, room.stride, room.top, K, parts, me)

    @device
    def moved(room, parts, me):
        furthest = 0.0
        for j in range(me, room.m, threads):
            furthest = max(furthest, abs(room.v[j] - room.reference[j]))
        syncthreads()
        parts[0, me] = furthest
        reduce(parts, 0, 1, me)
        return parts[0, 0]

    return renew, moved


@cache
def annealing(team):
    """The function for one iteration at the temperature of a level."""
    build = building(team)
    (update_u, sum_columns) = half_steps(team)
    threads = team.threads

    @device
    def anneal(room, level, K, parts, me):
        warmth = heat(level)
        for j in range(me, room.m, threads):
            room.base[j] = room.v[j] / warmth + log2(room.b[j])
            room.factors[j] = 1.0
        build(room.C, 1.0 / warmth, room.base, room.n, room.m, room.stride, room.top, K, parts, me)
        update_u(room, K, parts, me)
        sum_columns(room, K, parts, me)
        # K holds b_j; a column that nobody sees waits for the last temperature
        for j in range(me, room.m, threads):
            if room.sums[j] > LEAST_SUM:
                room.v[j] -= warmth * (log2(room.sums[j]) - log2(room.b[j]))

    return anneal


@device
def _log_column(room, j):
    """log2 sum_i a_i 2^(u_i - C_ij), for any potentials."""
    largest = room.u[0] - room.C[j]
    total = 0.0
    for i in range(1, room.n):
        largest = max(largest, room.u[i] - room.C[i * room.m + j])
    for i in range(room.n):
        total += room.a[i] * exp2(room.u[i] - room.C[i * room.m + j] - largest)
    return largest + log2(total)


@cache
def measuring(team):
    """The function that makes u exact for v, and the logs of the other marginal's ratios there.

    It returns the dual value and that of an exact update, the error, the gain of the update, the
    largest log, that of tiny masses, and whether K still serves.
    """
    (update_u, sum_columns) = half_steps(team)
    reduce = reducing(team)
    threads = team.threads

    @device
    def log_of(room, j):
        """The log of one ratio, and whether it is lost among clipped entries of K."""
        if room.is_self:
            return room.v[j] - room.u[j], 0.0
        if room.sums[j] > LEAST_SUM:
            return log_ratio(room.sums[j], room.v[j] - room.reference[j], room.b[j]), 0.0
        return room.v[j] + _log_column(room, j), 1.0

    @device
    def measure(room, K, parts, me):
        for j in range(me, room.m, threads):
            room.factors[j] = exp2(room.v[j] - room.reference[j])
        update_u(room, K, parts, me)
        if not room.is_self:
            sum_columns(room, K, parts, me)
        dual = 0.0
        missing = 0.0
        error = 0.0
        gain = 0.0
        furthest = 0.0
        unevenness = 0.0
        lost = 0.0
        for j in range(me, room.m, threads):
            log, is_lost = log_of(room, j)
            room.logs[j], b = log, room.b[j]
            if room.is_self:
                dual += b * (2.0 * room.v[j] - log)
            else:
                dual = dual + b * room.v[j]
                missing = missing + b * log
            error = error + share_of_error(b, log)
            gain = gain + share_of_gain(b, log)
            furthest = max(furthest, abs(log))
            lost = max(lost, is_lost)
            if is_tiny(b, room.m):
                unevenness = max(unevenness, abs(log))
        if not room.is_self:
            for i in range(me, room.n, threads):
                dual += room.a[i] * room.u[i]
        syncthreads()
        parts[0, me], parts[1, me], parts[2, me], parts[3, me] = dual, missing, error, gain
        parts[4, me], parts[5, me], parts[6, me] = furthest, unevenness, lost
        reduce(parts, 4, 3, me)
        dual = parts[0, 0]
        furthest = parts[4, 0]
        unevenness = parts[5, 0]
        return (
            dual,
            dual - parts[1, 0],
            parts[2, 0],
            parts[3, 0],
            furthest,
            unevenness,
            parts[6, 0] == 0.0,
        )

    return measure


@cache
def trying(team):
    """The function that adds the potential of the second cloud with itself to v, if that nearly
    solves the problem.
    """
    measure = measuring(team)
    (renew, _) = renewing(team)
    threads = team.threads

    @device
    def starts_near(room, own, K, parts, me):
        for j in range(me, room.m, threads):
            room.plain[j] = room.v[j]
            room.v[j] += own[j]
        renew(room, True, K, parts, me)
        is_near = measure(room, K, parts, me)[2] < START_ERROR
        if not is_near:
            for j in range(me, room.m, threads):
                room.v[j] = room.plain[j]
        return is_near

    return starts_near
