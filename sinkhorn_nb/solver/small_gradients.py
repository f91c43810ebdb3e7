"""Gradients of many small divergences at once, per row of the caller, in flat arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..backends.cpu.small_slopes import all_slopes
from ..backends.normal_forms import ends_of, sizes_of
from ..backends.pointwise import LOG2E
from ..common.array_types import Booleans, Floats, Indices
from ..measures.clouds import CloudPairs, Clouds
from ..terms import Terms

if TYPE_CHECKING:
    from .small_solutions import Found, Solved


class FlatGradients(NamedTuple):
    """Derivatives of each pair's value; the rows of pair q are those between `x_ends[q]` and
    `x_ends[q + 1]`.
    """

    x: Floats
    y: Floats
    a: Floats
    b: Floats
    x_ends: Indices
    y_ends: Indices


class _Side(NamedTuple):
    """The rows of one cloud of each pair: their pair, point, place among the answers, and
    weight.
    """

    pair: Indices
    points: Floats
    own: Indices  # the point among those of all clouds, for the cloud that represents this one
    answer: Indices  # among the first and then the second points of all answers
    weights: Floats
    ends: Indices


def flat_gradients(
    pairs: CloudPairs, found: Found, are_wanted: Booleans, values: Floats
) -> FlatGradients:
    """The gradients of divergences of clouds of the same dimension; a and b are wrong for rows
    without mass.
    """
    clouds, sources, targets, terms = pairs
    own, cross, same, relations, scales = found
    everyone = np.arange(len(clouds))
    of_cross = np.concatenate(all_slopes(*cross[:2], are_wanted, cross.answers))
    of_own, _ = all_slopes(*own[:2], same == everyone, own.answers)
    of_cross, of_own = (flat.reshape(-1, own.forms.dimensions[0]) for flat in (of_cross, of_own))
    unit = terms.eps / LOG2E
    potentials = unit * _updated(cross)
    own_potentials = unit * own.answers.u

    bases = cross.answers.u_ends[:-1], cross.answers.u_ends[-1] + cross.answers.v_ends[:-1]
    places = np.where(relations > 0, bases[::-1], bases)
    shifts = scales.cross.of_f, scales.cross.of_g
    on_points, on_weights, sides = [], [], []
    for numbers, at, of_pair in zip((sources, targets), places, shifts, strict=True):
        side = _side(clouds, numbers, same, at)
        mass, own_mass = scales.cross.mass[side.pair], scales.own.mass[numbers][side.pair]
        slopes = mass[:, None] * of_cross[side.answer] - own_mass[:, None] * of_own[side.own]
        probabilities = side.weights / clouds.masses[numbers][side.pair]
        on_points.append(terms.cost.pulled(side.points, probabilities[:, None] * slopes))
        f = potentials[side.answer] - of_pair[side.pair]
        f_own = own_potentials[side.own] - scales.own.of_f[numbers][side.pair]
        on_weights.append(_difference(terms, f, f_own))
        sides.append(side)
    if terms.marginals.are_exact:
        pairings = [
            np.add.reduceat(s.weights * on, s.ends[:-1])
            for s, on in zip(sides, on_weights, strict=True)
        ]
        constants = (values - sum(pairings)) / (2 * scales.cross.mass)
        on_weights = [on + constants[s.pair] for s, on in zip(sides, on_weights, strict=True)]
    (on_x, on_y), (on_a, on_b) = on_points, on_weights
    return FlatGradients(on_x, on_y, on_a, on_b, sides[0].ends, sides[1].ends)


def _difference(terms: Terms, f: Floats, own: Floats) -> Floats:
    """The derivative in the weights, from potentials of the pair and of the cloud with itself."""
    marginals = terms.marginals
    on_pair, on_own = marginals.weight_gradients(f, own, terms.eps)
    return on_pair - on_own


def _updated(cross: Solved) -> Floats:
    """The exact updates of both potentials of all answers, with the best constants."""
    (forms, problems, answers, _) = cross
    u = answers.u
    rates = np.repeat(problems.rates[:, 1], sizes_of(answers.v_ends))
    v = answers.v - answers.logs / (1 + rates)
    if problems.rates.any():
        return np.concatenate([u, v])
    sizes = sizes_of(forms.ends)
    first, second = problems.sources, problems.targets
    a, b = (forms.a[_ranges(forms.ends[numbers], sizes[numbers])] for numbers in (first, second))
    means = [
        np.add.reduceat(p * of, ends[:-1])
        for p, of, ends in ((a, u, answers.u_ends), (b, answers.v, answers.v_ends))
    ]
    middles = (means[0] - means[1]) / 2
    return np.concatenate(
        [u - np.repeat(middles, sizes[first]), v + np.repeat(middles, sizes[second])]
    )


def _side(clouds: Clouds, numbers: Indices, same: Indices, bases: Indices) -> _Side:
    """The rows of the clouds with these numbers, one cloud for each pair, whose answers begin at
    the bases.
    """
    counts = clouds.sizes[numbers]
    rows = clouds.rows
    forms = clouds.forms
    row = _ranges(rows.ends[numbers], counts)
    owner = np.maximum(forms.owners[row], 0)
    pair = np.repeat(np.arange(len(numbers)), counts)
    of_same, of_answer = (np.repeat(b, counts) for b in (forms.ends[same[numbers]], bases))
    points = rows.x.reshape(-1, clouds.dimensions[0])[row]
    ends = ends_of(counts)
    return _Side(pair, points, of_same + owner, of_answer + owner, rows.weights[row], ends)


def _ranges(starts: Indices, counts: Indices) -> Indices:
    """Ranges of `counts` consecutive numbers from each start, one range after another."""
    offsets: Indices = np.repeat(starts - np.cumsum(counts) + counts, counts)
    return offsets + np.arange(counts.sum())
