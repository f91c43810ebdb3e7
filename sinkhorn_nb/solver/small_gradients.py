"""Gradients of many small divergences at once, per row of the caller, in flat arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..backends.cpu.small_images import all_images
from ..backends.cpu.small_problems import Answers
from ..backends.normal_forms import Forms, ends_of, sizes_of
from ..backends.pointwise import LOG2E
from ..common.array_types import Booleans, Floats, Indices
from ..measures.clouds import CloudPairs, Clouds

if TYPE_CHECKING:
    from .small_solutions import Found


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
    point: Indices  # among the points of all clouds
    own: Indices  # the same for the cloud that represents this one in self problems
    answer: Indices  # among the first and then the second points of all answers
    weights: Floats
    ends: Indices


def flat_gradients(
    pairs: CloudPairs, found: Found, are_turned: Booleans, are_wanted: Booleans, values: Floats
) -> FlatGradients:
    """The gradients of divergences of clouds of the same dimension; a and b are wrong for rows
    without mass.
    """
    clouds, sources, targets, terms = pairs
    eps = terms.eps
    forms = clouds.forms
    scale = LOG2E / 2 / eps
    unit = eps / LOG2E
    cross = found.cross
    own = found.own
    everyone = np.arange(len(clouds))
    first, second = np.where(are_turned, (targets, sources), (sources, targets))
    images = all_images(forms, found.same[first], found.same[second], are_wanted, scale, cross)
    own_images, _ = all_images(forms, everyone, everyone, found.same == everyone, scale, own)

    d = clouds.dimensions[0]
    n_first = cross.u_ends[-1]
    points, own_images, images = (
        flat.reshape(-1, d) for flat in (forms.x, own_images, np.concatenate(images))
    )
    potentials = _exact_potentials(forms, found.same[first], found.same[second], cross)
    masses = (clouds.masses[sources] + clouds.masses[targets]) / 2
    bases = cross.u_ends[:-1], n_first + cross.v_ends[:-1]
    of_source, of_target = np.where(are_turned, bases[::-1], bases)
    sides = (
        _side(clouds, sources, found.same, of_source),
        _side(clouds, targets, found.same, of_target),
    )
    on_points, on_weights = [], []
    for side, numbers in zip(sides, (sources, targets), strict=True):
        ratio = (masses / clouds.masses[numbers])[side.pair, None]
        x = points[side.point]
        on_points.append(
            side.weights[:, None] * (ratio * (x - images[side.answer]) - (x - own_images[side.own]))
        )
        on_weights.append(unit * (potentials[side.answer] - own.u[side.own]))
    pairings = [
        np.add.reduceat(s.weights * on, s.ends[:-1])
        for s, on in zip(sides, on_weights, strict=True)
    ]
    shifts = (values - sum(pairings)) / (2 * masses)
    on_weights = [on + shifts[side.pair] for side, on in zip(sides, on_weights, strict=True)]
    return FlatGradients(*on_points, *on_weights, *(side.ends for side in sides))


def _exact_potentials(forms: Forms, first: Indices, second: Indices, cross: Answers) -> Floats:
    """T(g) at the first and T(f) at the second points of all answers, with <a, f> = <b, g>."""
    sizes = sizes_of(forms.ends)
    a, b = (forms.a[_ranges(forms.ends[numbers], sizes[numbers])] for numbers in (first, second))
    means = [
        np.add.reduceat(p * v, ends[:-1])
        for p, v, ends in ((a, cross.u, cross.u_ends), (b, cross.v, cross.v_ends))
    ]
    middles = (means[0] - means[1]) / 2
    f = np.repeat(middles, sizes[first])
    g = np.repeat(middles, sizes[second])
    return np.concatenate([cross.u - f, cross.v - cross.logs + g])


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
    of_cloud, of_same, of_answer = (
        np.repeat(b, counts) for b in (forms.ends[numbers], forms.ends[same[numbers]], bases)
    )
    ends = ends_of(counts)
    return _Side(
        pair, of_cloud + owner, of_same + owner, of_answer + owner, rows.weights[row], ends
    )


def _ranges(starts: Indices, counts: Indices) -> Indices:
    """Ranges of `counts` consecutive numbers from each start, one range after another."""
    offsets: Indices = np.repeat(starts - np.cumsum(counts) + counts, counts)
    return offsets + np.arange(counts.sum())
