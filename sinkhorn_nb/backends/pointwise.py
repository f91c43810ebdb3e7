"""The formula of one pair (i, j), written once.

With coordinates scaled by sqrt(log2(e) / eps), F_i = log2(e) f_i / eps - |x_i|^2 / 2 and G_j
likewise, the Gibbs kernel exp((f_i + g_j - |x_i - y_j|^2 / 2) / eps) is 2^(F_i + G_j + <x_i, y_j>).
Entries of a plan keep the square of the difference: nothing cancels, and each entry is exact by
itself.

All other costs are a function of a sum over the coordinates of the difference, and their kind is a
type: `None` stands for |x - y|^2 / 2. Their exponents are F_i + G_j minus the cost, which is in
units of eps / log2(e) because the coordinates, or the kind, have been scaled.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import types

from .elementary import arcsin, exp2_within, in_precision_of, power
from .jit import FORMULA, overload

LOG2E = float(np.log2(np.e))

# Exponent of the root of an entry of a plan; below it the entry is 0
SMALLEST_ROOT = np.float64(-511)


class Distance(NamedTuple):
    """|x - y|."""


class Power(NamedTuple):
    """|x - y|^(2 half)."""

    half: Any


class Arc(NamedTuple):
    """The length of an arc of a sphere of this diameter, between points of the sphere."""

    diameter: Any


class CityBlock(NamedTuple):
    """sum_k |x_k - y_k|."""


class Given(NamedTuple):
    """Costs computed before, for the rows from `first` on."""

    costs: Any
    first: Any


def add_inner(t, x, y):
    """t + <x, y> of two points given as tuples, or t + entry y of a row x of precomputed
    products.
    """
    return t + sum(a * b for a, b in zip(x, y, strict=True))


@overload(add_inner, FORMULA)
def _overload_add_inner(t, x, y):
    if isinstance(y, types.Integer):
        return lambda t, x, y: t + x[y]
    if len(x) == 1:
        return lambda t, x, y: t + x[0] * y[0]
    return lambda t, x, y: add_inner(t + x[0] * y[0], x[1:], y[1:])


def exponent(cost, F, G, x, y):
    """log2 of the Gibbs kernel at one pair."""
    if cost is None:
        return add_inner(F + G, x, y)
    return (F + G) - scaled_cost(cost, add_terms(cost, F - F, x, y))


@overload(exponent, FORMULA)
def _overload_exponent(cost, F, G, x, y):
    if isinstance(cost, types.NoneType):
        return lambda cost, F, G, x, y: add_inner(F + G, x, y)
    return lambda cost, F, G, x, y: (F + G) - scaled_cost(cost, add_terms(cost, F - F, x, y))


def add_squares(t, x, y):
    """t + |x - y|^2 of two points given as tuples, by differences."""
    return t + sum((a - b) * (a - b) for a, b in zip(x, y, strict=True))


@overload(add_squares, FORMULA)
def _overload_add_squares(t, x, y):
    if len(x) == 1:
        return lambda t, x, y: t + (x[0] - y[0]) * (x[0] - y[0])
    return lambda t, x, y: add_squares(t + (x[0] - y[0]) * (x[0] - y[0]), x[1:], y[1:])


def add_distances(t, x, y):
    """t + sum_k |x_k - y_k| of two points given as tuples."""
    return t + sum(abs(a - b) for a, b in zip(x, y, strict=True))


@overload(add_distances, FORMULA)
def _overload_add_distances(t, x, y):
    if len(x) == 1:
        return lambda t, x, y: t + abs(x[0] - y[0])
    return lambda t, x, y: add_distances(t + abs(x[0] - y[0]), x[1:], y[1:])


def add_terms(cost, t, x, y):
    """t + the sum on which a cost depends, of two points given as tuples, or entry y of a row x of
    such sums.
    """
    return add_distances(t, x, y) if isinstance(cost, CityBlock) else add_squares(t, x, y)


@overload(add_terms, FORMULA)
def _overload_add_terms(cost, t, x, y):
    if isinstance(y, types.Integer):
        return lambda cost, t, x, y: x[y]
    if _kind(cost) is CityBlock:
        return lambda cost, t, x, y: add_distances(t, x, y)
    return lambda cost, t, x, y: add_squares(t, x, y)


def scaled_cost(cost, s):
    """The cost in units of eps / log2(e), from the sum of `add_terms`."""
    if isinstance(cost, Distance):
        return np.sqrt(s)
    if isinstance(cost, Power):
        return s**cost.half
    if isinstance(cost, Arc):
        return cost.diameter * np.arcsin(np.minimum(np.sqrt(s) / cost.diameter, 1.0))
    return s


@overload(scaled_cost, FORMULA)
def _overload_scaled_cost(cost, s):
    kind = _kind(cost)
    if kind is Distance:
        return lambda cost, s: math.sqrt(s)
    if kind is Power:
        return lambda cost, s: power(s, cost.half)
    if kind is Arc:
        return _arc
    return lambda cost, s: s


def _arc(cost, s):
    diameter = in_precision_of(s, cost.diameter)
    return diameter * arcsin(math.sqrt(s) / diameter)


def slope(cost, s):
    """Twice the derivative of the scaled cost in s: its product with x - y is the gradient in x.

    It is 0 at equal points, where the gradient is the mean of those around.
    """
    if s <= 0:
        return s * 0
    if isinstance(cost, Distance):
        return 1 / np.sqrt(s)
    if isinstance(cost, Power):
        return 2 * cost.half * s ** (cost.half - 1)
    squared = cost.diameter**2
    return 1 / np.sqrt(s * (1 - s / squared)) if s < squared else s * 0


@overload(slope, FORMULA)
def _overload_slope(cost, s):
    def of_distance(cost, s):
        return in_precision_of(s, 1) / math.sqrt(s) if s > 0 else s - s

    def of_power(cost, s):
        h = in_precision_of(s, cost.half)
        return (h + h) * power(s, h - in_precision_of(s, 1)) if s > 0 else s - s

    def of_arc(cost, s):
        one = in_precision_of(s, 1)
        squared = in_precision_of(s, cost.diameter * cost.diameter)
        return one / math.sqrt(s * (one - s / squared)) if 0 < s < squared else s - s

    kinds = {Distance: of_distance, Power: of_power, Arc: of_arc}
    return kinds.get(_kind(cost), lambda cost, s: s)


def bend(cost, s):
    """Four times the second derivative of the scaled cost in s; 0 where `slope` is."""
    steep = slope(cost, s)
    if steep == 0:
        return steep
    if isinstance(cost, Arc):
        return -(steep**3) * (1 - 2 * s / cost.diameter**2)
    return steep / s * (2 * cost.half - 2 if isinstance(cost, Power) else -1)


@overload(bend, FORMULA)
def _overload_bend(cost, s):
    def of_distance(cost, s):
        return -slope(cost, s) / s if s > 0 else s - s

    def of_power(cost, s):
        h = in_precision_of(s, cost.half)
        one = in_precision_of(s, 1)
        return (h + h - one - one) * slope(cost, s) / s if s > 0 else s - s

    def of_arc(cost, s):
        steep = slope(cost, s)
        squared = in_precision_of(s, cost.diameter * cost.diameter)
        return -steep * steep * steep * (in_precision_of(s, 1) - (s + s) / squared)

    return {Distance: of_distance, Power: of_power, Arc: of_arc}[_kind(cost)]


def _kind(cost):
    """The class of a kind of cost, from numba's type of its objects."""
    return getattr(cost, "instance_class", None)


def half_cost(cost, scale, s):
    """Half of the scaled cost, from the sum of `add_terms`; `scale` times it for |x - y|^2 / 2."""
    return scale * s if cost is None else scaled_cost(cost, s) / 2


@overload(half_cost, FORMULA)
def _overload_half_cost(cost, scale, s):
    if isinstance(cost, types.NoneType):
        return lambda cost, scale, s: scale * s
    return lambda cost, scale, s: in_precision_of(s, 0.5) * scaled_cost(cost, s)


def log_root(F, G, cost):
    """log2 of the root of an entry of a plan, from halves of F, G and the cost; its transpose has
    the same bits.
    """
    return (F + G) - cost


@overload(log_root, FORMULA)
def _overload_log_root(F, G, cost):
    return lambda F, G, cost: (F + G) - cost


def entry(t, highest):
    """2^(2 t) over the whole range of float64: 0 below it; t is clipped at `highest`."""
    return np.exp2(t) ** 2


@overload(entry, FORMULA)
def _overload_entry(t, highest):
    def square_of_root(t, highest):
        root = exp2_within(min(t, highest))
        return root * root if t >= SMALLEST_ROOT else 0.0

    return square_of_root
