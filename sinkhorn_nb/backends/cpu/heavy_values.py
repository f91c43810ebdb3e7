"""Entries of a plan at listed pairs, in float64."""

from itertools import pairwise

import numpy as np

from ..jit import SUM, kernel, overload, wide_vectors
from ..pointwise import add_terms, entry, half_cost, log_root
from .threads import run

PAIRS_A_TASK = 2**14


def pair_values(entries, starts, columns):
    """P_ij of the pairs of a list in float64, for the arguments of `panel_values`."""
    out = np.empty(len(columns))
    n = len(starts) - 1
    count = max(1, len(columns) // PAIRS_A_TASK)
    shares = np.linspace(0, len(columns), count + 1)
    cuts = np.searchsorted(starts, shares[1:-1])

    def task(first, last):
        panel_values(*entries, starts, columns, first, last, out)

    run(task, list(pairwise([0, *cuts.tolist(), n])))
    return out


@kernel
def panel_values(x, F, y, G, scale, highest, cost, starts, columns, first, last, out):
    """out_k = P_ij of the listed pairs of the rows from first to last, by differences of the
    coordinates, from halves of F and G.
    """
    wide_vectors()
    for i in range(first, last):
        k0 = starts[i]
        k1 = starts[i + 1]
        for k in range(k0, k1):
            j = columns[k]
            terms = _terms(cost, x[i], y[j])
            half = half_cost(cost, scale, terms)
            out[k] = log_root(F[i], G[j], half)
        for k in range(k0, k1):
            out[k] = entry(out[k], highest)


def _terms(cost, x, y):
    """The sum of `add_terms` over the coordinates, in any order."""
    raise TypeError("for compiled code")


@overload(_terms, SUM)
def _overload_terms(cost, x, y):
    def terms(cost, x, y):
        total = 0.0
        for c in range(len(x)):
            total += add_terms(cost, 0.0, (x[c],), (y[c],))
        return total

    return terms
