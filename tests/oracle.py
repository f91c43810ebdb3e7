"""Entropic optimal transport between small clouds: dense, float64, log domain; obvious and slow."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import linprog

ACCURACY = 1e-12  # of the marginals, relative to the mass


def costs(x, y):
    """C_ij = |x_i - y_j|^2 / 2, by differences."""
    return ((x[:, None, :] - y[None, :, :]) ** 2).sum(axis=2) / 2


def log_sum_exp(t):
    """log sum_j exp t_ij."""
    largest = t.max(axis=1, keepdims=True)
    return largest[:, 0] + np.log(np.exp(t - largest).sum(axis=1))


def softmin(eps, C, g, b):
    """T(g)_i = -eps log sum_j b_j exp((g_j - C_ij) / eps)."""
    with np.errstate(divide="ignore"):
        return -eps * log_sum_exp(np.log(b) + (g - C) / eps)


@dataclass(frozen=True, eq=False)
class Dense:
    """OT_eps(a, b) with everything formed."""

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    blur: float

    @classmethod
    def of(cls, x, y, a=None, b=None, *, blur):
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        a = np.full(len(x), 1 / len(x)) if a is None else np.asarray(a, dtype=np.float64)
        b = np.full(len(y), 1 / len(y)) if b is None else np.asarray(b, dtype=np.float64)
        return cls(x, y, a, b, blur)

    @property
    def eps(self):
        return self.blur**2

    @cached_property
    def C(self):
        return costs(self.x, self.y)

    @cached_property
    def potentials(self):
        """Annealed alternate updates, then Newton steps on the dual as soon as they help."""
        f, g = np.zeros(len(self.x)), np.zeros(len(self.y))
        for eps in max(self.eps, self.C.max()) * 0.5 ** np.arange(60):
            f, g = self.alternate(max(eps, self.eps), g)
        for _ in range(200):
            if self.error(f, g) <= ACCURACY:
                return f, g
            new = self.newton(f, g)
            better = self.error(*new) < self.error(f, g) / 2
            f, g = new if better else self.alternate(self.eps, g, times=50)
        assert self.error(f, g) <= 1e-11, "the oracle itself has not converged"
        return f, g

    def alternate(self, eps, g, times=10):
        for _ in range(times):
            f = softmin(eps, self.C, g, self.b)
            g = softmin(eps, self.C.T, f, self.a)
        return f, g

    def newton(self, f, g):
        P = self.plan_of(f, g)
        rows, columns = P.sum(axis=1), P.sum(axis=0)
        hessian = np.block([[np.diag(rows), P], [P.T, np.diag(columns)]]) / self.eps
        step = np.linalg.lstsq(
            hessian, np.concatenate([self.a - rows, self.b - columns]), rcond=1e-14
        )[0]
        step = np.clip(step, -10 * self.eps, 10 * self.eps)
        return self.alternate(self.eps, g + step[len(f) :], times=1)

    def plan_of(self, f, g):
        return np.outer(self.a, self.b) * np.exp((f[:, None] + g[None, :] - self.C) / self.eps)

    def error(self, f, g):
        """max over the two sides of sum_i a_i |r_i - 1| / mass."""
        P = self.plan_of(f, g)
        return (
            max(np.abs(P.sum(axis=1) - self.a).sum(), np.abs(P.sum(axis=0) - self.b).sum())
            / self.a.sum()
        )

    @cached_property
    def plan(self):
        return self.plan_of(*self.potentials)

    @cached_property
    def value(self):
        """<a, f> + <b, g> - eps <a (x) b, exp((f + g - C) / eps) - 1>."""
        f, g = self.potentials
        return self.a @ f + self.b @ g - self.eps * (self.plan.sum() - self.a.sum() * self.b.sum())

    @cached_property
    def primal(self):
        """<P, C> + eps KL(P | a (x) b)."""
        reference = np.outer(self.a, self.b)
        P, Q = self.plan[reference > 0], reference[reference > 0]
        entropy = (P * np.log(np.maximum(P, 1e-300) / Q) - P + Q).sum()
        return (self.plan * self.C).sum() + self.eps * entropy

    @cached_property
    def gradient_x(self):
        """sum_j P_ij (x_i - y_j)."""
        return self.plan.sum(axis=1)[:, None] * self.x - self.plan @ self.y

    @property
    def symmetric_potential(self):
        """The symmetric potential of a self problem: (f + g) / 2 solves it if (f, g) does."""
        return sum(self.potentials) / 2

    @property
    def on_source(self):
        return Dense(self.x, self.x, self.a, self.a, self.blur)

    @property
    def on_target(self):
        return Dense(self.y, self.y, self.b, self.b, self.blur)

    @cached_property
    def divergence(self):
        return self.value - (self.on_source.value + self.on_target.value) / 2


def exact_cost(x, y, a, b):
    """min_P <P, C> by linear programming."""
    n, m = len(x), len(y)
    rows, columns = np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))
    found = linprog(
        costs(x, y).ravel(), A_eq=np.vstack([rows, columns])[:-1], b_eq=np.concatenate([a, b])[:-1]
    )
    assert found.success, found.message
    return found.fun
