"""The formula of one pair (i, j), written once.

With coordinates scaled by sqrt(log2(e) / eps), F_i = log2(e) f_i / eps - |x_i|^2 / 2 and G_j
likewise, the Gibbs kernel exp((f_i + g_j - |x_i - y_j|^2 / 2) / eps) is 2^(F_i + G_j + <x_i, y_j>).
Entries of a plan keep the square of the difference: nothing cancels, and each entry is exact by
itself.
"""

import numpy as np
from numba import types
from numba.extending import overload

from .jit import FORMULA, SUM, float32_as_int, float64_as_int, int_as_float32, int_as_float64

LOG2E = float(np.log2(np.e))

# 2^r on [-1/2, 1/2], interpolated at Chebyshev nodes in extended precision, lowest power first:
# relative errors 1.6e-7 and 3.1e-16.
A0, A1, A2, A3, A4, A5 = map(
    np.float32,
    (
        1.0000000754548972, 0.6931471880262288, 0.2402210748530834,
        0.05550357114219078, 0.009676031918322054, 0.0013390863364671234,
    ),
)  # fmt: skip
B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, B10 = map(
    np.float64,
    (
        1.0, 0.69314718055995, 0.24022650695910097, 0.05550410866444772,
        0.009618129107606888, 0.0013333558230164974, 0.0001540353044173605, 1.5252657260200837e-05,
        1.321544258792169e-06, 1.0208690299958306e-07, 7.072585949269223e-09,
    ),
)  # fmt: skip

# Adding 1.5 * 2^mantissa rounds to an integer and leaves it, here with the exponent's bias
# already added, in the low bits.
ROUND32 = np.float32(1.5 * 2**23 + 127)
ROUND64 = np.float64(1.5 * 2**52 + 1023)
# Exponents are clipped here. At the lower end, 2^LOW times any weight is not denormal, because
# denormal numbers made whole passes 3-5 times slower, and is negligible compared with a sum near 1.
LOW32, HIGH32 = np.float32(-90), np.float32(126)
LOW64, HIGH64 = np.float64(-900), np.float64(1022)
# Exponent of the root of an entry of a plan; below it the entry is 0
SMALLEST_ROOT = np.float64(-511)


def exp2(t):
    """2^t, clipped (rows whose sums show clipping are computed again)."""
    return np.exp2(t)


def _exp2_float32(t):
    t = min(max(t, LOW32), HIGH32)
    shifted = t + ROUND32
    r = t - (shifted - ROUND32)
    p = ((((A5 * r + A4) * r + A3) * r + A2) * r + A1) * r + A0
    return p * int_as_float32(float32_as_int(shifted) << np.int32(23))


def _exp2_float64(t):
    return exp2_within(min(max(t, LOW64), HIGH64))


def exp2_within(t):
    """2^t in float64, for t within its range."""
    return np.exp2(t)


def _exp2_within(t):
    shifted = t + ROUND64
    r = t - (shifted - ROUND64)
    p = ((((B10 * r + B9) * r + B8) * r + B7) * r + B6) * r
    p = (((((p + B5) * r + B4) * r + B3) * r + B2) * r + B1) * r + B0
    return p * int_as_float64(float64_as_int(shifted) << np.int64(52))


@overload(exp2_within, jit_options={"fastmath": FORMULA})
def _overload_exp2_within(t):
    return _exp2_within


@overload(exp2, jit_options={"fastmath": FORMULA})
def _overload_exp2(t):
    return _exp2_float32 if t == types.float32 else _exp2_float64


def log2(z):
    """log2 of a positive normal float64; right to 1e-15 of 1 + |log2|."""
    return np.log2(z)


def _log2(z):
    """log2 without a call, so that loops vectorize."""
    bits = float64_as_int(z)
    e = (bits - np.int64(0x3FE6A09E667F3BCD)) >> np.int64(52)
    m = int_as_float64(bits - (e << np.int64(52)))
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    p = (((((q / 19 + 1 / 17) * q + 1 / 15) * q + 1 / 13) * q + 1 / 11) * q + 1 / 9) * q
    p = (((p + 1 / 7) * q + 1 / 5) * q + 1 / 3) * q + 1.0
    return e + 2.8853900817779268 * s * p


@overload(log2, jit_options={"fastmath": SUM})
def _overload_log2(z):
    return _log2


def add_inner(t, x, y):
    """t + <x, y> of two points given as tuples, or t + entry y of a row x of precomputed
    products.
    """
    return t + sum(a * b for a, b in zip(x, y, strict=True))


@overload(add_inner, jit_options={"fastmath": FORMULA})
def _overload_add_inner(t, x, y):
    if isinstance(y, types.Integer):
        return lambda t, x, y: t + x[y]
    if len(x) == 1:
        return lambda t, x, y: t + x[0] * y[0]
    return lambda t, x, y: add_inner(t + x[0] * y[0], x[1:], y[1:])


def exponent(F, G, x, y):
    """log2 of the Gibbs kernel at one pair."""
    return add_inner(F + G, x, y)


@overload(exponent, jit_options={"fastmath": FORMULA})
def _overload_exponent(F, G, x, y):
    return lambda F, G, x, y: add_inner(F + G, x, y)


def add_squares(t, x, y):
    """t + |x - y|^2 of two points given as tuples, by differences."""
    return t + sum((a - b) * (a - b) for a, b in zip(x, y, strict=True))


@overload(add_squares, jit_options={"fastmath": FORMULA})
def _overload_add_squares(t, x, y):
    if len(x) == 1:
        return lambda t, x, y: t + (x[0] - y[0]) * (x[0] - y[0])
    return lambda t, x, y: add_squares(t + (x[0] - y[0]) * (x[0] - y[0]), x[1:], y[1:])


def log_root(F, G, cost):
    """log2 of the root of an entry of a plan, from halves of F, G and the cost; its transpose has
    the same bits.
    """
    return (F + G) - cost


@overload(log_root, jit_options={"fastmath": FORMULA})
def _overload_log_root(F, G, cost):
    return lambda F, G, cost: (F + G) - cost


def entry(t, highest):
    """2^(2 t) over the whole range of float64: 0 below it; t is clipped at `highest`."""
    return np.exp2(t) ** 2


@overload(entry, jit_options={"fastmath": FORMULA})
def _overload_entry(t, highest):
    def square_of_root(t, highest):
        root = exp2_within(min(t, highest))
        return root * root if t >= SMALLEST_ROOT else 0.0

    return square_of_root
