"""The truth about potentials that a solve returned: dense, float64, log domain, in units of eps."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from bracket import UNIT, bracket, log, log_sum_exp

LARGEST_LOG = 600.0  # beyond, exponentials are left alone
SINGLE = 2.0**-24
FAR = 1e7  # diameters from the origin: there the points themselves are rounded


def cost(x, y):
    """|x_i - y_j|^2 / 2 by differences, each rounded once, however far from the origin the points
    are.
    """
    return ((x[:, None, :] - y[None, :, :]) ** 2).sum(axis=2) / 2


def probabilities(weights, n):
    weights = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    return weights / weights.sum()


def mass_of(weights):
    return 1.0 if weights is None else float(np.asarray(weights, dtype=np.float64).sum())


@dataclass(frozen=True, eq=False)
class Scene:
    """The problem between two measures: C, eps = 1, probabilities."""

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    mass: float
    blur: float
    mismatch: float  # of the two masses, relative
    # Allow for coordinates that are rounded at their distance from the origin
    lenient: bool = False

    @classmethod
    def of(cls, x, y, a, b, blur, lenient=False):
        masses = mass_of(a), mass_of(b)
        mass, mismatch = sum(masses) / 2, abs(np.diff(masses)[0]) / sum(masses)
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        return cls(
            x, y, probabilities(a, len(x)), probabilities(b, len(y)), mass, blur, mismatch, lenient
        )

    @property
    def eps(self):
        return self.blur**2

    @cached_property
    def C(self):
        return cost(self.x, self.y) / self.eps

    @cached_property
    def diameter(self):
        return np.linalg.norm(np.ptp(np.concatenate([self.x, self.y]), axis=0))

    @property
    def T(self):
        """The scene with source and target exchanged."""
        return replace(self, x=self.y, y=self.x, a=self.b, b=self.a)

    @property
    def far(self):
        """Largest coordinate, in blurs."""
        return max(np.abs(self.x).max(), np.abs(self.y).max()) / self.blur

    @property
    def alone(self):
        """Points of x without weight that equal no point with weight."""
        carriers = self.x[self.a > 0]
        return (self.a == 0) & ~(self.x[:, None] == carriers).all(axis=2).any(axis=1)

    @property
    def unit(self):
        """The unit of values and gaps."""
        return self.mass * self.eps

    @property
    def mass_term(self):
        """Part of the value that depends on the mass alone, in the unit of values."""
        return self.mass - 1 - np.log(self.mass)

    def rounding(self, u=0.0, v=0.0, dtype="float64"):
        """The rounding of an exponent at potentials of points with mass."""
        extent, logs = self.diameter / self.blur, abs(np.log(self.mass))
        size = 2 + extent**2 + np.abs(u).max() + np.abs(v).max() + logs
        shift = UNIT * self.far if self.lenient or self.far > FAR * extent else 0.0
        rounding = (
            UNIT * size + shift * (shift + extent) + (SINGLE * size if dtype == "float32" else 0.0)
        )
        return (8 + np.sqrt(self.x.shape[1])) * rounding

    def bracket(self, solution):
        """Bounds of OT_eps between probabilities, the better for a good solution."""
        return bracket(self.C, self.a, self.b, [np.asarray(solution.g) / self.eps])


class State:
    """A scene at potentials f, g."""

    def __init__(self, scene, f, g, dtype):
        self.scene, self.u, self.v = scene, f / scene.eps, g / scene.eps
        live = self.u[scene.a > 0], self.v[scene.b > 0]
        self.rho, self.rho_pairs = scene.rounding(*live), scene.rounding(*live, dtype)

    @cached_property
    def exponents(self):
        return self.u[:, None] + self.v - self.scene.C + np.log(self.scene.mass)

    @cached_property
    def log_rows(self):
        return log_sum_exp(self.exponents + log(self.scene.b))

    @cached_property
    def log_columns(self):
        return log_sum_exp(self.exponents.T + log(self.scene.a))

    @cached_property
    def error(self):
        """max over the two sides of sum_i a_i |r_i - 1|."""
        sides = ((self.scene.a, self.log_rows), (self.scene.b, self.log_columns))
        return max(p @ np.abs(np.expm1(np.minimum(logs, 700.0))) for p, logs in sides)

    @cached_property
    def overflows(self):
        carried = self.exponents[np.ix_(self.scene.a > 0, self.scene.b > 0)]
        return carried.max() > LARGEST_LOG

    @cached_property
    def plan(self):
        """P_ij = a_i b_j exp((f_i + g_j - C_ij) / eps)."""
        scene = self.scene
        # Products of weights underflow
        logs = self.exponents + (log(scene.mass * scene.a)[:, None] + log(scene.b))
        return np.exp(np.minimum(logs, LARGEST_LOG))

    @cached_property
    def tiny(self):
        """Less is nothing: products of weights underflow."""
        return self.scene.mass * 1e-240 + 1e-300

    @cached_property
    def drift(self):
        """Weighted means of the update's size, in eps."""
        scene = self.scene
        return scene.a @ np.abs(self.log_rows) + scene.b @ np.abs(self.log_columns)

    @cached_property
    def map(self):
        """sum_j W_ij (y_j - y_0) with the rows of W normalized, and W."""
        logits = self.exponents + log(self.scene.b)
        W = np.exp(logits - log_sum_exp(logits)[:, None])
        return W @ (self.scene.y - self.scene.y[0])
