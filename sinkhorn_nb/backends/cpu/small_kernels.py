"""The steps that solve one small problem: its cost block and its kernel stay in the cache of a
core.

A problem is a block of costs, two vectors of weights and a temperature; nothing here knows of
points. Potentials and costs are in bits: P_ij = a_i b_j 2^(u_i + v_j - C_ij). The kernel K_ij = b_j
2^(v_j - C_ij - top_i) is stored at a reference v, and one read of it makes both half steps of
Sinkhorn's iteration; it is built anew once v has moved far. For a measure and itself, half of the
symmetric matrix 2^(v_i + v_j - C_ij) is enough, the entries with j <= i.
"""

from ..elementary import exp2, log2
from ..jit import inlined, leaf, wide_vectors
from ..small_rules import LEAST_SUM, heat, log_ratio
from .kernels import larger


@leaf
def copy(values, out):
    """Copy a vector, without the error texts that a slice assignment brings into the compiled
    code.
    """
    for j in range(len(values)):
        out[j] = values[j]


@leaf
def add(values, out):
    """Add one vector to another."""
    for j in range(len(values)):
        out[j] += values[j]


@leaf
def fill(value, out):
    """Set all numbers of a vector to one value."""
    for j in range(len(out)):
        out[j] = value


@inlined
def _largest(values, half):
    """The largest value, by halves: LLVM leaves a plain maximum scalar."""
    wide_vectors()
    n = len(values)
    size = (n + 1) // 2
    rest = n - size
    larger(values[:size], values[rest:], half)
    while size > 1:
        k = (size + 1) // 2
        larger(half[:k], half[size - k : size], half)
        size = k
    return half[0]


@leaf
def build(C, coolness, base, row, half, top, K):
    """K_ij = 2^(base_j - coolness C_ij - top_i), the largest entry of each row being 1."""
    wide_vectors()
    m = len(base)
    for i in range(C.shape[0]):
        costs = C[i]
        out = K[i]
        for j in range(m):
            cost = coolness * costs[j]
            row[j] = base[j] - cost
        largest = _largest(row, half)
        top[i] = largest
        for j in range(m):
            out[j] = exp2(row[j] - largest)


@leaf
def _to_potentials(u, top):
    """Turn sums in u, whose terms were divided by 2^top, into minus their log2."""
    wide_vectors()
    for i in range(len(u)):
        log = log2(u[i])
        u[i] = -top[i] - log


@leaf
def _sweep(K, weights, factors, u, top, sums):
    """u_i = -top_i - log2 sum_j K_ij factors_j, and sums_j = sum_i a_i K_ij / (that sum): both half
    steps.
    """
    wide_vectors()
    m = len(factors)
    fill(0.0, sums)
    for i in range(K.shape[0]):
        row = K[i]
        total = 0.0
        for j in range(m):
            total += row[j] * factors[j]
        share = weights[i] / total
        for j in range(m):
            sums[j] += share * row[j]
        u[i] = total
    _to_potentials(u, top)


@leaf
def row_sums(K, factors, u, top):
    """u_i = -top_i - log2 sum_j K_ij factors_j."""
    wide_vectors()
    for i in range(K.shape[0]):
        row = K[i]
        total = 0.0
        for j in range(len(factors)):
            total += row[j] * factors[j]
        u[i] = total
    _to_potentials(u, top)


@inlined
def build_half(C, v, top, K):
    """K_ij = 2^(v_i + v_j - C_ij) for j <= i, and top_i = -v_i."""
    wide_vectors()
    for i in range(len(v)):
        costs = C[i]
        out = K[i]
        mine = v[i]
        for j in range(i + 1):
            exponent = mine + v[j] - costs[j]
            out[j] = exp2(exponent)
        top[i] = -mine


@inlined
def row_sums_of_half(K, factors, u, top):
    """u_i = -top_i - log2 sum_j K_ij factors_j, where K is symmetric: one half is read."""
    wide_vectors()
    for i in range(len(u)):
        row = K[i]
        mine = factors[i]
        total = row[i] * mine
        for j in range(i):
            total += row[j] * factors[j]
        for j in range(i):
            u[j] += mine * row[j]
        u[i] = total
    _to_potentials(u, top)


@inlined
def log_column(C, a, u, j):
    """log2 sum_i a_i 2^(u_i - C_ij), for any potentials."""
    n = len(u)
    largest = u[0] - C[0, j]
    for i in range(1, n):
        exponent = u[i] - C[i, j]
        largest = max(largest, exponent)
    total = 0.0
    for i in range(n):
        exponent = u[i] - C[i, j]
        term = exp2(exponent - largest)
        total += a[i] * term
    return largest + log2(total)


@leaf
def anneal(C, a, b, n_levels, u, v, K, room):
    """One iteration at each of the temperatures above the last, down from the highest."""
    wide_vectors()
    m = len(v)
    base = room.base
    sums = room.sums
    for level in range(n_levels, 0, -1):
        warmth = heat(level)
        for j in range(m):
            log = log2(b[j])
            base[j] = v[j] / warmth + log

        build(C, 1.0 / warmth, base, room.row, room.half, room.top, K)
        fill(1.0, room.factors)
        _sweep(K, a, room.factors, u, room.top, sums)

        # K holds b_j; a column that nobody sees waits for the last temperature
        for j in range(m):
            if sums[j] > LEAST_SUM:
                excess = log2(sums[j]) - log2(b[j])
                v[j] -= warmth * excess


@leaf
def total_of(values):
    """The sum of an array, which no loop of this folder takes while it stores: compiled code adds
    in another order where arrays happen to lie close together in memory, so that bits would change.
    """
    wide_vectors()
    total = 0.0
    for j in range(len(values)):
        total += values[j]
    return total


@leaf
def mean(b, values):
    """sum_j b_j values_j."""
    wide_vectors()
    total = 0.0
    for j in range(len(values)):
        total += b[j] * values[j]
    return total


@inlined
def center(b, v):
    """Subtract the mean, which u makes up for: rounding would let it drift."""
    middle = mean(b, v)
    for j in range(len(v)):
        v[j] -= middle


@leaf
def build_at(C, b, is_self, v, K, room):
    """Store the kernel at v, the new reference."""
    copy(v, room.reference)
    if is_self:
        build_half(C, v, room.top, K)
        return
    base = room.base
    for j in range(len(v)):
        log = log2(b[j])
        base[j] = v[j] + log
    build(C, 1.0, base, room.row, room.half, room.top, K)


@leaf
def write_factors(b, is_self, v, room):
    """The factors of the columns of K for v; those of half a kernel do not include the weights."""
    wide_vectors()
    m = len(v)
    factors = room.factors
    reference = room.reference
    for j in range(m):
        moved = v[j] - reference[j]
        factors[j] = exp2(moved)
    if is_self:
        for j in range(m):
            factors[j] *= b[j]


@leaf
def measure(C, a, b, is_self, u, v, logs, K, room):
    """Make u exact for v, and write the logs of the other marginal's ratios there. Returns the dual
    value, and whether K still serves.
    """
    wide_vectors()
    m = len(v)
    write_factors(b, is_self, v, room)
    if is_self:
        row_sums_of_half(K, room.factors, u, room.top)
        for j in range(m):
            logs[j] = v[j] - u[j]
        dual = 2.0 * mean(b, v) - mean(b, logs)
        return dual, True

    sums = room.sums
    reference = room.reference
    _sweep(K, a, room.factors, u, room.top, sums)
    for j in range(m):
        moved = v[j] - reference[j]
        logs[j] = log_ratio(sums[j], moved, b[j])

    dual = mean(a, u) + mean(b, v)
    serves = True
    for j in range(m):
        if not sums[j] > LEAST_SUM:
            logs[j] = v[j] + log_column(C, a, u, j)
            serves = False
    return dual, serves
