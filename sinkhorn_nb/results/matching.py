"""A one-to-one matching from a plan."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from .plan import Plan
from .plan_statistics import Pairs

MOST = 5000  # points on each side: the time grows like the cube


def matching(plan: Plan) -> Pairs:
    """The permutation with the largest product of the plan's entries, which are then all positive.

    log P_ij is -C_ij / eps plus a number of the row and a number of the column. So this is the
    cheapest of the permutations within the support of the plan.
    """
    n, m = plan.shape
    if n != m:
        raise ValueError(
            f"matching: expected as many points on both sides, got {n} and {m}; use plan.topk(1) "
            "for the best partner of each row"
        )
    if n > MOST:
        raise ValueError(
            f"matching: expected at most {MOST} points on each side, got {n}; use plan.topk(1) for "
            "the best partner of each row, or match parts of the data"
        )
    with np.errstate(divide="ignore"):
        costs = -np.log(plan._dense(MOST**2))
    # Imported here, because it takes a tenth of a second
    assign = import_module("scipy.optimize").linear_sum_assignment
    try:
        rows, columns = assign(costs)
    except ValueError as error:
        raise ValueError(
            "matching: expected a plan whose positive entries contain a permutation, got none; "
            "leave out rows without mass, or use equal weights, a larger eps or fewer forbidden "
            "pairs"
        ) from error
    return Pairs(rows, columns)
