"""Results that are computed from the rows of a plan: the largest entries, draws, the entropy."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import entr

from ..backends.plan_entries import PlanEntries
from ..common.array_types import Floats, Indices
from ..problem import Problem


class Pairs(NamedTuple):
    """Pairs (rows[q], columns[q]) drawn from a plan, in the order of the draws."""

    rows: Indices
    columns: Indices


class TopK(NamedTuple):
    """The k largest entries of each row of a plan, largest first."""

    indices: Indices
    values: Floats


def draw(
    k: int,
    rng: np.random.Generator,
    log_sums: Floats,
    conditional: Callable[[Indices], PlanEntries],
) -> tuple[Indices, Indices]:
    """Draw k pairs: the rows by their sums, then the columns by inversion. Each drawn row is read
    once.

    `conditional(rows)` returns the `PlanEntries` of some rows, each divided by its sum.
    """
    u, v = rng.random((2, k))
    shares = np.exp(log_sums - log_sums.max())
    heads = np.cumsum(shares)
    rows = np.searchsorted(heads, heads[-1] * u, side="right")

    order = np.lexsort((v, rows))
    drawn, counts = np.unique(rows, return_counts=True)
    starts = np.concatenate([[0], np.cumsum(counts)])
    columns = np.empty(k, np.int64)
    columns[order] = conditional(drawn).draws(starts, v[order])
    return rows, columns


def normalized_entropy(
    problem: Problem, row_sums: Floats, row_logs: Floats, column_sums: Floats
) -> float:
    """1 - I(P) / min(H(a), H(b)) for the mutual information I. Equal points may share their mass in
    any way.

    `row_logs` are the sums of P_ij log2 P_ij over each row.
    """
    of_source = _entropy(problem.source.reduced.probabilities)
    of_target = _entropy(problem.target.reduced.probabilities)
    most = min(of_source, of_target)
    if most == 0:
        return 0.0
    total = row_sums.sum()
    weighted_logs = np.log(2) * row_logs.sum()
    joint = np.log(total) - weighted_logs / total
    information = _entropy(row_sums) + _entropy(column_sums) - joint
    return float(np.clip(1 - information / most, 0, 1))


def _entropy(masses: Floats) -> float:
    """The entropy of masses, as shares of their sum."""
    return entr(masses / masses.sum()).sum()
