"""Rows of the same point: the first of each group, and the masses of the groups."""

from __future__ import annotations

import numpy as np

from ..common.array_types import Booleans, Coordinates, Floats, Indices


def are_first(points: Coordinates) -> Booleans:
    """Tell which rows differ from the row before them; equal rows follow each other."""
    is_first = np.ones(len(points), dtype=bool)
    is_tied = points[1:, 0] == points[:-1, 0]
    tied = np.flatnonzero(is_tied) + 1
    differ = points[tied] != points[tied - 1]
    is_first[tied] = differ.any(axis=1)
    return is_first


def masses_of(weights: Floats, groups: Indices) -> Floats:
    """Sums of the weights of groups of consecutive rows, from the group of each row; weights of
    zero in between do not change a bit.
    """
    positive = np.flatnonzero(weights)
    owners = groups[positive]
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    sums = np.add.reduceat(weights[positive], starts)
    masses = np.zeros(groups[-1] + 1)
    masses[owners[starts]] = sums
    return masses
