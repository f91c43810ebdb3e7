"""The steps of `small_kernels` for problems whose marginals have a price.

An exact update of u is T(v) / (1 + kx) with the rate kx = eps / rho. It leaves the row of a point
with the mass a_i 2^(-kx u_i); that of a column is to be b_j 2^(-ky v_j), which is called its aim.
Both have the same sum, the mass of the plan, at the constant that is best for the dual: it is added
to v in each iteration.
"""

from ..elementary import exp2, exp2m1, log2
from ..jit import leaf, wide_vectors
from ..pointwise import LOG2E
from ..small_rules import (
    LEAST_MASS,
    LEAST_SUM,
    NO_VALUE,
    earned,
    heat,
    is_tiny,
    log2_of_1_plus,
    log_ratio,
    share_of_priced_error,
    share_of_priced_gain,
)
from .small_kernels import (
    add,
    build,
    fill,
    log_column,
    row_sums,
    row_sums_of_half,
    total_of,
    write_factors,
)

NEAR = 16.0  # bits above their mean up to which exponents are taken relative to the mean


@leaf
def _aims(weights, rate, potential, out):
    """Write weights 2^(-rate potential - reference). Returns the reference, and the log2 of their
    sum.
    """
    wide_vectors()
    n = len(potential)
    mean = 0.0
    top = -rate * potential[0]
    for i in range(n):
        mean -= weights[i] * rate * potential[i]
        top = max(top, -rate * potential[i])
    if top > mean + NEAR:
        for i in range(n):
            share = exp2(-rate * potential[i] - top)
            out[i] = weights[i] * share
        return top, log2(total_of(out))
    # For a small rate, this keeps the digits of the small logarithm
    for i in range(n):
        change = exp2m1(-rate * potential[i] - mean)
        out[i] = weights[i] * change
    excess = total_of(out)
    add(weights, out)
    return mean, log2_of_1_plus(excess)


@leaf
def _multiply(values, factor):
    for i in range(len(values)):
        values[i] *= factor


@leaf
def settle(a, b, rates, u, v, shares, aims):
    """Add the best constant to v and update u, which is T(v), exactly; write the masses of the
    rows and the aims of the columns. Returns the mass of the plan, and the constant.
    """
    wide_vectors()
    (kx, ky) = rates
    damping = 1.0 / (1.0 + kx)
    x_top, x_log = _aims(a, kx * damping, u, shares)
    y_top, y_log = _aims(b, ky, v, aims)
    excess = (y_top - x_top) + (y_log - x_log)
    shift = excess / (ky + kx * damping)
    for i in range(len(u)):
        u[i] = damping * (u[i] - shift)
    for j in range(len(v)):
        v[j] += shift
    x_scale = exp2(x_top + kx * damping * shift)
    y_scale = exp2(y_top - ky * shift)
    _multiply(shares, x_scale)
    _multiply(aims, y_scale)
    mass = exp2(y_top + y_log - ky * shift)
    return mass, shift


@leaf
def _column_sums(K, rates, shares, u, shift, top, sums):
    """sums_j = sum_i K_ij 2^(u_i + shift + top_i) a_i, where `shares` are the masses of the rows
    and u their potentials.
    """
    wide_vectors()
    fill(0.0, sums)
    factor = 1.0 + rates[0]
    for i in range(K.shape[0]):
        row = K[i]
        exponent = factor * u[i] + shift + top[i]
        share = shares[i] * exp2(exponent)
        for j in range(len(sums)):
            sums[j] += share * row[j]


@leaf
def _earned(weights, potential, rate):
    wide_vectors()
    total = 0.0
    for i in range(len(weights)):
        per_mass = earned(potential[i], rate)
        total += weights[i] * per_mass
    return total


@leaf
def measure_priced(C, a, b, is_self, rates, u, v, logs, K, room):
    """Add the best constant to v, make u exact for it, and write the logs of the other marginal's
    ratios over their aims there. Returns the dual value, the mass of the plan, and whether K still
    serves.
    """
    wide_vectors()
    m = len(v)
    (kx, ky) = rates
    aims = room.aims
    write_factors(b, is_self, v, room)
    if is_self:
        row_sums_of_half(K, room.factors, u, room.top)
        mass = 0.0
        for j in range(m):
            density = exp2(v[j] - u[j])
            mass += b[j] * density
        for j in range(m):
            log = v[j] - u[j]
            logs[j] = log + ky * v[j]
            share = exp2(-ky * v[j])
            aims[j] = b[j] * share
            u[j] /= 1.0 + kx
        dual = 2.0 * _earned(b, v, ky) - LOG2E * (mass - 1.0)
        return dual, mass, True

    sums = room.sums
    reference = room.reference
    row_sums(K, room.factors, u, room.top)
    serves = True
    mass, shift = settle(a, b, rates, u, v, room.shares, aims)
    _column_sums(K, rates, room.shares, u, shift, room.top, sums)
    for j in range(m):
        moved = v[j] - reference[j] - shift
        log = log_ratio(sums[j], moved, b[j])
        if not sums[j] > LEAST_SUM:
            log = v[j] + log_column(C, a, u, j)
            serves = False
        logs[j] = log + ky * v[j]

    earnings = _earned(a, u, kx) + _earned(b, v, ky)
    dual = earnings - LOG2E * (mass - 1.0)
    return dual, mass, serves


@leaf
def judge_priced(b, aims, mass, rate, logs):
    """The marginal error, the largest log of a ratio over its aim, that at tiny masses, and the
    gain of an exact update in bits.
    """
    wide_vectors()
    m = len(logs)
    error = furthest = unevenness = gain = 0.0
    for j in range(m):
        error += share_of_priced_error(aims[j], logs[j])
        gain += share_of_priced_gain(aims[j], logs[j], rate)
        furthest = max(furthest, abs(logs[j]))
        if is_tiny(b[j], m):
            unevenness = max(unevenness, abs(logs[j]))
    error = error / mass if mass > LEAST_MASS else -NO_VALUE
    return error, furthest, unevenness, gain


@leaf
def look_priced(C, a, b, is_self, rates, u, v, logs, K, room):
    """`measure_priced` and `judge_priced`: the dual value, whether K still serves, and the
    judgement.
    """
    dual, mass, serves = measure_priced(C, a, b, is_self, rates, u, v, logs, K, room)
    error, furthest, unevenness, gain = judge_priced(b, room.aims, mass, rates[1], logs)
    return dual, serves, error, furthest, unevenness, gain


@leaf
def anneal_priced(C, a, b, rates, n_levels, u, v, K, room):
    """One iteration at each of the temperatures above the last, down from the highest."""
    wide_vectors()
    m = len(v)
    base = room.base
    shares = room.shares
    sums = room.sums
    for level in range(n_levels, 0, -1):
        warmth = heat(level)
        kx = warmth * rates[0]
        ky = warmth * rates[1]
        rates_here = (kx, ky)
        for j in range(m):
            v[j] /= warmth
            log_weight = log2(b[j])
            base[j] = v[j] + log_weight

        build(C, 1.0 / warmth, base, room.row, room.half, room.top, K)
        fill(1.0, room.factors)
        row_sums(K, room.factors, u, room.top)
        _, shift = settle(a, b, rates_here, u, v, shares, room.aims)
        _column_sums(K, rates_here, shares, u, shift, room.top, sums)

        # K holds b_j; a column that nobody sees waits for the last temperature
        for j in range(m):
            if sums[j] > LEAST_SUM:
                ratio = log2(sums[j]) - log2(b[j])
                log = ratio + ky * v[j]
                v[j] -= log / (1.0 + ky)
            v[j] *= warmth
