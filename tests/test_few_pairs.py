"""Softmin and counts of heavy pairs without kernels, against dense arrays."""

import numpy as np
import pytest
from problems import cloud, weights

import sinkhorn_nb as snb
from sinkhorn_nb.backends.cpu.backend import CpuBackend
from sinkhorn_nb.terms import terms_of

KINDS = {
    "squares": (3, {"blur": 0.1}),
    "distances": (2, {"blur": 0.1, "p": 1}),
    "powers": (2, {"blur": 0.3, "p": 1.5}),
    "city blocks": (2, {"eps": 0.1, "cost": "cityblock"}),
    "arcs": (2, {"eps": 0.01, "cost": "haversine"}),
    "angles": (3, {"eps": 0.01, "cost": "cosine"}),
}
N, M, THETA = 150, 70, 1e-6


class Case:
    """Two clouds with their kernel, potentials of the size of the temperature, and all exponents."""

    def __init__(self, kind):
        d, given = KINDS[kind]
        terms = terms_of(**given)
        source = snb.Measure.of(cloud(N, d), weights(N))
        target = snb.Measure.of(cloud(M, d, shift=0.3), weights(M))
        x, y = source.partition, target.partition
        self.kernel = snb.Problem(source, target, *terms).kernel("float32", "cpu")
        self.a, self.b, self.eps = x.probabilities, y.probabilities, terms.eps
        self.f, self.g = self.eps * np.random.default_rng(0).normal(size=(2, N))
        self.g = self.g[:M]
        self.costs = terms.cost.block(x.points, y.points)

    def softmin(self, g):
        exponents = np.log(self.b) + (g - self.costs) / self.eps
        return -self.eps * np.logaddexp.reduce(exponents, axis=1)

    def heavy(self):
        p = np.exp((self.f[:, None] + self.g - self.costs) / self.eps)
        return p * np.maximum(self.a[:, None], self.b) > THETA


@pytest.fixture
def no_kernels(monkeypatch):
    for question in ("log_sum_exp", "heavy_pairs"):
        monkeypatch.setattr(CpuBackend, question, lambda *_: pytest.fail("a kernel is called"))


@pytest.mark.parametrize("kind", KINDS)
def test_softmin_is_that_of_dense_arrays(kind, no_kernels):
    case = Case(kind)
    expected = case.softmin(case.g)
    np.testing.assert_allclose(case.kernel.softmin(case.g), expected, atol=1e-12, rtol=1e-12)
    rows = np.arange(3, N, 20)
    np.testing.assert_allclose(case.kernel.softmin(case.g, rows), expected[rows], atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_heavy_pairs_are_counted_as_in_dense_arrays(kind, no_kernels):
    case = Case(kind)
    rows = np.arange(0, N, 3)
    count = case.heavy()[rows].sum()
    assert 0 < count < len(rows) * M
    assert case.kernel.count_heavy(case.f, case.g, rows, THETA, count) == count
    assert case.kernel.count_heavy(case.f, case.g, rows, THETA, count - 1) == np.inf


def test_potentials_of_any_size_leave_finite_numbers(no_kernels):
    case = Case("squares")
    g = case.g.copy()
    g[0] = -np.inf
    np.testing.assert_allclose(case.kernel.softmin(g), case.softmin(g), atol=1e-12)
    nothing = case.kernel.softmin(np.full(M, -np.inf))
    assert np.isfinite(nothing).all() and nothing.min() > 1e25


def test_passes_are_counted_as_those_of_kernels():
    case = Case("squares")
    case.kernel.softmin(case.g)
    case.kernel.count_heavy(case.f, case.g, np.arange(15), THETA, N * M)
    assert case.kernel.n_passes == pytest.approx(1.1)


@pytest.mark.parametrize("n", [601, 602])
def test_many_pairs_are_left_to_kernels(n, monkeypatch):
    """601 x 218 pairs in the plane are the most that NumPy takes."""
    asked = []
    monkeypatch.setattr(
        CpuBackend, "log_sum_exp", lambda self, x, *_: asked.append(x.n) or np.zeros(x.n)
    )
    clouds = (snb.Measure.of(cloud(size, 2), weights(size)) for size in (n, 218))
    snb.Problem(*clouds, 0.01).kernel("float64", "cpu").softmin(np.zeros(218))
    assert asked == ([602] if n == 602 else [])
