"""A lower bound of the dual that needs the heavy pairs of a plan alone, and its maximum.

For any moves s of u = f / eps and t of v = g / eps, e^(s + t) <= (e^(2 s) + e^(2 t)) / 2 on the
light pairs. Therefore the dual changes by at least

    <A, phi(s)> + <B, phi(t)> - sum_heavy P_ij (e^(s_i + t_j) - 1)
    - <R, e^(2 s) - 1> / 2 - <C, e^(2 t) - 1> / 2

with the sums R and C of the light pairs by row and column, A = a e^(-kx u), B = b e^(-ky v), and
equality and equal derivatives at 0. Moves that raise this bound raise the dual as much, whichever
pairs the pattern contains.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.cpu.exchange_system import ExchangeSystem
from ..common.array_types import Floats, Pair
from ..dual import aim, phi
from ..kernels.heavy_plan import HeavyPlan

# Added to the diagonals, in shares of a and b: isolated parts of the graph of heavy pairs may hold
# unequal masses, and their systems must have a solution
RIDGE = 1e-10
LARGEST_MOVE = 10.0  # of each entry of t in one step: parts that hardly touch move on their own
FIRST_ITERATIONS, RENEWED, MOST_ITERATIONS = 60, 20, 300  # of conjugate gradients
REDUCTION = 0.2  # of the l1 norm of the gradient by the linear system
THIN = 1e-3  # pairs below this share of both points' masses are left out of the factors
BACKTRACK, MOST_HALVINGS = 0.4, 20
ROUNDING = 1e-14
SCALAR_STEPS = 60
LEAST = 1e-290  # of light sums


class Maximum(NamedTuple):
    """The moves, and how many times all heavy pairs were read."""

    s: Floats
    t: Floats
    n_sweeps: int


class Minorant:
    """The bound around a plan whose rows are exact.

    Parameters
    ----------
    plan : HeavyPlan
    aims : pair of arrays
        A and B.
    rates : pair of float
        kx and ky; 0 for exact marginals.
    """

    def __init__(self, plan: HeavyPlan, aims: Pair, rates: tuple[float, float]) -> None:
        self.pairs = plan.pairs
        self.light = (
            np.maximum(plan.light_rows, LEAST),
            np.maximum(plan.light_columns, LEAST),
        )
        self.aims = aims
        self.rates = rates
        self.n_sweeps = 0

    def row_products(self, t: Floats) -> Floats:
        """k = P e^t over the heavy pairs."""
        self.n_sweeps += 1
        products: Floats = self.pairs.right_product(np.exp(t))
        return products

    def best_rows(self, k: Floats) -> Floats:
        """The best s for k = P e^t: the root of k e^s + R e^(2 s) = A e^(-kx s)."""
        A = self.aims[0]
        R = self.light[0]
        rate = self.rates[0]
        mean = np.sqrt(A) * np.sqrt(R)  # A R may be 1e-500
        root = np.hypot(k, 2 * mean)
        s: Floats = np.log(2 * A / (k + root))
        if rate == 0:
            return s

        log_A = np.log(A)
        for _ in range(SCALAR_STEPS):  # Newton for a convex function, from above from step 2 on
            heavy = k * np.exp(s)
            light = R * np.exp(2 * s)
            total = heavy + light
            value = np.log(total) + rate * s - log_A
            slope = (heavy + 2 * light) / total + rate
            s = s - value / slope
            if np.abs(value).max() <= ROUNDING:
                break
        return s

    def value(self, s: Floats, t: Floats, k: Floats) -> float:
        """The bound in units of eps, up to a constant."""
        (A, B) = self.aims
        (R, C) = self.light
        (kx, ky) = self.rates
        earned = A @ phi(s, kx)
        earned += B @ phi(t, ky)
        light = R @ np.exp(2 * s)
        light += C @ np.exp(2 * t)
        heavy = np.exp(s) @ k
        return float(earned - heavy - light / 2)

    def column_sums(self, s: Floats, t: Floats) -> Floats:
        """The columns' sums of the heavy pairs after the moves."""
        self.n_sweeps += 1
        products: Floats = self.pairs.left_product(np.exp(s))
        return np.exp(t) * products

    def gradient(self, t: Floats, columns: Floats) -> Floats:
        """The derivative in t at the best s."""
        aims: Floats = self.aims[1] * aim(t, self.rates[1])
        light = self.light[1] * np.exp(2 * t)
        return aims - columns - light

    def system(self, s: Floats, t: Floats, k: Floats, columns: Floats) -> ExchangeSystem:
        """The Newton system in t."""
        grounds = self._ground(0, s), self._ground(1, t)
        scales = np.exp(s), np.exp(t)
        rows = scales[0] * k
        diagonals = rows + grounds[0], columns + grounds[1]
        return ExchangeSystem(self.pairs, scales, diagonals, grounds)

    def _ground(self, side: int, move: Floats) -> Floats:
        """The diagonal's part that is not of heavy pairs, on the rows (0) or the columns (1)."""
        rate = self.rates[side]
        A = self.aims[side]
        own = rate * A * aim(move, rate) if rate != 0 else 0.0
        light = 2 * self.light[side] * np.exp(2 * move)
        ground: Floats = light + own + RIDGE * A
        return ground


class Maximizer:
    """Newton's method for the bound in t, at the best s for each t."""

    def __init__(self, minorant: Minorant) -> None:
        self._minorant = minorant
        self._factors = None
        self._uses_factors = False

    def maximum(self, tol: float, most_sweeps: float) -> Maximum:
        """Newton steps until the gradient has an l1 norm of tol, or the heavy pairs have been read
        too often, or rounding decides.
        """
        with np.errstate(all="ignore"):  # a step that overflows has no value, and is shortened
            return self._maximum(tol, most_sweeps)

    def _maximum(self, tol: float, most_sweeps: float) -> Maximum:
        bound = self._minorant
        t = np.zeros(len(bound.aims[1]))
        k = bound.row_products(t)
        s = bound.best_rows(k)
        value = bound.value(s, t, k)
        while bound.n_sweeps < most_sweeps:
            columns = bound.column_sums(s, t)
            gradient = bound.gradient(t, columns)
            if np.abs(gradient).sum() <= tol:
                break
            system = bound.system(s, t, k, columns)
            step = self._step(system, gradient)
            least = value - ROUNDING * (1 + abs(value))
            for _ in range(MOST_HALVINGS):
                new_t = t + step
                new_k = bound.row_products(new_t)
                new_s = bound.best_rows(new_k)
                new_value = bound.value(new_s, new_t, new_k)
                if new_value >= least:
                    break
                step = BACKTRACK * step
            else:
                break
            t = new_t
            k = new_k
            s = new_s
            value = new_value
        return Maximum(s, t, bound.n_sweeps)

    def _step(self, system: ExchangeSystem, gradient: Floats) -> Floats:
        """An approximate Newton step, clipped entry by entry."""
        goal = REDUCTION * float(np.abs(gradient).sum())
        step = np.zeros(len(gradient))
        residual = gradient.copy()
        left = MOST_ITERATIONS
        if not self._uses_factors:
            jacobi = system.jacobi()
            left -= system.descend(step, residual, goal, FIRST_ITERATIONS, jacobi)
            self._uses_factors = np.abs(residual).sum() > goal
        elif self._factors is not None:
            left -= system.descend(step, residual, goal, RENEWED, self._factors)
        if np.abs(residual).sum() > goal:
            self._factors = system.factors(THIN)
            system.descend(step, residual, goal, left, self._factors)
        self._minorant.n_sweeps += system.n_sweeps
        return np.clip(step, -LARGEST_MOVE, LARGEST_MOVE)
