"""Problems that move along a random direction, and their derivatives by differences."""

import numpy as np
from problems import example

from sinkhorn_nb import Sinkhorn, entropic_ot

EXACT = Sinkhorn(tol=1e-13, max_iter=20_000)
TOL = 1e-11  # of the linear systems
BLUR = 0.5
SCALARS = {
    "f": lambda solution, f: f @ solution.f,
    "g": lambda solution, g: g @ solution.g,
    "map": lambda solution, t: (t * solution.map()).sum(),
    "plan": lambda solution, plan: (plan[0] * (solution.plan @ plan[1])).sum(),
}


class Path:
    """A problem that moves along a random direction of points and weights. Without a reach, the
    masses stay equal.
    """

    def __init__(self, reach=None, weights_move=True, factor=1.0, **case):
        self.reach = reach
        self.x, self.y, self.a, b = example(**case)
        self.b = factor * b

        rng = np.random.default_rng(1)
        self.dx, self.dy = rng.normal(size=self.x.shape), rng.normal(size=self.y.shape)
        scale = 1.0 if weights_move else 0.0
        self.da, self.db = (scale * w * rng.uniform(-1, 1, len(w)) for w in (self.a, self.b))
        if reach is None:
            self.db += self.b * (self.da.sum() - self.db.sum()) / self.b.sum()

        n, m, d = len(self.x), len(self.y), self.x.shape[1]
        self.cotangents = {
            "f": rng.normal(size=n),
            "g": rng.normal(size=m),
            "map": rng.normal(size=(n, d)),
            "plan": (rng.normal(size=(n, 2)), rng.normal(size=(m, 2))),
        }

    @property
    def direction(self):
        return self.dx, self.dy, self.da, self.db

    def arguments(self, t=0.0):
        now = self.x, self.y, self.a, self.b
        return tuple(part + t * step for part, step in zip(now, self.direction, strict=True))

    def solve(self, t=0.0):
        return entropic_ot(*self.arguments(t), blur=BLUR, reach=self.reach, solver=EXACT)

    def along(self, gradient):
        parts = zip(gradient, self.direction, strict=True)
        return sum(float((part * step).sum()) for part, step in parts)


def derivative(function, h=1e-3):
    """At 0, by central differences of fourth order."""
    return (8 * (function(h) - function(-h)) - (function(2 * h) - function(-2 * h))) / (12 * h)


def assert_close(got, expected, rtol=1e-6):
    np.testing.assert_allclose(got, expected, rtol=0, atol=rtol * np.abs(expected).max())
