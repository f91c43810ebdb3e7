"""A rigorous upper bound of OT_eps: the cost of the plan rounded onto its marginals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from ..common.array_types import Floats
from ..dual import Iterate
from ..kernels.ledger import counting
from ..kernels.protocol import Kernel
from ..problem import Problem

ROUNDING = float(np.finfo(float).eps)
EXACT = 1e-9  # rows whose sums are this close to the weights need no update first


class Certificate(NamedTuple):
    """A dual value and the cost of a feasible plan, which enclose OT_eps between probabilities, and
    the passes.
    """

    dual_value: float
    primal_value: float
    n_passes: float


def certify(problem: Problem, iterate: Iterate, dtype: str, backend: str = "auto") -> Certificate:
    """Bounds of OT_eps from sums in float64: rigorous for an iterate that was found with pairs of
    any precision.

    From exact rows, P is scaled down until neither marginal is exceeded. The missing mass t, with
    marginals da and db, is added as E = da db' / t (Altschuler et al. 2017, algorithm 2). The
    entropy of the sum is bounded by convexity: both parts count as disjoint, which costs eps times
    the entropy of (1 - t, t). For an iterate in float64 this takes one pass if one side is exact,
    and else two; in float32 it takes three.
    """
    bounds = _exact if problem.marginals.are_exact else _priced
    with counting() as ledger:
        dual_value, primal_value = bounds(problem, iterate, dtype, backend)
    return Certificate(dual_value, primal_value, problem.passes(ledger))


def _exact(problem: Problem, iterate: Iterate, dtype: str, backend: str) -> tuple[float, float]:
    """Bounds if both marginals are exact."""
    f, g, log_rows, log_columns = iterate
    if dtype != "float64":
        kernel = problem.kernel("float64", backend)
        log_rows, _ = kernel.log_sums(f, g)
        return _rounded(problem, f - problem.eps * log_rows, g, backend)
    if _is_exact(log_rows):
        return _rounded(problem, f, g, backend, log_columns)
    if _is_exact(log_columns):
        return _rounded(problem.T, g, f, backend, log_rows)
    return _rounded(problem, f - problem.eps * log_rows, g, backend)


def _priced(problem: Problem, iterate: Iterate, dtype: str, backend: str) -> tuple[float, float]:
    """Bounds if a marginal has a price: then any plan is feasible on that side.

    The plan of the potentials costs more than their dual value by the sum over the sides of rho
    KL(p | a exp(-f / rho)), where p is its marginal. An exact side is updated first, so that its
    marginal is exact.
    """
    dual = problem.dual()
    is_exact = [rate == 0 for rate in dual.rates]
    if any(is_exact) or dtype != "float64":
        kernel = problem.kernel("float64", backend)
        f, g = iterate.f, iterate.g
        iterate = Iterate(f, g, *kernel.log_sums(f, g))
        if any(is_exact):
            f = dual.updated_rows(iterate) if is_exact[0] else iterate.f
            g = dual.updated_columns(iterate) if is_exact[1] else iterate.g
            iterate = Iterate(f, g, *kernel.log_sums(f, g))
    value = dual.here(iterate)
    gap = dual.price_gap(iterate)
    margin = _margin(problem, iterate.f, iterate.g)
    return value - margin, value + gap + margin


def _is_exact(log_sums: Floats) -> bool:
    return np.abs(log_sums).max() <= EXACT


def _rounded(
    problem: Problem, f: Floats, g: Floats, backend: str, log_columns: Floats | None = None
) -> tuple[float, float]:
    a = problem.source.partition.probabilities
    b = problem.target.partition.probabilities
    eps = problem.eps
    kernel = problem.kernel("float64", backend)
    if log_columns is None:
        _, log_columns = kernel.log_sums(f, g)
    log_x, log_y, rows, columns = scaled_down(kernel, f, g, log_columns)
    # Taken out of f and g, because sums of rows and of columns differ by their rounding
    mean_f = a @ f
    mean_g = b @ g
    level = mean_f + mean_g
    f = f - mean_f
    g = g - mean_g
    scaled = (a @ rows) * level
    scaled += a * rows @ (f + eps * log_x)
    scaled += b * columns @ (g + eps * log_y)

    da = a * (1 - rows)
    db = b * (1 - columns)
    primal = scaled + _missing(problem, kernel, da, db)
    margin = _margin(problem, f, g)
    dual = level - eps * (b @ log_columns)
    return float(dual - margin), float(primal + margin)


class ScaledDown(NamedTuple):
    """Logs of the factors of rows and columns, and the ratios of the marginals after them."""

    log_x: Floats
    log_y: Floats
    rows: Floats
    columns: Floats


def scaled_down(kernel: Kernel, f: Floats, g: Floats, log_columns: Floats) -> ScaledDown:
    """Scale a plan with exact rows down until neither marginal is exceeded, in one pass."""
    log_y = -np.maximum(log_columns, 0)
    factors = np.exp(log_y)[:, None]
    rows = kernel.transport(f, g, factors)[:, 0]
    log_x = -np.log(np.maximum(rows, 1))
    rows = np.minimum(rows, 1)
    # If rows shrink by rounding alone, columns fall short of exp(log_columns + log_y) by as little.
    columns = np.exp(log_columns + log_y)
    columns *= np.exp(log_x.min())
    return ScaledDown(log_x, log_y, rows, columns)


def _margin(problem: Problem, f: Floats, g: Floats) -> float:
    """A bound of the rounding of a value.

    Exponents of the size of C / eps or of the potentials are rounded, which changes sums by the
    same relative error. This share of the mass may be moved by the largest distance.
    """
    exponent = largest_term(problem, f, g) / problem.eps
    return 4 * ROUNDING * (1 + exponent) ** 2 * problem.eps


def largest_term(problem: Problem, f: Floats, g: Floats) -> float:
    """A bound of the terms of an exponent, in units of cost."""
    costs = 2 * problem.cost.bound(problem.diameter)
    potentials = np.abs(f).max() + np.abs(g).max()
    return float(costs + potentials)


def _missing(problem: Problem, kernel: Kernel, da: Floats, db: Floats) -> float:
    """<E, C> + eps (KL of E against a (x) b, and the entropy of the split)."""
    t = da.sum()
    if not t > 0 or not db.sum() > 0:
        return 0.0
    source, target = problem.source.partition, problem.target.partition
    a, b = source.probabilities, target.probabilities
    db = db * (t / db.sum())
    cost = cost_of_product(problem, kernel, da, db)
    shares = _relative_entropy(da, a) + _relative_entropy(db, b)
    split = 2 * xlogy(t, t) + xlogy(1 - t, 1 - t)
    return cost + problem.eps * (shares - split)


def _relative_entropy(masses: Floats, weights: Floats) -> float:
    """sum_i m_i log(m_i / w_i) over the points with weight."""
    is_heavy = weights > 0
    m = masses[is_heavy]
    w = weights[is_heavy]
    return float(xlogy(m, m / w).sum())


def cost_of_product(problem: Problem, kernel: Kernel, da: Floats, db: Floats) -> float:
    """<da db', C> / t for marginals of the same mass t."""
    largest = problem.cost.bound(problem.diameter)
    return kernel.mean_cost(da, db, largest)
