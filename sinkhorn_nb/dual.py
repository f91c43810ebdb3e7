"""The dual problem: its value, its updates and its error, from the sums of one pass."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .common.array_types import Floats
from .marginals import BALANCED, Marginals

LARGEST_LOG = 700.0  # bound of the log of a marginal ratio, so that the error stays finite


class Iterate(NamedTuple):
    """Potentials between probabilities and the logs of the marginal ratios, in the order of the
    partitions.
    """

    f: Floats
    g: Floats
    log_rows: Floats
    log_columns: Floats

    @property
    def n_pairs(self) -> int:
        """Number of pairs of distinct points with mass; a pass treats all of them."""
        return len(self.f) * len(self.g)

    @property
    def T(self) -> Iterate:
        """The iterate of the transposed problem."""
        return Iterate(self.g, self.f, self.log_columns, self.log_rows)


class Normal(NamedTuple):
    """An iterate in the order of the normal forms of two measures, and their probabilities.

    `answer` holds the numbers of the compiled solver for a self problem, in its own units. If
    `is_turned`, the transposed problem was solved.
    """

    iterate: Iterate
    a: Floats
    b: Floats
    answer: tuple[Any, ...] | None = None
    is_turned: bool = False

    @property
    def n_pairs(self) -> int:
        """Number of pairs of points."""
        return self.iterate.n_pairs

    @property
    def f(self) -> Floats:
        """The potential of the source, in the order of its normal form."""
        return self.iterate.f

    @property
    def g(self) -> Floats:
        """The potential of the target, in the order of its normal form."""
        return self.iterate.g

    @property
    def T(self) -> Normal:
        """The iterate of the transposed problem."""
        return Normal(self.iterate.T, self.b, self.a, is_turned=not self.is_turned)


class Dual:
    """The dual problem between two probabilities, for all that one pass over the pairs tells.

    Write u = f / eps, v = g / eps, kx, ky = eps / rho and phi_k(s) = (1 - exp(-k s)) / k. The dual
    value is eps (<a, phi_kx(u)> + <b, phi_ky(v)> - sum P + 1). For exact marginals k is 0 and phi_k
    is the identity. At the optimum, the marginal ratios are exp(-kx u) and exp(-ky v).

    Parameters
    ----------
    a, b : (n,) and (m,) arrays
        Probabilities, in any order that the potentials share.
    eps : float
    marginals : Marginals
    """

    def __init__(self, a: Floats, b: Floats, eps: float, marginals: Marginals = BALANCED) -> None:
        self.a = a
        self.b = b
        self.eps = eps
        self.marginals = marginals
        self.rates = marginals.rates(eps)

    @property
    def T(self) -> Dual:
        """The dual of the transposed problem."""
        return Dual(self.b, self.a, self.eps, self.marginals.T)

    def value(self, iterate: Iterate) -> float:
        """The dual value after an exact update of one side, the larger one of the two.

        It bounds OT_eps from below, and its error is quadratic in the marginal error.
        """
        on_rows = self.after_rows(iterate)
        return max(on_rows, self.after_columns(iterate))

    def after_rows(self, iterate: Iterate) -> float:
        """The dual value after an exact update of f."""
        if self.marginals.are_exact:
            earned = self.a @ iterate.f + self.b @ iterate.g
            gained = self.a @ iterate.log_rows
            return float(earned - self.eps * gained)
        (kx, ky) = self.rates
        before = iterate.f / self.eps
        u = before - _residual(before, iterate.log_rows, kx)
        v = iterate.g / self.eps
        earned = self.a @ phi(u, kx)
        earned += self.b @ phi(v, ky)
        plan = self.a @ aim(u, kx)
        return float(self.eps * (earned - plan + 1))

    def after_columns(self, iterate: Iterate) -> float:
        """The dual value after an exact update of g."""
        return self.T.after_rows(iterate.T)

    def semi_dual(self, f: Floats, softmin: Floats) -> float:
        """The dual value at f and the exact update of g, from the softmin T(f)."""
        g = self.T.damped_rows(softmin)
        if self.marginals.are_exact:
            return float(self.a @ f + self.b @ g)
        (kx, ky) = self.rates
        u = f / self.eps
        v = g / self.eps
        on_rows = self.a @ phi(u, kx)
        earned = phi(v, ky) - aim(v, ky)
        on_columns = self.b @ earned
        return float(self.eps * (on_rows + on_columns + 1))

    def updated_rows(self, iterate: Iterate, share: float = 1.0) -> Floats:
        """f after a share of its exact update."""
        kx, _ = self.rates
        return _updated(iterate.f, iterate.log_rows, self.eps, kx, share)

    def updated_columns(self, iterate: Iterate, share: float = 1.0) -> Floats:
        """g after a share of its exact update."""
        _, ky = self.rates
        return _updated(iterate.g, iterate.log_columns, self.eps, ky, share)

    def softmin_rows(self, iterate: Iterate) -> Floats:
        """T(g), at which the rows of the plan are exact."""
        return iterate.f - self.eps * iterate.log_rows

    def softmin_columns(self, iterate: Iterate) -> Floats:
        """T(f), at which the columns of the plan are exact."""
        return iterate.g - self.eps * iterate.log_columns

    def damped_rows(self, softmin: Floats) -> Floats:
        """The exact update of f from the softmin T(g), at any points."""
        kx, _ = self.rates
        return softmin if kx == 0 else softmin / (1 + kx)

    def ratios_after(self, iterate: Iterate) -> Floats | float:
        """The marginal ratios of the rows after an exact update of f."""
        kx, _ = self.rates
        if kx == 0:
            return 1.0
        u = self.updated_rows(iterate) / self.eps
        return aim(u, kx)

    def gain(self, iterate: Iterate) -> float:
        """The gain in dual value of the better exact update; for exact marginals, eps times the
        larger KL divergence of a marginal.
        """
        rows, columns = self.residuals(iterate)
        kx, ky = self.rates
        u = iterate.f / self.eps
        v = iterate.g / self.eps
        on_rows = gained(self.a, u, rows, kx)
        on_columns = gained(self.b, v, columns, ky)
        return self.eps * max(on_rows, on_columns)

    def here(self, iterate: Iterate) -> float:
        """The dual value at the potentials themselves."""
        (kx, ky) = self.rates
        u = iterate.f / self.eps
        v = iterate.g / self.eps
        earned = self.a @ phi(u, kx)
        earned += self.b @ phi(v, ky)
        plan = self.a @ np.exp(iterate.log_rows)
        return float(self.eps * (earned - plan + 1))

    def price_gap(self, iterate: Iterate) -> float:
        """The cost of the plan of the potentials minus their dual value, if the marginals with an
        infinite price are exact: the sum of rho KL(p | a exp(-f / rho)).
        """
        rows, columns = self.residuals(iterate)
        kx, ky = self.rates
        u = iterate.f / self.eps
        v = iterate.g / self.eps
        on_rows = _price_gap(self.a, u, rows, kx)
        on_columns = _price_gap(self.b, v, columns, ky)
        return self.eps * (on_rows + on_columns)

    def residuals(self, iterate: Iterate) -> tuple[Floats, Floats]:
        """Logs of the marginal ratios over their aims, exp(-kx u) and exp(-ky v)."""
        if self.marginals.are_exact:
            return iterate.log_rows, iterate.log_columns
        kx, ky = self.rates
        aimed_rows = -kx / self.eps * iterate.f
        aimed_columns = -ky / self.eps * iterate.g
        return iterate.log_rows - aimed_rows, iterate.log_columns - aimed_columns

    def error(self, iterate: Iterate) -> float:
        """The marginal error: max over the sides of sum_i a_i |r_i - exp(-k u_i)|, relative to the
        mass of the plan.
        """
        f, g, log_rows, log_columns = iterate
        kx, ky = self.rates
        on_rows = self._side(self.a, f, log_rows, kx)
        on_columns = self._side(self.b, g, log_columns, ky)
        return max(on_rows, on_columns)

    def _side(self, a: Floats, f: Floats, log_rows: Floats, k: float) -> float:
        log_rows = np.minimum(log_rows, LARGEST_LOG)
        if self.marginals.are_exact:
            missing = np.abs(np.expm1(log_rows))
            return float(a @ missing)
        rows = np.exp(log_rows)
        log_aims = -k / self.eps * f
        aims = np.exp(np.minimum(log_aims, LARGEST_LOG))
        missing = np.abs(rows - aims)
        missed = float(a @ missing)
        mass = float(a @ rows)
        if missed == 0:  # also if measures are so far apart that the best plan has no mass
            return 0.0
        if not mass > 0:
            return math.inf
        return min(missed / mass, math.exp(LARGEST_LOG))

    def balanced(self, f: Floats, g: Floats) -> tuple[Floats, Floats]:
        """f - c and g + c, which have the same plan, with the best c.

        For exact marginals all c are equally good: then <a, f> = <b, g>.
        """
        if self.marginals.are_exact:
            mean_f = self.a @ f
            mean_g = self.b @ g
            c = float(mean_f - mean_g) / 2
        else:
            kx, ky = self.rates
            log_aims_x = -kx / self.eps * f
            log_aims_y = -ky / self.eps * g
            of_f = _log_mean(self.a, log_aims_x)
            of_g = _log_mean(self.b, log_aims_y)
            c = self.eps / (kx + ky) * (of_g - of_f)
        return f - c, g + c

    def completed(self, iterate: Iterate, is_self: bool) -> Iterate:
        """The iterate with the best constant between its potentials."""
        if is_self:
            return Iterate(iterate.f, iterate.f, iterate.log_rows, iterate.log_rows)
        f, g = self.balanced(iterate.f, iterate.g)
        return iterate._replace(f=f, g=g)


def self_step(rate: float) -> float:
    """The share of an exact update that makes the fastest steps of a self problem.

    With lam = 1 / (1 + rate), the derivative of the update has its spectrum in [-lam, 0]; the share
    2 / (2 + lam) contracts by lam / (2 + lam). This is 2/3 for exact marginals.
    """
    lam = 1 / (1 + rate)
    return 2 / (2 + lam)


def phi(s: Floats, k: float) -> Floats:
    """(1 - exp(-k s)) / k, and s for k = 0: what a potential s earns per mass of its point.

    It is -inf for potentials far below 0, as the first ones may be if rho is much smaller than eps.
    """
    if k == 0:
        return s
    with np.errstate(over="ignore"):
        return -np.expm1(-k * s) / k


def aim(s: Floats, k: float) -> Floats:
    """exp(-k s): the marginal ratio that goes with a potential s at the optimum."""
    with np.errstate(over="ignore"):
        return np.exp(-k * s)


def _residual(u: Floats, log_rows: Floats, k: float) -> Floats:
    """u minus its exact update."""
    if k == 0:
        return log_rows
    return (log_rows + k * u) / (1 + k)


def gained(a: Floats, u: Floats, residual: Floats, k: float) -> float:
    """The gain in dual value of an exact update of one side, in units of eps."""
    if k == 0:
        before = np.expm1(np.minimum(residual, LARGEST_LOG))
        return float(a @ (before - residual))
    largest = LARGEST_LOG / 3  # so that products are finite
    logs = np.minimum(residual, largest)
    log_aims = np.minimum(-k * u, largest)
    damping = k / (1 + k)
    before = np.expm1(logs)
    after = np.expm1(damping * logs) / damping
    aims = a * np.exp(log_aims)
    return float(aims @ (before - after))


def _price_gap(a: Floats, u: Floats, residual: Floats, k: float) -> float:
    """KL(p | a exp(-k u)) / k for the marginal p with log(p / (a exp(-k u))) = residual."""
    if k == 0:
        return 0.0
    with np.errstate(over="ignore"):
        small = np.clip(residual, -1.0, 1.0)
        aims = aim(u, k)
        grown = small * np.exp(small)
        near = aims * (grown - np.expm1(small))  # no cancellation
        marginal = np.exp(residual - k * u)
        far = marginal * (residual - 1) + aims
    is_near = np.abs(residual) <= 1
    prices = np.where(is_near, near, far)
    return float(a @ prices) / k


def _updated(f: Floats, log_rows: Floats, eps: float, k: float, share: float) -> Floats:
    residual = _residual(f / eps, log_rows, k)
    return f - share * eps * residual


def _log_mean(a: Floats, s: Floats) -> float:
    """log <a, exp(s)> for probabilities a."""
    has_mass = a > 0
    top = float(s.max(where=has_mass, initial=-np.inf))
    shares = np.exp(np.minimum(s - top, 0.0))
    return top + float(np.log(a @ shares))
