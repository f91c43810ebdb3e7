"""Permutation tests of any statistic: labelings of a pooled sample, and p-values from the values of
a statistic.

A test is exact if the value of a labeling depends on this labeling and the pooled sample alone.
"""

from __future__ import annotations

import numpy as np

from ..common.array_types import Booleans, Floats


def labelings(n: int, m: int, n_permutations: int, rng: np.random.Generator) -> Booleans:
    """(1 + n_permutations, n + m) labels, True for the first sample. The first row is what was
    observed.
    """
    labels = np.zeros((1 + n_permutations, n + m), dtype=bool)
    labels[:, :n] = True
    labels[1:] = rng.permuted(labels[1:], axis=1)
    return labels


def share_as_large(values: Floats, rounding: float = 0.0) -> Floats:
    """The share of all values that are as large, for each value: p-values, all of them exact.

    Values that differ by the rounding count as equal, so that rounding never makes a p-value too
    small.
    """
    count = len(values)
    n_smaller = np.searchsorted(np.sort(values), values - rounding)
    return (count - n_smaller) / count


def share_as_small(values: Floats) -> Floats:
    """The share of all values that are as small, for each value."""
    n_as_small = np.searchsorted(np.sort(values), values, side="right")
    return n_as_small / len(values)
