"""The kernels against dense NumPy: every dimension, precision and size at which the code path changes."""

import numpy as np
import pytest
from problems import cloud, weights
from scipy.special import logsumexp

from sinkhorn_nb.backends.cpu import CpuBackend
from sinkhorn_nb.gibbs import GibbsKernel

DIMENSIONS = [1, 2, 3, 6, 7, 8, 30, 784]
EDGES = [(1, 1), (1, 513), (15, 17), (16, 16), (17, 1), (127, 511), (128, 512), (129, 513), (512, 128), (1100, 129)]
RTOL = {"float32": 3e-5, "float64": 1e-12}


class Pairs:
    """Two clouds, exponents of order one, and the dense matrix of their exponentials."""

    def __init__(self, n, m, d, dtype):
        rng = np.random.default_rng([n, m, d])
        self.x, self.y = cloud(n, d, dtype), cloud(m, d, dtype, shift=0.5)
        self.F, self.G = rng.uniform(-2, 2, n), rng.uniform(-2, 2, m)
        self.a, self.b = weights(n, zeros=n // 5), weights(m, zeros=m // 5)
        inner = self.x.astype(np.float64) @ self.y.T.astype(np.float64)
        self.exponents = self.F[:, None] + self.G[None, :] + inner
        self.p = np.exp2(self.exponents)
        self.backend = CpuBackend()
        self.X, self.Y = self.backend.load(self.x, dtype), self.backend.load(self.y, dtype)
        self.rtol = RTOL[dtype]

    def compare(self, got, expected):
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, rtol=self.rtol)


def check_sums(t):
    rows, columns = t.backend.sums(t.X, t.F, t.a, t.Y, t.G, t.b)
    t.compare(rows, t.p @ t.b)
    t.compare(columns, t.a @ t.p)


def check_row_sums(t):
    t.compare(t.backend.row_sums(t.X, t.F, t.Y, t.G, t.b), t.p @ t.b)


def check_self_sums(t):
    x = t.x.astype(np.float64)
    t.compare(t.backend.self_sums(t.X, t.F, t.a), np.exp2(t.F[:, None] + t.F + x @ x.T) @ t.a)


def check_log_sum_exp(t):
    expected = logsumexp((t.exponents - t.F[:, None]) * np.log(2), axis=1) / np.log(2)
    np.testing.assert_allclose(t.backend.log_sum_exp(t.X, t.Y, t.G), expected, rtol=t.rtol, atol=t.rtol)


def check_transport(t):
    V = np.random.default_rng(0).uniform(0.5, 1.5, size=(len(t.y), 3))
    t.compare(t.backend.transport(t.X, t.F, t.Y, t.G, V), t.p @ V)


CHECKS = [check_sums, check_row_sums, check_self_sums, check_log_sum_exp, check_transport]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("d", DIMENSIONS)
def test_dimensions(check, dtype, d):
    if dtype == "float32" and check in (check_log_sum_exp, check_transport) and d in (1, 3, 6):
        pytest.skip("compiled as for d = 2")  # saves half a minute
    check(Pairs(150, 530, d, dtype))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("d", [3, 30])
@pytest.mark.parametrize(("n", "m"), EDGES)
def test_sizes_around_the_edges_of_tiles(check, d, n, m):
    check(Pairs(n, m, d, "float64"))


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("check", CHECKS)
def test_several_panels(check, dtype):
    check(Pairs(1601, 1499, 2, dtype))


@pytest.mark.parametrize("d", [3, 30])
def test_zero_weights_give_zero_sums(d):
    t = Pairs(40, 50, d, "float64")
    rows, columns = t.backend.sums(t.X, t.F, np.zeros(40), t.Y, t.G, t.b)
    np.testing.assert_array_equal(columns, 0)
    t.compare(rows, t.p @ t.b)


class Potentials:
    """A Gibbs kernel and its marginals' logarithms, dense, in the log domain."""

    def __init__(self, n, m, d, dtype, blur=0.5):
        self.x, self.y, self.a, self.b = cloud(n, d), cloud(m, d, shift=0.5), weights(n), weights(m)
        self.eps = blur**2
        centre = (self.x.mean(axis=0) + self.y.mean(axis=0)) / 2
        self.kernel = GibbsKernel(self.x, self.y, self.a, self.b, self.eps, centre, dtype)
        self.C = ((self.x[:, None] - self.y) ** 2).sum(axis=2) / 2

    def log_sums(self, f, g):
        exponents = (f[:, None] + g - self.C) / self.eps
        return logsumexp(exponents + np.log(self.b), axis=1), logsumexp(exponents.T + np.log(self.a), axis=1)


OFFSETS = {
    "all high": lambda f: f + 1e6,
    "all low": lambda f: f - 1e6,
    "one high": lambda f: f + 1e6 * (np.arange(len(f)) == 3),
    "one low": lambda f: f - 1e6 * (np.arange(len(f)) == 3),
    "spread": lambda f: f + np.linspace(-1e6, 1e6, len(f)),
    "beyond float32": lambda f: f * 1e3,
}


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("d", [2, 30])
def test_log_sums_hold_for_any_potentials(d, dtype, offset):
    """Exponentials of +-4e6 neither overflow nor vanish: such rows and columns are redone."""
    t = Potentials(140, 60, d, dtype)
    rng = np.random.default_rng(d)
    f, g = OFFSETS[offset](rng.uniform(-1, 1, 140)), rng.uniform(-1, 1, 60)
    for got, expected in zip(t.kernel.log_sums(f, g), t.log_sums(f, g), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-4 if dtype == "float32" else 1e-9)
    np.testing.assert_allclose(t.kernel.softmin(g), f - t.eps * t.log_sums(f, g)[0], rtol=1e-9, atol=1e-9)


def test_tiny_blur_and_far_points():
    """Every pair underflows; the logarithm is that of the nearest point."""
    t = Potentials(30, 40, 2, "float32", blur=1e-4)
    zeros = np.zeros(30), np.zeros(40)
    for got, expected in zip(t.kernel.log_sums(*zeros), t.log_sums(*zeros), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_passes_are_counted():
    t = Potentials(50, 60, 2, "float64")
    f, g = np.zeros(50), np.zeros(60)
    t.kernel.log_sums(f, g)
    assert t.kernel.n_passes == 1
    t.kernel.log_row_sums(f, g)
    t.kernel.transport(f, g, np.ones((60, 1)))
    assert t.kernel.n_passes == 3
    itself = GibbsKernel(t.x, t.x, t.a, t.a, t.eps, np.zeros(2), "float64")
    itself.log_sums(f, f)
    assert itself.n_passes == 0.5


def test_redone_rows_count_by_their_share():
    t = Potentials(50, 60, 2, "float64")
    f = np.zeros(50)
    f[:5] = -1e6
    t.kernel.log_sums(f, np.zeros(60))
    assert t.kernel.n_passes == pytest.approx(1.1)
