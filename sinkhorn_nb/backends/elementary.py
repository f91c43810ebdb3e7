"""Elementary functions that compilers vectorize: without calls, branches or tables."""

import math

import numpy as np
from numba import types

from .jit import (
    FORMULA,
    SUM,
    float32_as_int,
    float64_as_int,
    int_as_float32,
    int_as_float64,
    overload,
)

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

LN2 = np.float64(np.log(2))  # B1 to all digits

# log2(m) = C1 (s + s^3 / 3 + s^5 / 5 + ...) in float32
C1, C3, C5, C7, C9 = map(np.float32, (2 / np.log(2), 1 / 3, 1 / 5, 1 / 7, 1 / 9))
# (arcsin(r) - r) / r^3 = (P0 + P1 z + ...) / (1 + Q1 z + ...), z = r^2 <= 1/4
P0, P1, P2, P3, P4, P5 = (
    1.66666666666666657415e-01, -3.25565818622400915405e-01, 2.01212532134862925881e-01,
    -4.00555345006794114027e-02, 7.91534994289814532176e-04, 3.47933107596021167570e-05,
)  # fmt: skip
Q1, Q2, Q3, Q4 = (
    -2.40339491173441421878e00, 2.02094576023350569471e00,
    -6.88283971605453293030e-01, 7.70381505559019352791e-02,
)  # fmt: skip
# Logarithms are taken of this at least
TINY32, TINY64 = np.float32(1.2e-38), np.float64(2.3e-308)

# Adding 1.5 * 2^mantissa rounds to an integer and leaves it, here with the exponent's bias
# already added, in the low bits.
ROUND32 = np.float32(1.5 * 2**23 + 127)
ROUND64 = np.float64(1.5 * 2**52 + 1023)
# Exponents are clipped here. At the lower end, 2^LOW times any weight is not denormal, because
# denormal numbers made whole passes 3-5 times slower, and is negligible compared with a sum near 1.
LOW32 = np.float32(-90)
HIGH32 = np.float32(126)
LOW64 = np.float64(-900)
HIGH64 = np.float64(1022)


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


@overload(exp2_within, FORMULA)
def _overload_exp2_within(t):
    return _exp2_within


@overload(exp2, FORMULA)
def _overload_exp2(t):
    return _exp2_float32 if t == types.float32 else _exp2_float64


def exp2m1(t):
    """2^t - 1 with the digits of a small t, clipped like 2^t."""
    return np.expm1(np.log(2) * t)


def _exp2m1(t):
    t = min(max(t, LOW64), HIGH64)
    shifted = t + ROUND64
    r = t - (shifted - ROUND64)
    p = ((((B10 * r + B9) * r + B8) * r + B7) * r + B6) * r
    p = ((((p + B5) * r + B4) * r + B3) * r + B2) * r
    whole = int_as_float64(float64_as_int(shifted) << np.int64(52))
    return whole * (r * (p + LN2)) + (whole - 1.0)


@overload(exp2m1, FORMULA)
def _overload_exp2m1(t):
    return _exp2m1


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


def _log2_float32(z):
    bits = float32_as_int(z)
    e = (bits - np.int32(0x3F3504F3)) >> np.int32(23)
    m = int_as_float32(bits - (e << np.int32(23)))
    s = (m - np.float32(1)) / (m + np.float32(1))
    q = s * s
    p = ((q * C9 + C7) * q + C5) * q + C3
    return np.float32(e) + C1 * (s + s * (q * p))


@overload(log2, SUM)
def _overload_log2(z):
    return _log2_float32 if z == types.float32 else _log2


def power(s, h):
    """s^h for s >= 0; 0^h is tiny."""
    return s**h


@overload(power, FORMULA)
def _overload_power(s, h):
    if s == types.float32:
        return lambda s, h: exp2(np.float32(h) * log2(max(s, TINY32)))
    return lambda s, h: exp2(h * log2(max(s, TINY64)))


def arcsin(x):
    """The angle whose sine is x, for 0 <= x <= 1; above it is that of 1."""
    return np.arcsin(min(x, 1.0))


def _arcsin(x):
    """The rational approximation of FreeBSD's library, without a branch."""
    one = in_precision_of(x, 1)
    half = in_precision_of(x, 0.5)
    is_small = x <= half
    z = x * x if is_small else half * (one - min(x, one))
    r = x if is_small else math.sqrt(z)
    p = _polynomial(z, P0, P1, P2, P3, P4, P5)
    q = one + z * _polynomial(z, Q1, Q2, Q3, Q4, 0.0, 0.0)
    angle = r + r * z * (p / q)
    return angle if is_small else in_precision_of(x, math.pi / 2) - (angle + angle)


def _polynomial(z, c0, c1, c2, c3, c4, c5):
    raise TypeError("for compiled code")


@overload(_polynomial, FORMULA)
def _overload_polynomial(z, c0, c1, c2, c3, c4, c5):
    def value(z, c0, c1, c2, c3, c4, c5):
        p = in_precision_of(z, c5) * z + in_precision_of(z, c4)
        p = (p * z + in_precision_of(z, c3)) * z + in_precision_of(z, c2)
        return (p * z + in_precision_of(z, c1)) * z + in_precision_of(z, c0)

    return value


@overload(arcsin, FORMULA)
def _overload_arcsin(x):
    return _arcsin


def in_precision_of(like, number):
    """A number in the precision of another."""
    return type(like)(number)


@overload(in_precision_of)
def _overloadin_precision_of(like, number):
    if like == types.float32:
        return lambda like, number: np.float32(number)
    return lambda like, number: np.float64(number)
