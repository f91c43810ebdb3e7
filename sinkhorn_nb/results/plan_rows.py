"""Entries of a plan in some of its rows and columns, ready to be read."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from ..backends.plan_entries import PlanEntries
from ..backends.pointwise import LOG2E
from ..common.array_types import Floats, Indices
from ..costs import SQUARED_EUCLIDEAN
from ..problem import Problem

Chosen: TypeAlias = Indices | slice

HIGHEST = 1020.0  # log2 of the largest entry that is read: whatever the potentials, it is finite
HIGHEST_SHARE = 960.0  # the same for shares of the mass, which are added up


def entries(
    problem: Problem,
    f: Floats,
    g: Floats,
    rows: Chosen,
    cols: Chosen,
    log2_unit: float | Floats,
    highest: float,
) -> PlanEntries:
    """P_ij / 2^unit_i for potentials f and g in units of cost, by exponents that are clipped at the
    highest.
    """
    source, target, eps = problem.source, problem.target, problem.eps
    x, y = (
        measure.points[chosen].astype(np.float64)
        for measure, chosen in ((source, rows), (target, cols))
    )
    F = _log2_factors(source.weights[rows], f[rows] / eps) - log2_unit
    G = _log2_factors(target.weights[cols], g[cols] / eps)
    scale, kind = problem.cost.kind(LOG2E / eps)
    if problem.cost == SQUARED_EUCLIDEAN:
        # A power of 2 changes no digit, and keeps squares in range
        power = int(np.frexp(problem.blur)[1])
        per_square = LOG2E / 2 / np.ldexp(eps, -2 * power)
        return PlanEntries(np.ldexp(x, -power), F, np.ldexp(y, -power), G, per_square, highest)
    x, y = (scale * problem.cost.embedded(points, problem.origin) for points in (x, y))
    return PlanEntries(x, F, y, G, 0.5, highest, kind)


def _log2_factors(weights: Floats, potentials: Floats) -> Floats:
    """log2 (a_i exp(f_i / eps)), -inf for weights of zero."""
    with np.errstate(divide="ignore"):
        return np.where(weights > 0, np.log2(weights) + LOG2E * potentials, -np.inf)
