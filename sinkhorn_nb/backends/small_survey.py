"""Facts about pairs of small measures, which decide how they are solved."""

from typing import Any, NamedTuple

import numpy as np

from .jit import inlined, leaf, plain_kernel
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
def _size(forms, c):
    """The number of points of a cloud."""
    return forms.ends[c + 1] - forms.ends[c]


@inlined
def _first_difference(forms, c, e):
    """-1, 0 or 1: the order of two clouds of one size by the first number in which they differ."""
    of_c = forms.blocks[c]
    of_e = forms.blocks[e]
    n_numbers = forms.blocks[c + 1] - of_c
    for k in range(n_numbers):
        mine = forms.x[of_c + k]
        other = forms.x[of_e + k]
        if mine != other:
            return -1 if mine < other else 1
    first = forms.ends[c]
    first_other = forms.ends[e]
    for i in range(_size(forms, c)):
        mine = forms.a[first + i]
        other = forms.a[first_other + i]
        rounding = WEIGHT_ROUNDING * max(mine, other)
        if abs(mine - other) > rounding:
            return -1 if mine < other else 1
    return 0


@leaf
def _least(forms, c):
    """The smallest probability of a point of a cloud."""
    first = forms.ends[c]
    least = forms.a[first]
    for i in range(first + 1, forms.ends[c + 1]):
        least = min(least, forms.a[i])
    return least


@inlined
def _diameter(forms, limits, c, e):
    """An upper bound of the distances between the points of two clouds, in the unit of the blur."""
    if limits.widest > 0.0:
        return limits.widest
    square = 0.0
    total = 0.0
    d = forms.dimensions[c]
    of_c = forms.boxes[c]
    of_e = forms.boxes[e]
    for k in range(d):
        low = min(forms.corners[of_c + k], forms.corners[of_e + k])
        high = max(forms.corners[of_c + d + k], forms.corners[of_e + d + k])
        side = high - low
        square += side * side
        total += side
    return total if limits.has_sides else np.sqrt(square)


@plain_kernel
def _write(forms, sources, targets, limits, facts):
    blur = limits.blur
    for q in range(len(sources)):
        c = sources[q]
        e = targets[q]
        n = _size(forms, c)
        m = _size(forms, e)
        relation = 0
        if n != m:
            relation = -1 if n < m else 1
        elif c != e:
            relation = _first_difference(forms, c, e)
        facts.relations[q] = relation

        diameter = _diameter(forms, limits, c, e)
        share = limits.small_blur * diameter / blur
        tol = limits.tol * min(1.0, share)
        facts.tols[q] = max(tol, min(limits.least_tol, limits.tol))

        least = min(_least(forms, c), _least(forms, e))
        smallest_blur = limits.smallest_blur * diameter
        largest_blur = limits.largest_blur * diameter
        is_usual = smallest_blur <= blur <= largest_blur
        is_coarse = blur >= limits.fine_blur * diameter
        most_pairs = limits.most_pairs if is_coarse else limits.most_fine_pairs
        has_few_pairs = n * m <= most_pairs
        fits = has_few_pairs and least >= limits.least_mass
        facts.are_small[q] = fits and (is_usual or diameter == 0.0)
        facts.are_fine[q] = blur < FINE * diameter


def survey(forms, sources, targets, limits):
    """Facts about each pair of clouds, given by their numbers."""
    count = len(sources)
    facts = Survey(
        relations=np.empty(count, dtype=np.int64),
        tols=np.empty(count),
        are_small=np.empty(count, dtype=np.bool_),
        are_fine=np.empty(count, dtype=np.bool_),
    )
    _write(forms, sources, targets, limits, facts)
    return facts
