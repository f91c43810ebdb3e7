"""First potentials of one small problem."""

import numpy as np

from ..jit import kernel
from ..small_rules import START_ERROR, are_near, levels
from .small_costs import CITY_BLOCK, SQUARED, apply
from .small_descent import judge
from .small_kernels import add, anneal, build_at, copy, fill, measure
from .small_prices import anneal_priced, look_priced


@kernel
def _moments(profile, x, y, a, b, v):
    """The costs in bits of the distance between the means of two clouds, and of their radius.

    v moves the mean of x onto that of y for the cost |x - y|^2 / 2; for others, it is zero.
    """
    sums = np.zeros(2)
    fill(0.0, v)
    for k in range(x.shape[1]):
        mean_x = mean_y = square_x = square_y = 0.0
        for i in range(len(a)):
            mean_x += a[i] * x[i, k]
        for j in range(len(b)):
            mean_y += b[j] * y[k, j]
        for i in range(len(a)):
            square_x += a[i] * (x[i, k] - mean_x) ** 2
        for j in range(len(b)):
            square_y += b[j] * (y[k, j] - mean_y) ** 2
        square = max(square_x, square_y)
        if profile.code == CITY_BLOCK:
            sums[0] += abs(mean_y - mean_x)
            sums[1] += np.sqrt(square)
        else:
            sums[0] += (mean_y - mean_x) ** 2
            sums[1] += square
        if profile.code == SQUARED:
            for j in range(len(b)):
                v[j] += 2.0 * profile.scale * (mean_y - mean_x) * (y[k, j] - mean_y)
    for k in range(2):
        sums[k] *= profile.scale
    apply(profile, sums)
    return sums[0], sums[1]


@kernel
def _starts_near(C, a, b, rates, own, u, v, K, room):
    """Whether v and the potential of the second cloud with itself nearly solve the problem: moved
    there, K built.
    """
    plain, logs = room.plain, room.residual
    copy(v, plain)
    add(own, v)
    false = np.bool_(False)
    build_at(C, b, false, v, K, room)
    if rates[0] + rates[1] > 0.0:
        error = look_priced(C, a, b, false, rates, u, v, logs, K, room)[2]
    else:
        measure(C, a, b, false, u, v, logs, K, room)
        error = judge(b, logs)[0]
    if not error < START_ERROR:
        copy(plain, v)
    return error < START_ERROR


@kernel
def start(profile, x, y, a, b, rates, C, own_v, u, v, K, room):
    """Move v near the solution; whether K is built there, how many kernels were, and the levels of
    annealing.
    """
    distance, spread = _moments(profile, x, y, a, b, v)
    is_priced = rates[0] + rates[1] > 0.0
    n_builds = 0
    if are_near(distance):
        n_builds = 1
        if _starts_near(C, a, b, rates, own_v, u, v, K, room):
            return True, n_builds, 0
    n_levels = levels(spread)
    if is_priced:
        fill(0.0, v)  # far clouds do not exchange mass
        anneal_priced(C, a, b, rates, n_levels, u, v, K, room)
    else:
        anneal(C, a, b, n_levels, u, v, K, room)
    return False, n_builds, n_levels
