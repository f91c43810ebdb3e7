"""Softmin and heavy pairs of few pairs by NumPy: a kernel would take a second to compile, these
take milliseconds.

Exponents are in bits, in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backends.cost_functions import Function
from ..backends.pointwise import LOG2E, CityBlock, scaled_cost
from ..backends.tables import Table
from ..common.array_types import Floats
from .side import Side
from .trust import log

FEW = 2**18  # pairs, times their coordinates
PAIRS_A_BLOCK = 2**14  # whose exponents stay in the cache of a core
LARGEST = 1e30  # exponents, like those of the backends


def are_few(x: Side, y: Side, kind: Any) -> bool:
    """Whether NumPy takes the pairs of two sides with this kind of cost."""
    if isinstance(kind, (Function, Table)):
        return False
    return x.points.size * len(y.points) <= FEW


def softmin_of_few(x: Side, y: Side, kind: Any, g: Floats) -> Floats:
    """-log2 sum_j b_j 2^(G_j - cost), for a potential of y in units of cost."""
    G = y.in_bits(g) + LOG2E * log(y.weights)
    sums = []
    for _, exponents in _blocks(x, y, kind, G):
        largest = exponents.max(axis=1)
        exponents -= largest[:, None]
        rest = np.exp2(exponents).sum(axis=1)
        sums.append(largest + np.log2(rest))
    return -np.concatenate(sums)


def count_of_few(x: Side, f: Floats, y: Side, g: Floats, kind: Any, theta: float) -> int:
    """The number of pairs with p_ij max(a_i, b_j) > theta."""
    F = x.in_bits(f) - np.log2(theta)
    logs = LOG2E * log(y.weights)
    own_logs = LOG2E * log(x.weights)
    count = 0
    for rows, exponents in _blocks(x, y, kind, y.in_bits(g)):
        exponents += F[rows, None]
        exponents += np.maximum(own_logs[rows, None], logs)
        count += int(np.count_nonzero(exponents > 0))
    return count


def _blocks(x: Side, y: Side, kind: Any, G: Floats) -> Iterator[tuple[slice, Floats]]:
    """G_j minus the cost in bits, for one block of rows after another."""
    G = np.clip(G, -LARGEST, LARGEST)
    points = x.scaled
    axes = y.scaled.T
    is_city_block = isinstance(kind, CityBlock)
    step = max(1, PAIRS_A_BLOCK // len(G))
    for start in range(0, len(points), step):
        rows = slice(start, start + step)
        own = points[rows]
        terms: Floats = np.zeros((len(own), len(G)))
        for xk, yk in zip(own.T, axes, strict=True):
            difference = xk[:, None] - yk
            terms += abs(difference) if is_city_block else difference**2
        costs = terms / 2 if kind is None else scaled_cost(kind, terms)
        yield rows, G - costs
