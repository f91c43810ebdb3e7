"""Normal forms of small measures: distinct points with mass in increasing order, whatever the order
of the rows.
"""

from typing import Any, NamedTuple

import numpy as np

from .jit import inlined, leaf, plain_kernel, view

# Largest relative difference of equal weights that were summed in different orders
WEIGHT_ROUNDING = 1e-13


class Rows(NamedTuple):
    """The rows of many clouds, one cloud after another in flat arrays; `ends` and `blocks` count
    from 0.
    """

    x: Any  # coordinates, (n, d) blocks
    weights: Any
    ends: Any  # where the rows of each cloud end
    blocks: Any  # where its coordinates end
    dimensions: Any


class Forms(NamedTuple):
    """The normal forms of many clouds, laid out as `Rows`."""

    x: Any
    a: Any  # probabilities
    ends: Any
    blocks: Any
    dimensions: Any
    owners: Any  # of each row: its point within the cloud, -1 for rows without mass
    # Of each cloud: its smallest and largest coordinates (2, d), where its block of `corners` ends
    boxes: Any
    corners: Any


def ends_of(sizes):
    """The ends of consecutive segments of these lengths, after a first 0."""
    ends = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.add.accumulate(sizes, out=ends[1:])  # a quarter of the time of numpy.cumsum
    return ends


def sizes_of(ends):
    """The sizes that end there; quicker than numpy.diff."""
    return ends[1:] - ends[:-1]


@inlined
def _compare(x, weights, i, j):
    """-1, 0 or 1: the order of two rows by their coordinates, then by their weights."""
    for k in range(x.shape[1]):
        if x[i, k] != x[j, k]:
            return -1 if x[i, k] < x[j, k] else 1
    if weights[i] != weights[j]:
        return -1 if weights[i] < weights[j] else 1
    return 0


@leaf
def _sort(x, weights, order, other):
    """The increasing order of the rows, by merging; `other` is scratch."""
    n = len(weights)
    width = 1
    for i in range(n):
        order[i] = i
    while width < n:
        for first in range(0, n, 2 * width):
            middle = min(first + width, n)
            last = min(first + 2 * width, n)
            i = first
            j = middle
            for k in range(first, last):
                is_left = i < middle
                if is_left and j < last:
                    is_left = _compare(x, weights, order[i], order[j]) <= 0
                if is_left:
                    other[k] = order[i]
                    i += 1
                else:
                    other[k] = order[j]
                    j += 1
        for k in range(n):
            order[k] = other[k]
        width *= 2


@inlined
def _equal_points(x, i, j):
    for k in range(x.shape[1]):
        if x[i, k] != x[j, k]:
            return False
    return True


@leaf
def _reduce(x, weights, order, other, points, a, owner):
    """Write the distinct points with mass, their probabilities and the point of each row; how many
    points there are.
    """
    n, d = x.shape
    count = 0
    total = 0.0
    for r in range(n):
        i = order[r]
        is_new = r == 0 or not _equal_points(x, i, order[r - 1])
        if is_new:
            for k in range(d):
                points[count, k] = x[i, k]
            a[count] = 0.0
            count += 1
        a[count - 1] += weights[i]
        owner[i] = count - 1
    for p in range(count):
        total += a[p]
    kept = 0
    for p in range(count):
        share = a[p] / total
        other[p] = kept if share > 0.0 else -1  # a weight may be nothing beside the mass
        if share > 0.0:
            for k in range(d):
                points[kept, k] = points[p, k]
            a[kept] = share
            kept += 1
    if kept == 1:
        a[0] = 1.0  # a product with the reciprocal of the mass may miss it by a rounding
    for i in range(n):
        owner[i] = other[owner[i]]
    return kept


@inlined
def _measure_box(points, corners):
    """Write the smallest and the largest coordinates of points."""
    n, d = points.shape
    for k in range(d):
        corners[0, k] = points[0, k]
        corners[1, k] = points[0, k]
    for i in range(1, n):
        for k in range(d):
            coordinate = points[i, k]
            corners[0, k] = min(corners[0, k], coordinate)
            corners[1, k] = max(corners[1, k], coordinate)


@plain_kernel
def _write(rows, forms, order, other):
    """Write the normal forms of all clouds; `order` and `other` are scratch for any of them."""
    for c in range(len(rows.dimensions)):
        d = rows.dimensions[c]
        first = rows.ends[c]
        last = rows.ends[c + 1]
        n = last - first
        raw = view(rows.x, rows.blocks[c], (n, d))
        weights = view(rows.weights, first, (n,))
        _sort(raw, weights, order, other)

        end = forms.ends[c]
        block = forms.blocks[c]
        points = view(forms.x, block, (n, d))
        a = view(forms.a, end, (n,))
        owners = view(forms.owners, first, (n,))
        kept = _reduce(raw, weights, order, other, points, a, owners)
        forms.ends[c + 1] = end + kept
        forms.blocks[c + 1] = block + kept * d
        corners = view(forms.corners, forms.boxes[c], (2, d))
        _measure_box(view(forms.x, block, (kept, d)), corners)


def normal_forms(rows):
    """The normal forms of all clouds."""
    count = len(rows.dimensions)
    n_rows = len(rows.weights)
    boxes = ends_of(2 * rows.dimensions)
    forms = Forms(
        x=np.empty(len(rows.x)),
        a=np.empty(n_rows),
        ends=np.zeros(count + 1, dtype=np.int64),
        blocks=np.zeros(count + 1, dtype=np.int64),
        dimensions=rows.dimensions,
        owners=np.empty(n_rows, dtype=np.int64),
        boxes=boxes,
        corners=np.empty(boxes[-1]),
    )
    _write(rows, forms, np.empty(n_rows, dtype=np.int64), np.empty(n_rows, dtype=np.int64))
    return forms._replace(x=forms.x[: forms.blocks[-1]], a=forms.a[: forms.ends[-1]])
