"""Unbalanced entropic transport between small clouds: dense, float64, log domain; obvious and slow.

It shares no code with the library. Damped Sinkhorn updates make the start, Newton steps on the
dual the end; SciPy's L-BFGS on the primal confirms it in `test_unbalanced`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from oracle import costs, softmin
from scipy.optimize import minimize

HARD = np.inf


def earned(f, rho):
    """rho (1 - exp(-f / rho)), and f for an exact side."""
    return f if rho == HARD else -rho * np.expm1(-f / rho)


def aim(a, f, rho):
    """a exp(-f / rho): the marginal at the optimum."""
    return a if rho == HARD else a * np.exp(-f / rho)


def damped(f, eps, rho):
    """The exact update from a softmin."""
    return f if rho == HARD else f * rho / (rho + eps)


def divergence(p, q):
    """KL(p | q) with masses."""
    carried = p > 0
    logs = np.log(p[carried] / q[carried])
    return p[carried] @ logs - p.sum() + q.sum()


@dataclass(frozen=True, eq=False)
class Priced:
    """OT_eps(a, b) with the prices rho of the two marginals; HARD makes a side exact."""

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    eps: float
    rho: tuple

    @cached_property
    def C(self):
        return costs(self.x, self.y)

    @cached_property
    def potentials(self):
        """Annealed damped updates, then Newton steps on the dual, halved until they gain."""
        f, g = np.zeros(len(self.x)), np.zeros(len(self.y))
        for eps in max(self.eps, self.C.max()) * 0.5 ** np.arange(30):
            f, g = self.updated(g, max(eps, self.eps))
        for _ in range(50):
            f, g = self.updated(g, self.eps)
        for _ in range(100):
            if self.error(f, g) <= 1e-13:
                break
            f, g = self.newton(f, g)
        assert self.error(f, g) <= 1e-11, "the oracle itself has not converged"
        return f, g

    def updated(self, g, eps):
        f = damped(softmin(eps, self.C, g, self.b), eps, self.rho[0])
        return f, damped(softmin(eps, self.C.T, f, self.a), eps, self.rho[1])

    def newton(self, f, g):
        P, n = self.plan_of(f, g), len(f)
        rows, columns = aim(self.a, f, self.rho[0]), aim(self.b, g, self.rho[1])
        on_rows, on_columns = P.sum(axis=1), P.sum(axis=0)
        H = np.block([[np.diag(on_rows), P], [P.T, np.diag(on_columns)]]) / self.eps
        prices = np.concatenate([rows / self.rho[0], columns / self.rho[1]])
        H[np.diag_indices_from(H)] += prices
        gradient = np.concatenate([rows - on_rows, columns - on_columns])
        step = np.linalg.lstsq(H, gradient, rcond=1e-14)[0]
        for share in 0.5 ** np.arange(40):
            new = f + share * step[:n], g + share * step[n:]
            if self.dual(*new) >= self.dual(f, g):
                return self.updated(new[1], self.eps)
        return self.updated(g, self.eps)

    def plan_of(self, f, g):
        return np.outer(self.a, self.b) * np.exp((f[:, None] + g - self.C) / self.eps)

    def error(self, f, g):
        P = self.plan_of(f, g)
        on_rows = np.abs(P.sum(axis=1) - aim(self.a, f, self.rho[0])).sum()
        return max(on_rows, np.abs(P.sum(axis=0) - aim(self.b, g, self.rho[1])).sum()) / P.sum()

    def dual(self, f, g):
        paid = self.a @ earned(f, self.rho[0]) + self.b @ earned(g, self.rho[1])
        return paid - self.eps * (self.plan_of(f, g).sum() - self.a.sum() * self.b.sum())

    @cached_property
    def plan(self):
        return self.plan_of(*self.potentials)

    @cached_property
    def value(self):
        return self.dual(*self.potentials)

    def primal(self, P):
        """<P, C> + eps KL(P | a (x) b) + the prices; exact sides are taken for granted."""
        value = (P * self.C).sum() + self.eps * divergence(
            P.ravel(), np.outer(self.a, self.b).ravel()
        )
        sides = (self.rho[0], P.sum(axis=1), self.a), (self.rho[1], P.sum(axis=0), self.b)
        return value + sum(rho * divergence(p, a) for rho, p, a in sides if rho != HARD)

    def minimized(self):
        """The smallest primal value that L-BFGS finds over the logs of the plan's entries."""

        def primal(logs):
            P = np.exp(logs).reshape(self.C.shape)
            slope = self.C + self.eps * np.log(P / np.outer(self.a, self.b))
            slope = slope + self.rho[0] * np.log(P.sum(axis=1) / self.a)[:, None]
            slope = slope + self.rho[1] * np.log(P.sum(axis=0) / self.b)
            return self.primal(P), (P * slope).ravel()

        start = np.log(np.outer(self.a, self.b)) - self.C / (self.eps + sum(self.rho))
        options = {"maxiter": 3000, "maxfun": 6000, "ftol": 1e-15, "gtol": 1e-10, "maxcor": 30}
        return minimize(primal, start.ravel(), jac=True, method="L-BFGS-B", options=options).fun

    @property
    def symmetric_potential(self):
        """The potential of a self problem; (f + g) / 2 solves it if (f, g) does."""
        return sum(self.potentials) / 2

    def at(self, x, g=None):
        """f at new points."""
        C, g = costs(x, self.y), self.potentials[1] if g is None else g
        return damped(softmin(self.eps, C, g, self.b), self.eps, self.rho[0])

    @property
    def on_source(self):
        return replace(self, y=self.x, b=self.a, rho=(self.rho[0], self.rho[0]))

    @property
    def on_target(self):
        return replace(self, x=self.y, a=self.b, rho=(self.rho[1], self.rho[1]))

    @cached_property
    def divergence(self):
        own = (self.on_source.value + self.on_target.value) / 2
        return self.value - own + self.eps / 2 * (self.a.sum() - self.b.sum()) ** 2

    @cached_property
    def negentropy(self):
        return -self.on_source.value / 2

    @cached_property
    def hausdorff(self):
        """<a - b, grad F(a) - grad F(b)> / 2 with grad F(a) = -dOT(a, a) / da / 2."""
        of_a, of_b, rho, eps = self.on_source, self.on_target, self.rho[0], self.eps
        fa, fb = of_a.symmetric_potential, of_b.symmetric_potential
        at_y, at_x = of_a.at(self.y, fa), of_b.at(self.x, fb)
        if rho == HARD:
            on_x, on_y = fa - at_x, at_y - fb
        else:
            on_x, on_y = ((rho + eps) * np.expm1(-f / rho) for f in (fa, at_y))
            on_x = -on_x + (rho + eps) * np.expm1(-at_x / rho)
            on_y = -on_y + (rho + eps) * np.expm1(-fb / rho)
        return (self.b @ on_y - self.a @ on_x) / 2


def difference_quotients(value, array, step):
    """Central differences of value(array) in all entries."""
    slopes = np.empty(array.shape)
    for k in np.ndindex(array.shape):
        changed = [array.copy(), array.copy()]
        changed[0][k] += step
        changed[1][k] -= step
        slopes[k] = (value(changed[0]) - value(changed[1])) / (2 * step)
    return slopes
