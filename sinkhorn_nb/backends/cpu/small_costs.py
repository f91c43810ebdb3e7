"""Costs of small problems as numbers: one compiled solver serves all of them, without a variant for
each.
"""

from typing import Any, NamedTuple

from ..jit import leaf, wide_vectors
from ..pointwise import Arc, CityBlock, Distance, Power, scaled_cost, slope

SQUARED, DISTANCE, POWER, ARC, CITY_BLOCK = range(5)


class Profile(NamedTuple):
    """A cost in bits as a function of a sum over the coordinates of embedded points, which is first
    multiplied by `scale`.
    """

    code: Any
    scale: Any
    half: Any  # of the exponent
    diameter: Any  # of the sphere
    to_slopes: Any  # the factor of derivatives in units of cost


def profile(kind, scale, per_cost):
    """The profile of a kind of cost of `pointwise` whose points are scaled like this, for a cost
    that is `per_cost` bits per unit; None for a caller's function.
    """
    if kind is None:
        return Profile(SQUARED, per_cost / 2, 1.0, 1.0, 1.0)
    if isinstance(kind, CityBlock):
        return Profile(CITY_BLOCK, scale, 1.0, 1.0, 1.0)
    squared = scale * scale
    if isinstance(kind, Distance):
        return Profile(DISTANCE, squared, 1.0, 1.0, squared / per_cost)
    if isinstance(kind, Power):
        return Profile(POWER, squared, kind.half, 1.0, squared / per_cost)
    if isinstance(kind, Arc):
        return Profile(ARC, squared, 1.0, kind.diameter, squared / per_cost)
    return None


@leaf
def add_coordinate(profile, xk, yk, sums):
    """Add the share of one coordinate of a point and of many points to the sums on which costs
    depend.
    """
    wide_vectors()
    m = len(sums)
    if profile.code == CITY_BLOCK:
        for j in range(m):
            sums[j] += abs(xk - yk[j])
        return
    for j in range(m):
        difference = xk - yk[j]
        sums[j] += difference * difference


@leaf
def scale_sums(profile, sums):
    """The argument of the cost from sums over the coordinates."""
    wide_vectors()
    for j in range(len(sums)):
        sums[j] *= profile.scale


@leaf
def _apply(kind, values):
    wide_vectors()
    for j in range(len(values)):
        values[j] = scaled_cost(kind, values[j])


@leaf
def apply(profile, values):
    """Replace scaled sums by the costs in bits."""
    if profile.code == DISTANCE:
        _apply(Distance(), values)
    elif profile.code == POWER:
        _apply(Power(profile.half), values)
    elif profile.code == ARC:
        _apply(Arc(profile.diameter), values)


@leaf
def _apply_slope(kind, values):
    wide_vectors()
    for j in range(len(values)):
        values[j] = slope(kind, values[j])


@leaf
def apply_slope(profile, values):
    """Replace scaled sums by what the differences of two points are multiplied by in derivatives,
    apart from `to_slopes`; for costs of squared distances and of coordinates, this is 1.
    """
    if profile.code == DISTANCE:
        _apply_slope(Distance(), values)
    elif profile.code == POWER:
        _apply_slope(Power(profile.half), values)
    elif profile.code == ARC:
        _apply_slope(Arc(profile.diameter), values)


@leaf
def cost_block(profile, x, y, is_self, out):
    """The costs in bits between (n, d) points x and (d, m) coordinates y; of a cloud and itself,
    those with j <= i.
    """
    wide_vectors()
    for i in range(out.shape[0]):
        row = out[i][: i + 1 if is_self else out.shape[1]]
        for j in range(len(row)):
            row[j] = 0.0
        for k in range(x.shape[1]):
            add_coordinate(profile, x[i, k], y[k], row)
        scale_sums(profile, row)
        apply(profile, row)
