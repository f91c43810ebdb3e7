"""Derivatives of the values of small problems in their points; threads over problems."""

from typing import Any, NamedTuple

import numpy as np

from ..elementary import exp2
from ..jit import inlined, leaf, plain_kernel, view, wide_vectors
from ..normal_forms import sizes_of
from .small_costs import CITY_BLOCK, add_coordinate, apply, apply_slope, scale_sums
from .small_kernels import copy, fill, total_of
from .small_problems import PAIRS_A_PANEL, panels, part_of, points_of, see_from_origin
from .small_scratch import aligned
from .threads import run


class Potentials(NamedTuple):
    """The potentials of one problem in bits: u and v, T(v), and T(u)."""

    u: Any
    v: Any
    of_v: Any
    of_u: Any


class Scratch(NamedTuple):
    """Memory for the work on one problem after another, made in Python."""

    vectors: Any  # of the second cloud
    coordinates: Any  # of the first cloud and twice of the second
    of_v: Any
    of_u: Any

    @classmethod
    def of(cls, size, numbers):
        """Scratch for clouds with so many points and numbers."""
        return cls(aligned(5 * size), aligned(3 * numbers), np.empty(size), np.empty(size))


@leaf
def _add_slopes(curve, shares, xk, yk):
    """The sum over j of shares_j times what the derivative of the cost in x_k is proportional to.

    The shares include the slopes of the cost.
    """
    wide_vectors()
    m = len(yk)
    total = 0.0
    if curve is not None:
        if curve.code == CITY_BLOCK:
            for j in range(m):
                share = shares[j]
                place = yk[j]
                total += share if xk > place else -share if xk < place else 0.0
            return total
    for j in range(m):
        difference = xk - yk[j]
        total += shares[j] * difference
    return total


@leaf
def _add_slopes_to(curve, shares, xk, yk, out):
    """Add the terms of `_add_slopes` to out_j, for the derivatives in y_k."""
    wide_vectors()
    m = len(yk)
    if curve is not None:
        if curve.code == CITY_BLOCK:
            for j in range(m):
                share = shares[j]
                place = yk[j]
                out[j] += share if place > xk else -share if place < xk else 0.0
            return
    for j in range(m):
        difference = yk[j] - xk
        out[j] += shares[j] * difference


@leaf
def _densities(log, potential, costs, densities):
    """The density of a row of the plan with respect to the product of the weights."""
    wide_vectors()
    for j in range(len(costs)):
        exponent = log + potential[j] - costs[j]
        densities[j] = exp2(exponent)


@leaf
def _weigh_row(weights, densities, shares):
    """Entries of a row of the plan up to a factor, and their sum."""
    wide_vectors()
    for j in range(len(shares)):
        shares[j] = weights[j] * densities[j]
    return total_of(shares)


@leaf
def _weigh_columns(weight, densities, shares, sums):
    """Entries of the columns in one row up to a factor for each, and their sums over rows."""
    wide_vectors()
    for j in range(len(shares)):
        shares[j] = weight * densities[j]
        sums[j] += shares[j]


@leaf
def _turn(curve, sums, factors):
    """Turn scaled sums into costs, and write the factors of differences in derivatives."""
    if curve is not None:
        if curve.code != CITY_BLOCK:
            copy(sums, factors)
            apply(curve, sums)
            apply_slope(curve, factors)


@leaf
def _multiply(curve, factors, shares):
    """Include the factors that `_turn` wrote."""
    wide_vectors()
    if curve is not None:
        if curve.code != CITY_BLOCK:
            for j in range(len(shares)):
                shares[j] *= factors[j]


@inlined
def _write_slopes(profile, rates, points, others, a, b, is_self, potentials, scratch, on_x, on_y):
    """Write the derivatives of the value in (n, d) and (m, d) embedded points, per probability of a
    point, in units of cost.

    They are the means of the derivatives of the cost under the rows and the columns of the plan,
    times the ratios of the marginals, all after an exact update. `on_y` of self problems is left.
    """
    wide_vectors()
    (kx, ky) = rates
    (u, v, of_v, of_u) = potentials
    (n, d) = points.shape
    m = others.shape[0]
    curve = profile.curve

    x = view(scratch.coordinates, 0, (n, d))
    y = view(scratch.coordinates, n * d, (d, m))
    on_columns = view(scratch.coordinates, (n + m) * d, (d, m))
    vectors = view(scratch.vectors, 0, (5, m))
    costs = vectors[0]
    factors = vectors[1]
    densities = vectors[2]
    shares = vectors[3]
    sums = vectors[4]
    see_from_origin(points, others, x, y)
    fill(0.0, sums)
    for k in range(d):
        fill(0.0, on_columns[k])

    for i in range(n):
        fill(0.0, costs)
        for k in range(d):
            add_coordinate(curve, x[i, k], y[k], costs)
        scale_sums(profile.scale, costs)
        _turn(curve, costs, factors)

        _densities(of_v[i], v, costs, densities)
        total = _weigh_row(b, densities, shares)
        _multiply(curve, factors, shares)
        log_ratio = -kx / (1.0 + kx) * of_v[i]
        factor = profile.to_slopes * exp2(log_ratio) / total
        for k in range(d):
            slope_sum = _add_slopes(curve, shares, x[i, k], y[k])
            on_x[i, k] = factor * slope_sum

        if not is_self:
            if kx + ky > 0.0:  # otherwise, all densities of a column change by one factor
                _densities(u[i], of_u, costs, densities)
            _weigh_columns(a[i], densities, shares, sums)
            _multiply(curve, factors, shares)
            for k in range(d):
                _add_slopes_to(curve, shares, x[i, k], y[k], on_columns[k])

    if not is_self:
        for j in range(m):
            log_ratio = -ky / (1.0 + ky) * of_u[j]
            factor = profile.to_slopes * exp2(log_ratio) / sums[j]
            for k in range(d):
                on_y[j, k] = factor * on_columns[k, j]


@plain_kernel
def _write_one(profile, rates, points, others, a, b, is_self, potentials, scratch, on_x, on_y):
    _write_slopes(profile, rates, points, others, a, b, is_self, potentials, scratch, on_x, on_y)


def write_slopes(profile, rates, points, others, a, b, is_self, potentials, on_x, on_y):
    """Write the derivatives of one problem."""
    size = max(len(points), len(others))
    scratch = Scratch.of(size, size * points.shape[1])
    _write_one(profile, rates, points, others, a, b, is_self, potentials, scratch, on_x, on_y)


@plain_kernel
def slopes_range(
    forms, problems, are_wanted, answers, first, last, scratch, of_x, of_y, x_ends, y_ends
):
    """The derivatives of problems first to last, in the orientation of their answers."""
    for q in range(first, last):
        if not are_wanted[q]:
            continue
        c = problems.sources[q]
        e = problems.targets[q]
        (points, a) = points_of(forms, c)
        (others, b) = points_of(forms, e)

        u = part_of(answers.u, answers.u_ends, q)
        v = part_of(answers.v, answers.v_ends, q)
        logs = part_of(answers.logs, answers.v_ends, q)
        kx = problems.rates[q, 0]
        ky = problems.rates[q, 1]
        rates = (kx, ky)

        of_v = scratch.of_v
        of_u = scratch.of_u
        for i in range(len(u)):
            of_v[i] = (1.0 + kx) * u[i]
        for j in range(len(v)):
            of_u[j] = (1.0 + ky) * v[j] - logs[j]
        known = Potentials(u, v, of_v, of_u)

        on_x = view(of_x, x_ends[q], points.shape)
        on_y = view(of_y, y_ends[q], others.shape)
        _write_slopes(
            problems.profile, rates, points, others, a, b, c == e, known, scratch, on_x, on_y
        )


def _prepared(forms, problems, are_wanted, answers):
    """A function of ranges of problems that writes their derivatives, the pairs of each problem,
    and where the derivatives are written: two flat arrays of coordinates.
    """
    d = forms.dimensions[0]
    x_ends = d * answers.u_ends
    y_ends = d * answers.v_ends
    of_x = np.empty(x_ends[-1])
    of_y = np.empty(y_ends[-1])
    sizes = sizes_of(forms.ends)
    pairs = sizes[problems.sources] * sizes[problems.targets] * are_wanted

    widest = max(sizes.tolist())

    def write(first, last):
        scratch = Scratch.of(widest, widest * int(d))
        slopes_range(
            forms, problems, are_wanted, answers, first, last, scratch, of_x, of_y, x_ends, y_ends
        )

    return write, pairs, (of_x, of_y)


def all_slopes(*groups):
    """The derivatives in both clouds' points for every problem that is wanted, of groups of forms,
    problems, whether each is wanted, and answers; all clouds have the same dimension.
    """
    prepared = [_prepared(*group) for group in groups]
    n_pairs = sum(sum(pairs.tolist()) for _, pairs, _ in prepared)
    if n_pairs <= PAIRS_A_PANEL:
        for write, pairs, _ in prepared:
            write(0, len(pairs))
    else:
        tasks = [(write, *panel) for write, pairs, _ in prepared for panel in panels(pairs)]
        run(lambda write, first, last: write(first, last), tasks)
    return [written for _, _, written in prepared]
