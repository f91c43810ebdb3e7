"""One small problem, solved whole by one compiled call: its cost block and its kernel stay in the cache of a core.

A problem is a block of costs, two vectors of weights and a temperature; nothing here knows of points. Potentials and
costs are in bits: P_ij = a_i b_j 2^(u_i + v_j - C_ij). The kernel K_ij = b_j 2^(v_j - C_ij - top_i) is stored at a
reference v, and one read of it makes both half steps of Sinkhorn's iteration; it is built anew once v has moved far.
"""

from typing import Any, NamedTuple

import numpy as np

from .cpu_kernels import larger
from .jit import kernel, wide_vectors
from .pointwise import exp2, log2
from .small_mixing import MEMORY, mix, remember
from .small_rules import (
    DRIFT,
    LEAST_SUM,
    SELF_STEP,
    has_fallen,
    heat,
    is_better,
    is_solved,
    is_tiny,
    is_to_be_mixed,
    log_ratio,
    share_of_error,
)


class Room(NamedTuple):
    """Scratch vectors: `top` has n numbers, `half` half of m, all others m."""

    base: Any
    top: Any
    row: Any
    half: Any
    reference: Any
    residual: Any
    plain: Any
    last: Any
    last_residual: Any
    factors: Any
    sums: Any


@kernel
def _largest(values, half):
    """The largest value, by halves: LLVM leaves a plain maximum scalar."""
    wide_vectors()
    size = (len(values) + 1) // 2
    larger(values[:size], values[len(values) - size :], half)
    while size > 1:
        k = (size + 1) // 2
        larger(half[:k], half[size - k : size], half)
        size = k
    return half[0]


@kernel
def _build(C, coolness, base, row, half, top, K):
    """K_ij = 2^(base_j - coolness C_ij - top_i), the largest entry of each row being 1."""
    wide_vectors()
    for i in range(C.shape[0]):
        costs, out = C[i], K[i]
        for j in range(len(base)):
            row[j] = base[j] - coolness * costs[j]
        largest = _largest(row, half)
        top[i] = largest
        for j in range(len(base)):
            out[j] = exp2(row[j] - largest)


@kernel
def _sweep(K, weights, factors, u, top, sums):
    """u_i = -top_i - log2 sum_j K_ij factors_j, and sums_j = sum_i a_i K_ij / (that sum): both half steps."""
    wide_vectors()
    sums[:] = 0.0
    for i in range(K.shape[0]):
        row, total = K[i], 0.0
        for j in range(len(factors)):
            total += row[j] * factors[j]
        share = weights[i] / total
        for j in range(len(factors)):
            sums[j] += share * row[j]
        u[i] = total
    for i in range(len(u)):
        u[i] = -top[i] - log2(u[i])


@kernel
def _row_sums(K, factors, u, top):
    """u_i = -top_i - log2 sum_j K_ij factors_j."""
    wide_vectors()
    for i in range(K.shape[0]):
        row, total = K[i], 0.0
        for j in range(len(factors)):
            total += row[j] * factors[j]
        u[i] = total
    for i in range(len(u)):
        u[i] = -top[i] - log2(u[i])


@kernel
def _log_column(C, a, u, j):
    """log2 sum_i a_i 2^(u_i - C_ij), for any potentials."""
    largest = u[0] - C[0, j]
    for i in range(1, len(u)):
        largest = max(largest, u[i] - C[i, j])
    total = 0.0
    for i in range(len(u)):
        total += a[i] * exp2(u[i] - C[i, j] - largest)
    return largest + log2(total)


@kernel
def anneal(C, a, b, n_levels, u, v, K, room):
    """One iteration at each of the temperatures above the last, down from the highest."""
    wide_vectors()
    for level in range(n_levels, 0, -1):
        warmth = heat(level)
        for j in range(len(v)):
            room.base[j] = v[j] / warmth + log2(b[j])
        _build(C, 1.0 / warmth, room.base, room.row, room.half, room.top, K)
        room.factors[:] = 1.0
        _sweep(K, a, room.factors, u, room.top, room.sums)
        for j in range(len(v)):  # K holds b_j; a column that nobody sees waits for the last temperature
            if room.sums[j] > LEAST_SUM:
                v[j] -= warmth * (log2(room.sums[j]) - log2(b[j]))


@kernel
def _center(b, v):
    """Subtract the mean, which u makes up for: rounding would let it drift."""
    mean = 0.0
    for j in range(len(v)):
        mean += b[j] * v[j]
    for j in range(len(v)):
        v[j] -= mean


@kernel
def _measure(C, a, b, is_self, u, v, logs, K, room):
    """Make u exact for v; the logs of the other marginal's ratios there, the dual value, and whether K still serves."""
    wide_vectors()
    for j in range(len(v)):
        room.factors[j] = exp2(v[j] - room.reference[j])
    serves, dual = True, 0.0
    if is_self:
        _row_sums(K, room.factors, u, room.top)
        for j in range(len(v)):
            logs[j] = v[j] - u[j]
            dual += b[j] * (2.0 * v[j] - logs[j])
        return dual, serves
    _sweep(K, a, room.factors, u, room.top, room.sums)
    for j in range(len(v)):
        logs[j] = log_ratio(room.sums[j], v[j] - room.reference[j], b[j])
        dual += b[j] * v[j]
    for i in range(len(u)):
        dual += a[i] * u[i]
    for j in range(len(v)):
        if not room.sums[j] > LEAST_SUM:
            logs[j], serves = v[j] + _log_column(C, a, u, j), False
    return dual, serves


@kernel
def solve(C, a, b, is_self, tol, max_iter, u, v, K, room, mixing, best, history):
    """Iterate from v to the tolerance; the best (u, v, logs) that was measured. Iterations, kernels built, the error.

    An iterate of lower dual than the last is given up for the plain one that it replaced.
    """
    wide_vectors()
    logs, n_iter, n_builds, n_seen, n_within = np.empty(len(v)), 0, 0, 0, 0
    is_stale, has_last, best_dual, least_error = True, False, -np.inf, np.inf
    least_unevenness = np.inf
    step = SELF_STEP if is_self else 1.0
    while n_iter < max_iter:
        if not is_stale:
            moved = 0.0
            for j in range(len(v)):
                moved = max(moved, abs(v[j] - room.reference[j]))
            is_stale = moved > DRIFT
        if is_stale:
            for j in range(len(v)):
                room.base[j] = v[j] + log2(b[j])
            _build(C, 1.0, room.base, room.row, room.half, room.top, K)
            room.reference[:] = v
            n_builds += 1
        dual, serves = _measure(C, a, b, is_self, u, v, logs, K, room)
        is_stale = not serves
        error, furthest, unevenness = 0.0, 0.0, 0.0
        for j in range(len(v)):
            error += share_of_error(b[j], logs[j])
            furthest = max(furthest, abs(logs[j]))
            if is_tiny(b[j], len(v)):
                unevenness = max(unevenness, abs(logs[j]))
        history[n_iter] = error
        n_iter += 1
        if is_better(error, unevenness, least_error, least_unevenness, tol):
            least_error, least_unevenness = error, unevenness
            best[0][:], best[1][:], best[2][:] = u, v, logs
        n_within += error <= tol
        if is_solved(error, unevenness, n_within, tol):
            break
        if has_last and has_fallen(dual, best_dual):
            v[:] = room.plain
            has_last, n_seen = False, 0
            continue
        best_dual = max(best_dual, dual)
        for j in range(len(v)):
            room.residual[j] = -step * logs[j]
        is_mixed = is_to_be_mixed(error, furthest, tol)
        if is_mixed and has_last:
            n_seen = remember(mixing, n_seen, b, v, room.residual, room.last, room.last_residual)
        room.last[:], room.last_residual[:] = v, room.residual
        for j in range(len(v)):
            v[j] += room.residual[j]
        room.plain[:] = v
        if is_mixed and n_seen > 0:
            mix(mixing, min(n_seen, MEMORY), b, room.residual, v)
        if not is_self:
            _center(b, v)
        has_last = is_mixed
    return n_iter, n_builds, least_error
