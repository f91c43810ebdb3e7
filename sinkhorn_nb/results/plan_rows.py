"""Entries of a plan in some of its rows and columns, ready to be read."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from ..backends.plan_entries import PlanEntries
from ..backends.pointwise import LOG2E
from ..common.array_types import Floats, Indices
from ..costs import SQUARED_EUCLIDEAN
from ..measures.measure import Measure
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
    eps = problem.eps
    points, F = _chosen(problem.source, f, rows, eps)
    partners, G = _chosen(problem.target, g, cols, eps)
    F = F - log2_unit
    if problem.cost == SQUARED_EUCLIDEAN:
        # A power of 2 changes no digit, and keeps squares in range
        _, power = np.frexp(problem.blur)
        per_square = LOG2E / 2 / np.ldexp(eps, -2 * int(power))
        x = np.ldexp(points, -int(power))
        y = np.ldexp(partners, -int(power))
        return PlanEntries(x, F, y, G, per_square, highest)

    scale, kind = problem.cost.kind(LOG2E / eps)
    x = scale * problem.cost.embedded(points, problem.origin)
    y = scale * problem.cost.embedded(partners, problem.origin)
    return PlanEntries(x, F, y, G, 0.5, highest, kind)


def _chosen(measure: Measure, potential: Floats, rows: Chosen, eps: float) -> tuple[Floats, Floats]:
    """Some points of a measure, and log2 (a_i exp(f_i / eps)) there."""
    points = measure.points[rows].astype(np.float64)
    return points, _log2_factors(measure.weights[rows], potential[rows] / eps)


def _log2_factors(weights: Floats, potentials: Floats) -> Floats:
    """log2 (a_i exp(f_i / eps)), -inf for weights of zero."""
    with np.errstate(divide="ignore"):
        logs = np.log2(weights) + LOG2E * potentials
    return np.where(weights > 0, logs, -np.inf)
