"""Gradients of many small divergences at once, per row of the caller, in flat arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..backends.cpu.small_rows import (
    Factors,
    Pairs,
    Potentials,
    RowGradients,
    Slopes,
    row_gradients,
)
from ..backends.cpu.small_slopes import all_slopes
from ..backends.pointwise import LOG2E
from ..common.array_types import Booleans, Floats, Indices
from ..measures.clouds import CloudPairs, Clouds
from .small_scales import PairScales

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


def flat_gradients(
    pairs: CloudPairs, found: Found, scales: PairScales, are_wanted: Booleans, values: Floats
) -> FlatGradients:
    """The gradients of divergences of clouds of the same dimension; a and b are wrong for rows
    without mass.
    """
    clouds, sources, targets, terms = pairs
    own, cross, same, relations = found
    (on_first, on_second), (of_own, _) = all_slopes(
        (*cross[:2], are_wanted, cross.answers),
        (*own[:2], same == np.arange(len(clouds)), own.answers),
    )
    slopes = Slopes(on_first, on_second, of_own)
    rates = cross.problems.rates
    known = Potentials.of(cross.answers), Potentials.of(own.answers)
    unit = terms.eps / LOG2E
    numbers = Pairs(sources, targets, relations > 0, are_wanted, same, *known, rates, unit)
    factors = Factors(*scales.cross, scales.own.mass, scales.own.of_f, clouds.masses)
    rows = row_gradients(own.forms, clouds.rows, numbers, values, slopes, factors)
    d = own.forms.dimensions[0]
    x = _pulled(pairs, sources, rows.x.reshape(-1, d))
    y = _pulled(pairs, targets, rows.y.reshape(-1, d))
    if terms.marginals.are_exact:
        return FlatGradients(x, y, rows.f, rows.g, rows.x_ends, rows.y_ends)
    a, b = _on_weights(pairs, rows)
    return FlatGradients(x, y, a, b, rows.x_ends, rows.y_ends)


def _pulled(pairs: CloudPairs, numbers: Indices, on_places: Floats) -> Floats:
    """The derivatives in the points of the clouds with these numbers, from those in their
    places.
    """
    cost = pairs.terms.cost
    if cost.exponent is not None:  # a cost of differences
        return on_places
    points = np.concatenate([_points(pairs.clouds, k) for k in numbers.tolist()])
    return cost.pulled(points, on_places)


def _points(clouds: Clouds, k: int) -> Floats:
    flat = clouds.rows.x[slice(*clouds.rows.blocks[k : k + 2])]
    return flat.reshape(-1, clouds.dimensions[k])


def _on_weights(pairs: CloudPairs, rows: RowGradients) -> tuple[Floats, Floats]:
    """The derivatives in the weights, if the marginals have a price."""
    gradients = pairs.terms.marginals.weight_gradients
    of_pair = gradients(rows.f, rows.g, pairs.terms.eps)
    of_own = gradients(rows.own_f, rows.own_g, pairs.terms.eps)
    return of_pair[0] - of_own[0], of_pair[1] - of_own[1]
