"""Bounds of OT_eps that hold for any potentials: dense, float64, in units of eps, between
probabilities.
"""

from typing import NamedTuple

import numpy as np

UNIT = 2.0**-53


def log_sum_exp(t):
    """log sum_j exp t_ij, -inf for a row of -inf."""
    largest = np.maximum(t.max(axis=1), -1e300)
    with np.errstate(divide="ignore"):
        return largest + np.log(np.exp(t - largest[:, None]).sum(axis=1))


def log(weights):
    with np.errstate(divide="ignore"):
        return np.log(weights)


class Bracket(NamedTuple):
    lower: float
    upper: float


def bracket(C, a, b, starts=()):
    """Bracket min <P, C> + KL(P | a (x) b) for probabilities a and b; starts are potentials of the
    columns.
    """
    rows, columns = np.flatnonzero(a), np.flatnonzero(b)
    dual = _Dual(C[np.ix_(rows, columns)], a[rows], b[columns])
    starts = [v[columns] for v in starts]
    best = max([dual.annealed(), *(v for v in starts if np.isfinite(v).all())], key=dual.value)
    best = dual.ascend(best, steps=200)
    return Bracket(dual.value(best), dual.rounded(best))


class _Dual:
    """The semi-dual <b, v> - <a, log sum_j b_j exp(v_j - C_ij)>."""

    def __init__(self, C, a, b):
        self.C, self.a, self.b, self.log_b = C, a, b, np.log(b)

    def logits(self, v):
        return v + self.log_b - self.C

    def value(self, v):
        return self.b @ v - self.a @ log_sum_exp(self.logits(v))

    def annealed(self):
        """Along temperatures from the largest cost down to 1."""
        heat = max(self.C.max(), 1.0)
        v = np.zeros(len(self.b))
        while heat > 1:
            v = heat * _Dual(self.C / heat, self.a, self.b).ascend(v / heat, steps=8)
            heat /= 2
        return v

    def ascend(self, v, steps):
        """Newton steps with a ridge where they help, Sinkhorn steps where not."""
        ridge = 1e-4
        for _ in range(steps):
            logits = self.logits(v)
            W = np.exp(logits - log_sum_exp(logits)[:, None])
            sums = self.a @ W
            if np.abs(self.b - sums).sum() < 1e-14:
                break
            newton = v + self._newton(W, sums, ridge)
            sinkhorn = -log_sum_exp(log(self.a) - log_sum_exp(logits) - self.C.T)
            helps = self.value(newton) > self.value(sinkhorn)
            ridge = max(ridge / 10, 1e-13) if helps else min(ridge * 10, 1.0)
            v = newton if helps else sinkhorn
        return v

    def _newton(self, W, sums, ridge):
        scale = 1 / np.sqrt(np.maximum(sums, self.b))
        root = np.sqrt(self.a)[:, None] * W * scale
        hessian = np.diag(sums * scale**2 + ridge) - root.T @ root
        step = scale * np.linalg.lstsq(hessian, scale * (self.b - sums), rcond=1e-15)[0]
        return np.clip(step, -30, 30)

    def rounded(self, v):
        """Cost and entropy of the plan at (T(v), v), made feasible (Altschuler et al. 2017,
        algorithm 2).
        """
        a, b = self.a, self.b
        ratios = v - log_sum_exp(self.logits(v))[:, None] - self.C  # log P_ij / (a_i b_j)
        ratios = ratios - np.maximum(log(a @ np.exp(ratios)), 0)
        ratios = ratios - np.maximum(log(np.exp(ratios) @ b), 0)[:, None]
        P = a[:, None] * np.exp(ratios) * b
        da, db = np.maximum(a - P.sum(axis=1), 0), np.maximum(b - P.sum(axis=0), 0)
        if da.sum() > 0 and db.sum() > 0:
            extra = np.multiply.outer(da / a, db / b) * (1 / max(da.sum(), db.sum()))
            ratios = np.logaddexp(ratios, log(extra))
        P = a[:, None] * np.exp(ratios) * b
        finite = P > 0
        return (P[finite] * (self.C[finite] + ratios[finite])).sum()
