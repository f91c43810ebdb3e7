"""Checks of the methods of a backend against dense answers."""

from itertools import pairwise

import numpy as np
from problems import cloud, weights
from scipy.special import logsumexp

from sinkhorn_nb.backends.cpu.backend import CpuBackend

CPU = CpuBackend()
RTOL = {"float32": 3e-5, "float64": 3e-12}


def halved(n, most=512):
    """Bounds of tiles of n points: halves of halves."""
    levels = (-(-n // most) - 1).bit_length()
    return np.arange(2**levels + 1) * n >> levels


class Side:
    """A cloud with a few points per tile, F and weights; the points are the centers plus the
    offsets.
    """

    def __init__(self, offsets, centers, bounds, seed):
        rng = np.random.default_rng(seed)
        n = len(offsets)
        self.n, self.bounds, self.centers = n, bounds, centers
        self.rounded, self.offsets = offsets, offsets.astype(np.float64)
        self.of_points = np.repeat(centers, np.diff(bounds), axis=0)
        self.exponents, self.weights = rng.uniform(-2, 2, n), weights(n, zeros=n // 5)


def near(n, d, dtype, seed, shift=0.0, most=512):
    """Tiles whose centers are of the size of the offsets."""
    bounds = halved(n, most)
    centers = np.random.default_rng([n, d, seed]).uniform(
        -1, 1, size=(len(bounds) - 1, d)
    ) / np.sqrt(d)
    return Side(cloud(n, d, dtype, shift), centers, bounds, seed)


def far(bounds, d, dtype, seed, axis):
    """Tiles strung out along an axis, 50 from the origin; the exponents make up for the distances."""
    n, count = bounds[-1], len(bounds) - 1
    centers = np.zeros((count, d))
    centers[:, axis] = 50 * np.random.default_rng(seed).choice([-1.0, 1.0], count) + np.linspace(
        -3, 3, count
    )
    offsets = cloud(n, d)
    offsets[:, :2] /= 50
    side = Side(offsets.astype(dtype), centers, np.array(bounds), seed)
    side.exponents += (side.of_points**2).sum(axis=1) / 2
    return side


class Pairs:
    """Two sides and the dense matrix of 2 to their exponents."""

    def __init__(self, x, y, rtol, backend=CPU):
        self.x, self.y, self.rtol, self.backend = x, y, rtol, backend
        self.exponents = exponents(x, y)
        self.p = np.exp2(self.exponents)
        self.X, self.F, self.a = (
            backend.load(x.rounded, x.centers, x.bounds),
            x.exponents,
            x.weights,
        )
        self.Y = self.X if x is y else backend.load(y.rounded, y.centers, y.bounds)
        self.G, self.b = y.exponents, y.weights

    @classmethod
    def near(cls, n, m, d, dtype, backend=CPU, most=512):
        x, y = near(n, d, dtype, 0, most=most), near(m, d, dtype, 1, shift=0.5, most=most)
        return cls(x, y, RTOL[dtype], backend)

    def compare(self, got, expected):
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, rtol=self.rtol)


def exponents(x, y):
    """F_i + G_j - |d|^2 / 2 + <d, y_j - x_i> + <x_i, y_j>, d from the center of y's tile to that of
    x's.
    """
    # All of it but what depends on i or j alone
    inner = (x.of_points + x.offsets) @ (y.of_points + y.offsets).T
    F = x.exponents - (x.of_points**2).sum(axis=1) / 2 - (x.of_points * x.offsets).sum(axis=1)
    G = y.exponents - (y.of_points**2).sum(axis=1) / 2 - (y.of_points * y.offsets).sum(axis=1)
    return F[:, None] + G + inner


def check_sums(t):
    rows, columns = t.backend.sums(t.X, t.F, t.a, t.Y, t.G, t.b)
    t.compare(rows, t.p @ t.b)
    t.compare(columns, t.a @ t.p)


def check_cluster_sums(t):
    check_clusters_between(np.unique(np.minimum([0, 1, 4, 204, 205, 600, t.x.n], t.x.n)), t)


def check_clusters_between(bounds, t):
    rows, C = t.backend.cluster_sums(t.X, t.F, t.a, t.Y, t.G, t.b, bounds)
    t.compare(rows, t.p @ t.b)
    assert C.dtype == t.x.rounded.dtype
    expected = [t.a[i:j] @ t.p[i:j] for i, j in pairwise(bounds)]
    check_questions(C, np.array(expected), t.rtol)


def check_questions(C, expected, rtol):
    """Check the methods of the sums over clusters."""
    rng, (K, m) = np.random.default_rng(0), expected.shape
    scales, weights = rng.uniform(0.5, 1.5, size=K), rng.uniform(0.5, 1.5, size=m)
    np.testing.assert_allclose(C, expected, rtol=rtol)
    np.testing.assert_allclose(C.columns(), expected.sum(axis=0), rtol=rtol)
    np.testing.assert_allclose(C.totals(scales), scales @ expected, rtol=rtol)
    np.testing.assert_allclose(C.shares(weights), expected @ weights, rtol=rtol)
    for size in {1, min(3, m), m}:
        whole = m // size * size
        sums = (expected * weights)[:, :whole].reshape(K, -1, size).sum(axis=2)
        np.testing.assert_allclose(C.grouped(weights, size), sums, rtol=rtol)
        assert C.grouped(weights, size).dtype == C.dtype


def check_row_sums(t):
    t.compare(t.backend.row_sums(t.X, t.F, t.Y, t.G, t.b), t.p @ t.b)


def check_self_sums(t):
    own = Pairs(t.x, t.x, t.rtol, t.backend) if t.x is not t.y else t
    own.compare(own.backend.self_sums(own.X, own.F, own.a), own.p @ own.a)


def check_log_sum_exp(t):
    expected = logsumexp(t.exponents * np.log(2), axis=1) / np.log(2)
    np.testing.assert_allclose(
        t.backend.log_sum_exp(t.X, t.F, t.Y, t.G), expected, rtol=t.rtol, atol=t.rtol
    )


def check_transport(t):
    V = np.random.default_rng(0).uniform(0.5, 1.5, size=(t.y.n, 3))
    t.compare(t.backend.transport(t.X, t.F, t.Y, t.G, V, None), t.p @ V)


def check_transport_with_factors(t):
    rng = np.random.default_rng(0)
    A, B, V = (rng.uniform(0.5, 1.5, size=(n, k)) for n, k in ((t.x.n, 5), (t.y.n, 5), (t.y.n, 3)))
    t.compare(t.backend.transport(t.X, t.F, t.Y, t.G, V, (A, B)), (t.p * (A @ B.T)) @ V)


def check_slope_sums(t):
    """The slope of |x - y|^2 / 2 is 1."""
    V = np.random.default_rng(0).uniform(0.5, 1.5, size=(t.y.n, 3))
    expected = t.p @ np.hstack([np.ones((t.y.n, 1)), V])
    t.compare(t.backend.slope_sums(t.X, t.F, t.Y, t.G, V), expected)


CHECKS = [
    check_sums,
    check_cluster_sums,
    check_row_sums,
    check_self_sums,
    check_log_sum_exp,
    check_transport,
    check_transport_with_factors,
]


def spread(d, dtype):
    """Tiles on either side of the origin see nothing of each other, those on one side do."""
    bounds = np.array([0, 512, 513, 530, 900])
    centers = np.zeros((4, d))
    centers[:, 0] = [50, -50, 49.5, -51]
    offsets = cloud(900, d)
    return Side(offsets.astype(dtype), centers, bounds, 0)
