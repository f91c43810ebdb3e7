"""Draws from a plan, and its entropy, from sums over its rows."""

from typing import NamedTuple

import numpy as np
from scipy.special import entr


class Pairs(NamedTuple):
    """Pairs (rows[q], columns[q]) drawn from a plan, in the order of the draws."""

    rows: np.ndarray
    columns: np.ndarray


def draw(k, rng, log_sums, conditional):
    """Draw k pairs: the rows by their sums, then the columns by inversion. Each drawn row is read once.

    `conditional(rows)` returns the `PlanEntries` of some rows, each divided by its sum.
    """
    u, v = rng.random((2, k))
    heads = np.cumsum(np.exp(log_sums - log_sums.max()))
    rows = np.searchsorted(heads, heads[-1] * u, side="right")
    order = np.lexsort((v, rows))
    drawn, counts = np.unique(rows, return_counts=True)
    starts = np.concatenate([[0], np.cumsum(counts)])
    columns = np.empty(k, np.int64)
    columns[order] = conditional(drawn).draws(starts, v[order])
    return rows, columns


def normalized_entropy(problem, row_sums, row_logs, column_sums):
    """1 - I(P) / min(H(a), H(b)) for the mutual information I. Equal points may share their mass in any way.

    `row_logs` are the sums of P_ij log2 P_ij over each row.
    """
    most = min(_entropy(measure.reduced.probabilities) for measure in (problem.source, problem.target))
    if most == 0:
        return 0.0
    total = row_sums.sum()
    joint = np.log(total) - np.log(2) * row_logs.sum() / total
    information = _entropy(row_sums) + _entropy(column_sums) - joint
    return float(np.clip(1 - information / most, 0, 1))


def _entropy(masses):
    return entr(masses / masses.sum()).sum()
