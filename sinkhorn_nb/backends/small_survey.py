"""Facts about pairs of small measures, which decide how they are solved."""

from typing import Any, NamedTuple

import numpy as np

from .jit import kernel, leaf
from .normal_forms import WEIGHT_ROUNDING
from .small_rules import FINE


class Limits(NamedTuple):
    """The limits of small problems, and their accuracy."""

    blur: Any
    tol: Any  # marginal error of the caller
    least_tol: Any
    small_blur: Any  # in diameters: from it on, the values of problems need smaller errors
    smallest_blur: Any  # in diameters, of problems that are small
    largest_blur: Any
    most_pairs: Any
    fine_blur: Any  # in diameters: below it, problems have at most `most_fine_pairs`
    most_fine_pairs: Any
    least_mass: Any
    has_sides: Any  # whether the sum of the sides of a bounding box is its diameter
    widest: Any  # the diameter of all sets of points; 0 if it depends on them


class Survey(NamedTuple):
    """Facts about pairs of clouds."""

    relations: Any  # -1 if the first precedes the second, 0 if they are the same measure, else 1
    tols: Any  # the marginal errors to iterate to
    are_small: Any  # whether problems fit the cache, with no extreme blur or weight
    are_fine: Any  # whether no estimate of the accuracy is to be trusted at first


@leaf
def _first_difference(forms, c, e):
    """-1, 0 or 1: the order of two clouds of one size by the first number in which they differ."""
    for k in range(forms.blocks[c + 1] - forms.blocks[c]):
        mine = forms.x[forms.blocks[c] + k]
        other = forms.x[forms.blocks[e] + k]
        if mine != other:
            return -1 if mine < other else 1
    for i in range(forms.ends[c + 1] - forms.ends[c]):
        mine = forms.a[forms.ends[c] + i]
        other = forms.a[forms.ends[e] + i]
        if abs(mine - other) > WEIGHT_ROUNDING * max(mine, other):
            return -1 if mine < other else 1
    return 0


@leaf
def _least(forms, c):
    """The smallest probability of a point of a cloud."""
    least = forms.a[forms.ends[c]]
    for i in range(forms.ends[c] + 1, forms.ends[c + 1]):
        least = min(least, forms.a[i])
    return least


@leaf
def _diameter(forms, limits, c, e):
    """An upper bound of the distances between the points of two clouds, in the unit of the blur."""
    if limits.widest > 0.0:
        return limits.widest
    square = 0.0
    total = 0.0
    d = forms.dimensions[c]
    for k in range(d):
        low = min(forms.corners[forms.boxes[c] + k], forms.corners[forms.boxes[e] + k])
        high = max(forms.corners[forms.boxes[c] + d + k], forms.corners[forms.boxes[e] + d + k])
        square += (high - low) * (high - low)
        total += high - low
    return total if limits.has_sides else np.sqrt(square)


@kernel
def survey(forms, sources, targets, limits):
    """Facts about each pair of clouds, given by their numbers."""
    count = len(sources)
    relations = np.empty(count, dtype=np.int64)
    tols = np.empty(count)
    are_small = np.empty(count, dtype=np.bool_)
    are_fine = np.empty(count, dtype=np.bool_)
    blur = limits.blur
    for q in range(count):
        c, e = sources[q], targets[q]
        n = forms.ends[c + 1] - forms.ends[c]
        m = forms.ends[e + 1] - forms.ends[e]
        if n != m:
            relations[q] = -1 if n < m else 1
        else:
            relations[q] = 0 if c == e else _first_difference(forms, c, e)
        diameter = _diameter(forms, limits, c, e)
        tol = limits.tol * min(1.0, limits.small_blur * diameter / blur)
        tols[q] = max(tol, min(limits.least_tol, limits.tol))
        least = min(_least(forms, c), _least(forms, e))
        is_usual = limits.smallest_blur * diameter <= blur <= limits.largest_blur * diameter
        is_coarse = blur >= limits.fine_blur * diameter
        most_pairs = limits.most_pairs if is_coarse else limits.most_fine_pairs
        fits = n * m <= most_pairs and least >= limits.least_mass
        are_small[q] = fits and (is_usual or diameter == 0.0)
        are_fine[q] = blur < FINE * diameter
    return Survey(relations, tols, are_small, are_fine)
