"""Mean derivatives of a cost that is a caller's function."""

from __future__ import annotations

import numpy as np

from ..backends.cost_functions import Function, derivatives
from ..backends.plan_entries import PlanEntries
from ..common.array_types import Floats

NUMBERS_A_BLOCK = 2**20
HIGHEST = 960.0  # log2 of the largest entry


def given_slopes(cost: Function, x: Floats, F: Floats, y: Floats, G: Floats) -> Floats:
    """(n, 1 + d) sums of p_ij = 2^(F_i + G_j - cost), and of p_ij times the derivatives of the cost
    in x_i; these are NaN if they are not known.
    """
    n, d = x.shape
    out = np.full((n, 1 + d), np.nan)
    step = max(1, NUMBERS_A_BLOCK // (len(y) * d))
    for i in range(0, n, step):
        rows = slice(i, i + step)
        entries = PlanEntries(x[rows], F[rows], y, G, 0.5, HIGHEST, cost)
        block = entries.dense()
        out[rows, 0] = block.sum(axis=1)
        if cost.derivative is not None:
            on_x = derivatives(cost.derivative, x[rows], y)
            out[rows, 1:] = np.einsum("kij,ij->ik", on_x, block)
    return out
