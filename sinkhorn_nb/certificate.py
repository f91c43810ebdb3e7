"""A rigorous upper bound of OT_eps: the plan rounded onto its marginals, and its cost."""

import numpy as np
from scipy.special import xlogy

from .gibbs import GibbsKernel


def primal_value(problem, f, g):
    """Cost of a feasible plan near that of (f, g), for the problem between probabilities; f must be T(g).

    P is scaled down to where neither marginal is exceeded, and the missing mass t, with marginals
    da and db, is added as E = da db' / t (Altschuler et al. 2017, algorithm 2). The entropy of the sum
    is bounded by convexity: both parts as if disjoint, which costs eps times the entropy of (1 - t, t).
    Two passes in float64.
    """
    a, b, eps = problem.source.partition.probabilities, problem.target.partition.probabilities, problem.eps
    kernel = GibbsKernel.of(problem, "float64")
    _, log_columns = kernel.log_sums(f, g)
    log_y = -np.maximum(log_columns, 0)
    rows = kernel.transport(f, g, np.exp(log_y)[:, None])[:, 0]
    log_x = -np.log(np.maximum(rows, 1))
    rows = np.minimum(rows, 1)
    # Where rows are shrunk by rounding alone, columns are short of exp(log_columns + log_y) by as little.
    columns = np.exp(log_columns + log_y) * np.exp(log_x.min())
    scaled = a * rows @ (f + eps * log_x) + b * columns @ (g + eps * log_y)
    return scaled + _missing(problem, a * (1 - rows), b * (1 - columns))


def _missing(problem, da, db):
    """<E, C> + eps (KL of E against a (x) b, and the entropy of the split)."""
    t = da.sum()
    if not t > 0 or not db.sum() > 0:
        return 0.0
    source, target = problem.source.partition, problem.target.partition
    x, y, a, b = (
        source.points - problem.centre,
        target.points - problem.centre,
        source.probabilities,
        target.probabilities,
    )
    db = db * (t / db.sum())
    cost = (da @ (x**2).sum(axis=1) + db @ (y**2).sum(axis=1)) / 2 - (da @ x) @ (db @ y) / t
    carriers, targets = a > 0, b > 0
    shares = xlogy(da[carriers], da[carriers] / a[carriers]).sum() + xlogy(db[targets], db[targets] / b[targets]).sum()
    return cost + problem.eps * (shares - 2 * xlogy(t, t) - xlogy(1 - t, 1 - t))
