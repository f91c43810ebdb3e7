"""The rules by which small problems are solved, on any backend: what is measured, kept, mixed and called solved."""

import math

from .jit import formula
from .pointwise import exp2, log2

RATIO = 16.0  # of the temperatures before the last
START_ERROR = 0.5  # marginal error from which on iterates are mixed
SELF_STEP = 2.0 / 3.0  # share of the way from v to T(v) in problems of a measure with itself
# Masses below this share of the mean are tiny: the error does not see them. Where the ratio of the marginal at one is
# off by more than so many bits, a few extra iterations are made.
TINY, UNEVEN, EXTRA = 1e-3, 0.15, 6
FURTHEST = 30.0  # bits of any marginal ratio up to which iterates are mixed: the error does not see small masses
LARGEST_LOG = 1000.0  # bits of a marginal ratio, so that the error stays a finite number
DRIFT = 25.0  # bits that v may move from the reference before the kernel is built anew
LEAST_SUM = 2.0**-700  # of a column: less may be lost among entries that are clipped at 2^-900
DUAL_ROUNDING = 1e-12  # in bits


@formula
def levels(spread, scale):
    """Temperatures before the last, for clouds of so large a variance; `scale` is in bits per squared distance."""
    radius = 2.0 * math.sqrt(spread * scale * 2.0)  # in blurs
    return math.ceil(math.log(max(radius, 1.0)) / math.log(math.sqrt(RATIO)))


@formula
def heat(level):
    """The temperature of a level, in units of the last; exact, and without the power function, which GPUs call."""
    return exp2(math.log2(RATIO) * level)


@formula
def log_ratio(total, moved, mass):
    """log2 of a marginal's ratio, from the sum of a column of K and the way of v from K's reference."""
    return log2(max(total, LEAST_SUM)) + moved - log2(mass)


@formula
def share_of_error(mass, log):
    """What one point adds to the marginal error."""
    return mass * abs(exp2(min(log, LARGEST_LOG)) - 1.0)


@formula
def is_tiny(mass, count):
    """Whether the mass of one of so many points is far below the mean."""
    return mass * count < TINY


@formula
def is_better(error, unevenness, least_error, least_unevenness, tol):
    """Whether an iterate is the best so far: by its error, and where both are within tol by its unevenness."""
    if error <= tol and least_error <= tol:
        return unevenness < least_unevenness
    return error < least_error


@formula
def is_solved(error, unevenness, n_within, tol):
    """Whether to stop: within tol, and even or for the last of the extra iterations."""
    return error <= tol and (unevenness <= UNEVEN or n_within > EXTRA)


@formula
def has_fallen(dual, best_dual):
    """Whether the dual value is lower than it was."""
    return not dual >= best_dual - DUAL_ROUNDING


@formula
def is_to_be_mixed(error, furthest, tol):
    """Whether Anderson mixing applies; until then plain steps bring tiny masses home."""
    return tol < error < START_ERROR and furthest < FURTHEST
