"""Costs of small problems. The cost |x - y|^2 / 2 has a compiled solver of its own; another one
serves all other costs, which are numbers, without a variant for each.
"""

from typing import Any, NamedTuple

from ..jit import leaf, wide_vectors
from ..pointwise import Arc, CityBlock, Distance, Power, scaled_cost, slope

DISTANCE, POWER, ARC, CITY_BLOCK = range(4)


class Curve(NamedTuple):
    """A function of a sum over the coordinates of embedded points: their absolute differences for
    CITY_BLOCK, else the squares of these.
    """

    code: Any
    half: Any = 1.0  # of the exponent
    diameter: Any = 1.0  # of the sphere


class Profile(NamedTuple):
    """A cost in bits as a function of a sum over the coordinates of embedded points, which is first
    multiplied by `scale`.
    """

    scale: Any
    to_slopes: Any  # the factor of derivatives in units of cost
    # A Curve; None for the sum of squares itself: numba then compiles no other cost
    curve: Any


def profile(kind, scale, per_cost):
    """The profile of a kind of cost of `pointwise` whose points are scaled like this, for a cost
    that is `per_cost` bits per unit; None for a caller's function.
    """
    if kind is None:
        return Profile(per_cost / 2, 1.0, None)
    if isinstance(kind, CityBlock):
        return Profile(scale, 1.0, Curve(CITY_BLOCK))
    squared = scale * scale
    to_slopes = squared / per_cost
    if isinstance(kind, Distance):
        return Profile(squared, to_slopes, Curve(DISTANCE))
    if isinstance(kind, Power):
        return Profile(squared, to_slopes, Curve(POWER, half=kind.half))
    if isinstance(kind, Arc):
        return Profile(squared, to_slopes, Curve(ARC, diameter=kind.diameter))
    return None


@leaf
def add_coordinate(curve, xk, yk, sums):
    """Add the share of one coordinate of a point and of many points to the sums on which costs
    depend.
    """
    wide_vectors()
    m = len(sums)
    if curve is not None:
        if curve.code == CITY_BLOCK:
            for j in range(m):
                sums[j] += abs(xk - yk[j])
            return
    for j in range(m):
        difference = xk - yk[j]
        sums[j] += difference * difference


@leaf
def scale_sums(scale, sums):
    """The argument of the cost from sums over the coordinates."""
    wide_vectors()
    for j in range(len(sums)):
        sums[j] *= scale


@leaf
def _apply(kind, values):
    wide_vectors()
    for j in range(len(values)):
        values[j] = scaled_cost(kind, values[j])


@leaf
def apply(curve, values):
    """Replace scaled sums by the costs in bits."""
    if curve is None:
        return
    if curve.code == DISTANCE:
        _apply(Distance(), values)
    elif curve.code == POWER:
        _apply(Power(curve.half), values)
    elif curve.code == ARC:
        _apply(Arc(curve.diameter), values)


@leaf
def _apply_slope(kind, values):
    wide_vectors()
    for j in range(len(values)):
        values[j] = slope(kind, values[j])


@leaf
def apply_slope(curve, values):
    """Replace scaled sums by what the differences of two points are multiplied by in derivatives,
    apart from `to_slopes`; not for costs that are the sum itself, where this is 1.
    """
    if curve.code == DISTANCE:
        _apply_slope(Distance(), values)
    elif curve.code == POWER:
        _apply_slope(Power(curve.half), values)
    elif curve.code == ARC:
        _apply_slope(Arc(curve.diameter), values)


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
            add_coordinate(profile.curve, x[i, k], y[k], row)
        scale_sums(profile.scale, row)
        apply(profile.curve, row)
