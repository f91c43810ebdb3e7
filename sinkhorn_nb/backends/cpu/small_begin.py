"""First potentials of one small problem."""

import numpy as np

from ..jit import inlined, leaf
from ..small_rules import are_near, levels
from .small_costs import CITY_BLOCK, apply
from .small_kernels import add, copy, fill


@leaf
def _add_moments(curve, move, square, sums):
    if curve is not None:
        if curve.code == CITY_BLOCK:
            sums[0] += abs(move)
            sums[1] += np.sqrt(square)
            return
    sums[0] += move**2
    sums[1] += square


@leaf
def _slope(curve, scale, move):
    """The slope of the potential that moves a coordinate of the mean; 0 where it would be wrong."""
    if curve is None:
        return 2.0 * scale * move
    return 0.0


@inlined
def _moments(profile, x, y, a, b, v, sums):
    """Write the costs in bits of the distance between the means of two clouds, and of their radius.

    v moves the mean of x onto that of y for the cost |x - y|^2 / 2; for others, it is zero.
    """
    n = len(a)
    m = len(b)
    fill(0.0, sums)
    fill(0.0, v)
    for k in range(x.shape[1]):
        mean_x = mean_y = square_x = square_y = 0.0
        for i in range(n):
            mean_x += a[i] * x[i, k]
        for j in range(m):
            mean_y += b[j] * y[k, j]
        for i in range(n):
            square_x += a[i] * (x[i, k] - mean_x) ** 2
        for j in range(m):
            square_y += b[j] * (y[k, j] - mean_y) ** 2

        move = mean_y - mean_x
        square = max(square_x, square_y)
        _add_moments(profile.curve, move, square, sums)
        slope = _slope(profile.curve, profile.scale, move)
        for j in range(m):
            v[j] += slope * (y[k, j] - mean_y)
    for k in range(2):
        sums[k] *= profile.scale
    apply(profile.curve, sums)


@leaf
def start(profile, x, y, a, b, own_v, v, plain, sums):
    """Move v near the solution, to be tried; `plain` is where it would be without the potential of
    the second cloud with itself. Returns whether the clouds are so near that v is worth a trial,
    and the number of levels of annealing that take its place.
    """
    _moments(profile, x, y, a, b, v, sums)
    is_trial = are_near(sums[0])
    if is_trial:
        copy(v, plain)
        add(own_v, v)
    return is_trial, levels(sums[1])
