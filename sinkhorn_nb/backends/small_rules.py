"""The rules by which small problems are solved, on any backend: what is measured, kept, mixed and
called solved.
"""

import math
from typing import Any, NamedTuple

from .elementary import exp2, exp2m1, log2
from .jit import formula
from .pointwise import LOG2E

RATIO = 4.0  # of the temperatures before the last
# The highest temperature has a blur of at least this part of the radius of the clouds. Clouds whose
# radius is at most CLOSE blurs have none but the last: this saves a third of the work at 5 % of the
# diameter.
COARSE, CLOSE = 1 / 8, 16.0
START_ERROR = 0.5  # marginal error from which on iterates are mixed
# Masses below this share of the mean are tiny: the error does not see them. Where the ratio of the
# marginal at one is off by more than so many bits, a few extra iterations are made.
TINY, UNEVEN, EXTRA = 1e-3, 0.15, 6
# Bits of any marginal ratio up to which iterates are mixed: the error does not see small masses
FURTHEST = 30.0
LARGEST_LOG = 1000.0  # bits of a marginal ratio, so that the error stays a finite number
# The same in each of two factors, for marginals with a price
LARGEST_PRICED_LOG = 300.0
LEAST_MASS = 2.0**-600  # of a plan between probabilities: less may be made of clipped entries
DRIFT = 25.0  # bits that v may move from the reference before the kernel is built anew
LEAST_SUM = 2.0**-700  # of a column: less may be lost among entries that are clipped at 2^-900
DUAL_ROUNDING = 1e-12  # in bits
# Once so many pairs have been treated and so many iterations made, the least error is looked at,
# then again after twice as many. If it has not fallen to this share since the last look, two-level
# steps need less time.
PAIRS_BEFORE_LOOK = 2**22
FIRST_LOOK = 32
PROGRESS = 0.5
NO_VALUE = -1e300  # compiled code knows no infinite numbers
# A divergence is a small difference of dual values. The error of such a value is at most about
# AMPLIFICATION times what an exact update would gain, which is large after Sinkhorn's iterations
# alone: they leave masses to be exchanged between far clusters. A divergence SAFETY times as large
# is accurate enough. Otherwise the marginal error is brought down to the share SHARPENING, again
# and again, until the divergence changes by less than LARGEST_CHANGE of itself, or rounding
# decides.
AMPLIFICATION, SAFETY = 1e4, 20.0
SHARPENING, LARGEST_CHANGE = 1 / 8, 1 / 20
LEAST_ERROR = 1e-9  # marginal error in float64 below which rounding dominates
# Of the diameter: at smaller blurs, small masses that must move far make any such bound too small
FINE = 1e-3


class Aim(NamedTuple):
    """The accuracy that a value must have, in bits. A divergence is the value minus `base`."""

    # Half of the values of the two self problems; NO_VALUE where the value itself is wanted
    base: Any
    gain: Any  # the most that the values of the self problems may gain
    # Whether the blur is so small that no estimate of the accuracy is to be trusted at first
    is_fine: Any


@formula
def levels(spread):
    """Temperatures before the last, for clouds of a variance in bits."""
    radius = 2.0 * math.sqrt(2.0 * spread)  # in blurs
    if radius <= CLOSE:
        return 0
    return math.ceil(math.log(COARSE * radius) / math.log(math.sqrt(RATIO)))


@formula
def are_near(distance):
    """Whether two clouds may be almost the same: otherwise twice the divergence is at least eps."""
    return distance <= LOG2E / 2


@formula
def heat(level):
    """The temperature of a level, in units of the last; exact, and without the power function,
    which GPUs call.
    """
    return exp2(math.log2(RATIO) * level)


@formula
def log_ratio(total, moved, mass):
    """log2 of a marginal's ratio, from the sum of a column of K and the way of v from K's
    reference.
    """
    return log2(max(total, LEAST_SUM)) + moved - log2(mass)


@formula
def share_of_error(mass, log):
    """The share of one point in the marginal error."""
    return mass * abs(exp2(min(log, LARGEST_LOG)) - 1.0)


@formula
def share_of_gain(mass, log):
    """The share of one point in the gain of the dual value by an exact update, in bits."""
    return mass * (LOG2E * (exp2(min(log, LARGEST_LOG)) - 1.0) - log)


@formula
def earned(potential, rate):
    """phi_k of a potential, in bits: what it earns per mass of its point at the rate k."""
    if rate == 0.0:
        return potential
    return -LOG2E / rate * exp2m1(min(-rate * potential, LARGEST_PRICED_LOG))


@formula
def share_of_priced_error(aim, log):
    """The share of one point in the marginal error times the mass of the plan; `aim` is the mass
    that its marginal is to have, and the log that of the ratio of the two.
    """
    return aim * abs(exp2m1(min(log, LARGEST_PRICED_LOG)))


@formula
def share_of_priced_gain(aim, log, rate):
    """The share of one point in the gain of the dual value by an exact update, in bits."""
    log = min(log, LARGEST_PRICED_LOG)
    if rate == 0.0:
        return aim * (LOG2E * exp2m1(log) - log)
    damping = rate / (1.0 + rate)
    return LOG2E * aim * (exp2m1(log) - exp2m1(damping * log) / damping)


@formula
def self_share(rate, is_smooth):
    """The share of an exact update in the steps of a self problem: the best one for smooth errors,
    which come first, or for errors of all kinds.
    """
    damping = 1.0 / (1.0 + rate)
    return 1.0 / (1.0 + damping) if is_smooth else 2.0 / (2.0 + damping)


@formula
def log2_of_1_plus(z):
    """log2(1 + z) with the digits of a small z."""
    return LOG2E * z * (1.0 - z / 2.0) if abs(z) < 1e-8 else log2(1.0 + z)


@formula
def is_tiny(mass, count):
    """Whether the mass of one of so many points is far below the mean."""
    return mass * count < TINY


@formula
def is_better(error, unevenness, least_error, least_unevenness, tol):
    """Whether an iterate is the best so far: by its error, and where both are within tol by its
    unevenness.
    """
    if error <= tol and least_error <= tol:
        return unevenness < least_unevenness
    return error < least_error


@formula
def is_settled(error, unevenness, n_within, tol):
    """Whether an iterate is within tol, and even or the last of the extra iterations."""
    return error <= tol and (unevenness <= UNEVEN or n_within > EXTRA)


@formula
def is_accurate(aim, value, last_value, gain, tol, n_rounds):
    """Whether a value within the tolerance is as accurate as is asked for."""
    divergence = value - aim.base
    gains = gain + aim.gain
    if n_rounds == 0:
        return not aim.is_fine and divergence >= SAFETY * AMPLIFICATION * gains
    change = abs(value - last_value)
    is_safe = divergence >= SAFETY * gains
    has_stayed = is_safe and change <= LARGEST_CHANGE * divergence
    return has_stayed or tol <= LEAST_ERROR


@formula
def sharpened(least_error):
    """The tolerance of the next round."""
    return max(SHARPENING * least_error, LEAST_ERROR)


@formula
def first_look(pairs):
    """The iteration after which the progress is looked at first."""
    return max(FIRST_LOOK, PAIRS_BEFORE_LOOK // pairs)


@formula
def stalls(least_error, last_error):
    """Whether the error has fallen too little since the last look."""
    return least_error > PROGRESS * last_error


@formula
def has_fallen(dual, best_dual):
    """Whether the dual value is lower than it was."""
    return not dual >= best_dual - DUAL_ROUNDING


@formula
def is_to_be_mixed(error, furthest, tol):
    """Whether Anderson mixing applies; until then plain steps bring tiny masses home."""
    return tol < error < START_ERROR and furthest < FURTHEST
