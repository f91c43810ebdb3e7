"""The kernels against dense NumPy: every dimension, precision and size at which the code path
changes.
"""

from itertools import pairwise

import numpy as np
import pytest
from pairs import (
    CHECKS,
    RTOL,
    Pairs,
    check_clusters_between,
    check_self_sums,
    check_sums,
    far,
    spread,
)
from problems import cloud, weights
from scipy.special import logsumexp

from sinkhorn_nb.backends.cpu.backend import panels
from sinkhorn_nb.kernels.point_cloud import GibbsKernel
from sinkhorn_nb.measures.partition import Partition

EDGES = [
    (1, 1),
    (1, 513),
    (15, 17),
    (16, 16),
    (17, 1),
    (127, 511),
    (128, 512),
    (129, 513),
    (512, 128),
    (1100, 129),
]
# Each pair of a precision and a dimension up to 6 is compiled on its own; all dimensions from 7 on
# are one.
KINDS = [("float64", 2), ("float64", 7), ("float64", 30), ("float32", 2), ("float32", 784)]
ONLY_SUMS = [("float64", 1), ("float64", 6)]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("dtype", "d"), KINDS)
def test_dimensions(check, dtype, d):
    check(Pairs.near(150, 530, d, dtype))


@pytest.mark.parametrize(("dtype", "d"), ONLY_SUMS)
def test_sums_in_the_other_dimensions(dtype, d):
    check_sums(Pairs.near(150, 530, d, dtype))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("d", [2, 30])
@pytest.mark.parametrize(("n", "m"), EDGES)
def test_sizes_around_the_edges_of_tiles(check, d, n, m):
    check(Pairs.near(n, m, d, "float64"))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("dtype", RTOL)
def test_several_panels(check, dtype):
    check(Pairs.near(1601, 1499, 2, dtype))


@pytest.mark.parametrize("check", [check for check in CHECKS if check is not check_self_sums])
@pytest.mark.parametrize(
    ("dtype", "d"), [("float64", 2), ("float64", 30), ("float32", 2), ("float32", 30)]
)
def test_tiles_far_apart(check, dtype, d):
    """Exponents of size one are differences of thousands: the tiles' centers take care of them."""
    x = far([0, 512, 513, 530, 900], d, dtype, 0, axis=0)
    y = far([0, 1, 200, 201, 217], d, dtype, 1, axis=1)
    check(Pairs(x, y, 2 * RTOL[dtype]))


@pytest.mark.parametrize(
    ("dtype", "d"), [("float64", 2), ("float64", 30), ("float32", 2), ("float32", 30)]
)
def test_self_sums_of_tiles_far_apart(dtype, d):
    check_self_sums(Pairs(*2 * [spread(d, dtype)], 2 * RTOL[dtype]))


@pytest.mark.parametrize(
    "bounds", [[0, 900], [0, 1, 4, 204, 900], [0, 300, 600, 899, 900], np.arange(901)]
)
def test_clusters_cross_tiles(bounds):
    check_clusters_between(np.array(bounds), Pairs.near(900, 40, 2, "float64"))


def test_clusters_of_several_panels():
    check_clusters_between(
        np.array([0, 3, 900, 901, 1100, 1600, 1601]), Pairs.near(1601, 1499, 2, "float64")
    )


def test_no_group_is_shared_by_panels():
    """Each panel adds to column sums of its own."""
    starts = np.array([0, 1, 2, 40, 300, 301, 900])
    found = [bounds for _, bounds in panels(np.full(1000, 1e6), starts)]
    assert len(found) > 2
    assert found[0][0] == 0 and found[-1][1] == 1000
    assert all(stop == start for (_, stop), (start, _) in pairwise(found))
    assert np.isin([start for start, _ in found], starts).all()


@pytest.mark.parametrize("d", [2, 30])
def test_zero_weights_give_zero_sums(d):
    t = Pairs.near(40, 50, d, "float64")
    rows, columns = t.backend.sums(t.X, t.F, np.zeros(40), t.Y, t.G, t.b)
    np.testing.assert_array_equal(columns, 0)
    t.compare(rows, t.p @ t.b)


class Potentials:
    """A Gibbs kernel and its marginals' logarithms, dense, in the log domain; all in the
    partitions' order.
    """

    def __init__(self, n, m, d, dtype, blur=0.5, zeros=0):
        self.X, self.Y = (
            Partition(cloud(n, d), weights(n, zeros=zeros)),
            Partition(cloud(m, d, shift=0.5), weights(m)),
        )
        self.eps = blur**2
        self.kernel = GibbsKernel(self.X, self.Y, self.eps, dtype)
        self.C = ((self.X.points[:, None] - self.Y.points) ** 2).sum(axis=2) / 2

    def log_plan(self, f, g):
        with np.errstate(divide="ignore"):
            log_a, log_b = np.log(self.X.probabilities), np.log(self.Y.probabilities)
        return (f[:, None] + g - self.C) / self.eps, log_a, log_b

    def log_sums(self, f, g):
        exponents, log_a, log_b = self.log_plan(f, g)
        return logsumexp(exponents + log_b, axis=1), logsumexp(exponents.T + log_a, axis=1)


def random_potentials(t):
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, len(t.X)), rng.uniform(-1, 1, len(t.Y))


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
    f, g = random_potentials(t)
    f, atol = OFFSETS[offset](f), 1e-4 if dtype == "float32" else 1e-9
    expected = t.log_sums(f, g)
    got = t.kernel.log_sums(f, g)
    of_clusters = t.kernel.cluster_sums(f, g, np.array([0, 3, 4, 140]))
    for k in range(2):
        np.testing.assert_allclose(got[k], expected[k], rtol=1e-9, atol=atol)
        np.testing.assert_allclose(of_clusters[k], expected[k], rtol=1e-9, atol=atol)
    np.testing.assert_allclose(t.kernel.log_row_sums(f, g), expected[0], rtol=1e-9, atol=atol)
    np.testing.assert_allclose(t.kernel.softmin(g), f - t.eps * expected[0], rtol=1e-9, atol=atol)


@pytest.mark.parametrize("offset", ["all high", "all low", "one high"])
def test_no_cluster_sums_where_columns_were_redone(offset):
    t = Potentials(140, 60, 2, "float64")
    f, g = random_potentials(t)
    assert t.kernel.cluster_sums(f, g, np.array([0, 3, 140]))[2] is not None
    assert t.kernel.cluster_sums(OFFSETS[offset](f), g, np.array([0, 3, 140]))[2] is None


def test_cluster_sums_hold_where_only_rows_were_redone():
    t = Potentials(140, 60, 2, "float64")
    f, g = random_potentials(t)
    f[3] -= 1e6
    bounds = np.array([0, 3, 140])
    exponents, log_a, _ = t.log_plan(f, g)
    terms = np.exp(exponents + log_a[:, None])
    np.testing.assert_allclose(
        t.kernel.cluster_sums(f, g, bounds)[2], [terms[:3].sum(axis=0), terms[3:].sum(axis=0)]
    )


def test_points_without_mass():
    t = Potentials(140, 60, 2, "float64", zeros=100)
    f, g = random_potentials(t)
    for got, expected in zip(t.kernel.log_sums(f, g), t.log_sums(f, g), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-12)
    np.testing.assert_allclose(t.kernel.T.softmin(f), g - t.eps * t.log_sums(f, g)[1], atol=1e-12)


@pytest.mark.parametrize(("dtype", "accuracy"), [("float32", 2e-6), ("float64", 1e-14)])
def test_tiny_blur_and_far_points(dtype, accuracy):
    """Every pair underflows; the logarithm is that of the nearest point, as exact as the longest
    squares of a tile.
    """
    t = Potentials(30, 40, 2, dtype, blur=1e-4)
    zeros = np.zeros(30), np.zeros(40)
    for got, expected in zip(t.kernel.log_sums(*zeros), t.log_sums(*zeros), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=accuracy * t.C.max() / t.eps)


def test_softmin_of_some_rows():
    t = Potentials(1100, 60, 2, "float64")
    g, rows = random_potentials(t)[1], np.array([0, 5, 6, 300, 800, 1099])
    np.testing.assert_allclose(t.kernel.softmin(g, rows), t.kernel.softmin(g)[rows], atol=1e-12)


def test_barycenters():
    t = Potentials(40, 60, 2, "float64")
    f, g = random_potentials(t)
    exponents, _, log_b = t.log_plan(f, g)
    plan = np.exp(exponents + log_b)
    expected = plan @ t.Y.points / plan.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(t.kernel.barycenters(f, g), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("dtype", "size", "atol"), [("float64", 1000.0, 1e-12), ("float32", 500.0, 1e-6)]
)
def test_barycenters_do_not_depend_on_the_potential_of_their_own_point(dtype, size, atol):
    """Rows that are off by hundreds of eps are clipped at one power of 2 in all columns: they are
    redone.
    """
    t = Potentials(40, 60, 2, dtype)
    f, g = random_potentials(t)
    exponents, _, log_b = t.log_plan(f, g)
    plan = np.exp(exponents + log_b)
    expected = plan @ t.Y.points / plan.sum(axis=1, keepdims=True)
    off = size * t.eps * np.resize([1.0, -1.0, 0.0], 40)
    np.testing.assert_allclose(t.kernel.barycenters(f + off, g), expected, atol=atol)


def test_sort_and_restore_are_inverse():
    rng = np.random.default_rng(0)
    partition, values = Partition(cloud(1000, 3), weights(1000)), rng.normal(size=(1000, 2))
    np.testing.assert_array_equal(partition.restore(partition.sort(values)), values)
    np.testing.assert_array_equal(partition.sort(partition.restore(values)), values)
    np.testing.assert_array_equal(partition.sort(cloud(1000, 3)), partition.points)
    np.testing.assert_array_equal(partition.sort(weights(1000)), partition.probabilities)


def test_passes_are_counted():
    t = Potentials(50, 60, 2, "float64")
    f, g = np.zeros(50), np.zeros(60)
    t.kernel.log_sums(f, g)
    assert t.kernel.n_passes == 1
    t.kernel.log_row_sums(f, g)
    t.kernel.transport(f, g, np.ones((60, 1)))
    assert t.kernel.n_passes == 3
    t.kernel.softmin(g)
    t.kernel.cluster_sums(f, g, np.array([0, 20, 50]))
    assert t.kernel.n_passes == 5
    t.kernel.T.softmin(f, np.arange(6))
    assert t.kernel.n_passes == pytest.approx(5.1)


def test_self_pass_counts_half():
    t = Potentials(50, 60, 2, "float64")
    itself, f = GibbsKernel(t.X, t.X, t.eps, "float64"), np.zeros(50)
    rows, columns = itself.log_sums(f, f)
    assert rows is columns
    assert itself.n_passes == 0.5
    np.testing.assert_allclose(rows, itself.log_sums(f, f.copy())[0], rtol=0, atol=1e-12)
    assert itself.n_passes == 1.5


def test_redone_rows_count_by_their_share():
    t = Potentials(50, 60, 2, "float64")
    f = np.zeros(50)
    f[:5] = -1e6
    t.kernel.log_sums(f, np.zeros(60))
    assert t.kernel.n_passes == pytest.approx(1.1)


class Square:
    """Clouds in the unit square at a blur of a hundredth of it, and potentials after some annealed
    iterations.
    """

    def __init__(self, n=3000, blur=0.014):
        rng = np.random.default_rng(0)
        self.x, self.y = (np.round(2**20 * rng.random((n, 2))) / 2**20 for _ in "xy")
        self.a, self.blur = weights(n), blur
        self.f, self.g = np.zeros(n), np.zeros(n)
        for scale in [64, 32, 16, 8, 4, 2, *10 * [1]]:
            log_rows, log_columns = self.log_sums("float64", scale)
            self.f -= (scale * blur) ** 2 * log_rows
            self.g -= (scale * blur) ** 2 * log_columns / 2

    def log_sums(self, dtype, scale=1, offset=0.0):
        X, Y = (Partition(points + offset, self.a) for points in (self.x, self.y))
        kernel = GibbsKernel(X, Y, (scale * self.blur) ** 2, dtype)
        rows, columns = kernel.log_sums(X.sort(self.f), Y.sort(self.g))
        return X.restore(rows), Y.restore(columns)


@pytest.fixture(scope="module")
def square():
    return Square()


def assert_close(got, expected, atol):
    for g, e in zip(got, expected, strict=True):
        np.testing.assert_allclose(g, e, rtol=0, atol=atol)


def test_precision_of_float32(square):
    assert_close(square.log_sums("float32"), square.log_sums("float64"), atol=1e-4)


@pytest.mark.parametrize(("dtype", "atol"), [("float32", 2e-5), ("float64", 5e-9)])
def test_position_changes_nothing(square, dtype, atol):
    """Moved by a million blurs, exactly."""
    assert_close(square.log_sums(dtype, offset=2.0**14), square.log_sums(dtype), atol)
