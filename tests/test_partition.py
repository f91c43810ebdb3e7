"""The order of a cloud is a permutation that does not depend on the caller's order; the laws of its
nodes.
"""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from problems import cloud, weights
from strategies import clouds, probabilities

from sinkhorn_nb.measures import partition
from sinkhorn_nb.measures.partition import Partition

SIZES = [1, 2, 3, 5, 31, 32, 33, 500]


def uniform(points):
    return Partition(points, np.full(len(points), 1 / len(points)))


def example(n=500, d=3, zeros=0):
    return Partition(cloud(n, d), weights(n, zeros=zeros))


def sizes(bounds):
    return np.diff(bounds)


def extents(partition, bounds):
    return np.array(
        [np.ptp(piece, axis=0).max() for piece in np.split(partition.points, bounds[1:-1])]
    )


def assert_cuts(partition, bounds):
    """Bounds of non-empty parts of the whole."""
    assert (bounds[0], bounds[-1]) == (0, len(partition))
    assert (sizes(bounds) > 0).all()


@st.composite
def measures(draw):
    """Up to 1000 points of a small grid, so that many coincide, some without mass, in 1 to 4
    dimensions.
    """
    n, d, grid = (
        draw(st.integers(1, 1000)),
        draw(st.integers(1, 4)),
        draw(st.sampled_from([1, 3, 1000])),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    a = rng.integers(draw(st.integers(0, 1)), 4, size=n) + 1e-3 * (np.arange(n) == 0)
    return rng.integers(-grid, grid + 1, size=(n, d)) / grid, a / a.sum()


def assert_same(one, other):
    np.testing.assert_array_equal(one.points.view(np.int64), other.points.view(np.int64))
    np.testing.assert_array_equal(one.probabilities, other.probabilities)


@given(measures(), st.integers(0, 2**32 - 1))
def test_any_permutation_has_the_same_order(measure, seed):
    points, a = measure
    partition, shuffle = Partition(points, a), np.random.default_rng(seed).permutation(len(a))
    assert_same(Partition(points[shuffle], a[shuffle]), partition)


@given(st.data(), st.sampled_from([1, 2, 3, 8]))
def test_any_permutation_of_a_small_cloud_has_the_same_order(data, d):
    points = data.draw(clouds(d))
    a, shuffle = (
        data.draw(probabilities(len(points))),
        data.draw(st.permutations(range(len(points)))),
    )
    assert_same(Partition(points[shuffle], a[shuffle]), Partition(points, a))


@given(measures())
def test_order_is_a_permutation(measure):
    points, a = measure
    partition = Partition(points, a)
    np.testing.assert_array_equal(np.sort(partition.order), np.arange(len(a)))
    np.testing.assert_array_equal(points[partition.order], partition.points)
    np.testing.assert_array_equal(a[partition.order], partition.probabilities)


def test_weights_decide_between_duplicates():
    points = np.repeat(cloud(40, 2), 5, axis=0)
    a, shuffle = weights(200), np.random.default_rng(0).permutation(200)
    assert_same(Partition(points[shuffle], a[shuffle]), Partition(points, a))


def test_negative_zero_is_zero():
    points = np.array([[0.0, 1.0], [-0.0, 0.0], [0.0, -0.0], [-0.0, 2.0]])
    a = np.array([0.1, 0.2, 0.3, 0.4])
    partition = Partition(points, a)
    assert not np.signbit(partition.points).any()
    assert_same(Partition(points + 0.0, a), partition)
    assert_same(Partition(points[::-1], a[::-1]), partition)


def test_float32_points_keep_their_values():
    assert_same(
        uniform(cloud(200, 3, "float32")), uniform(cloud(200, 3, "float32").astype("float64"))
    )


def test_points_given_are_left_alone():
    points = cloud(200, 3)
    before = points.copy()
    uniform(points)
    np.testing.assert_array_equal(points, before)


@pytest.mark.parametrize("n", [*SIZES, 1025])
@pytest.mark.parametrize("most", [2, 7, 512])
def test_tiles_are_balanced(n, most):
    partition = example(n)
    bounds = partition.tiles(most)
    assert_cuts(partition, bounds)
    assert sizes(bounds).max() <= most
    assert np.ptp(sizes(bounds)) <= 1
    assert len(bounds) == 2 or len(bounds) - 1 < 4 * n / most


@given(measures())
def test_levels_are_nested(measure):
    partition = Partition(*measure)
    levels = [partition.tiles(most) for most in (2, 5, 20, 80, 320)]
    for fine, coarse in pairwise(levels):
        assert_cuts(partition, fine)
        assert np.isin(coarse, fine).all()


def test_cuts_are_at_medians_of_the_widest_axis():
    """A long box is cut across twice before anything else, whatever its direction."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    along = rng.uniform(0, 10, size=(1000, 1))
    partition = uniform(along * axes[0] + rng.uniform(0, 1, size=(1000, 2)) @ axes[1:])
    positions = np.split(partition.points @ axes[0], partition.tiles(250)[1:-1])
    ranges = sorted((t.min(), t.max()) for t in positions)
    assert all(before[1] < after[0] + 0.3 for before, after in pairwise(ranges))


@pytest.mark.parametrize("d", [1, 2, 50, 1000])
def test_tiles_do_not_overlap_along_a_line(d):
    rng = np.random.default_rng(d)
    n, direction = min(3000, 10**6 // d), rng.normal(size=d)
    partition = uniform(rng.uniform(size=(n, 1)) * direction + rng.normal(size=d))
    positions = np.split(partition.points @ direction, partition.tiles(100)[1:-1])
    ends = np.array(sorted((t.min(), t.max()) for t in positions)) / (direction @ direction)
    assert (ends[1:, 0] >= ends[:-1, 1] - 1e-12).all()


def test_more_dimensions_than_points():
    partition = example(20, 1000)
    np.testing.assert_array_equal(np.sort(partition.order), np.arange(20))
    assert_cuts(partition, partition.clusters(5))


@given(measures(), st.integers(1, 1200))
def test_clusters_are_at_most_so_many(measure, count):
    partition = Partition(*measure)
    bounds = partition.clusters(count)
    assert_cuts(partition, bounds)
    assert len(bounds) - 1 <= count


@given(measures(), st.integers(64, 500))
def test_no_cluster_holds_a_large_part(measure, count):
    partition = Partition(*measure)
    assert sizes(partition.clusters(count)).max() <= max(1, len(partition) // 32)


@pytest.mark.parametrize("count", [1, 2, 63, 64, 100, 400])
def test_clusters_are_as_many_as_asked_for(count):
    assert len(example().clusters(count)) == count + 1


@pytest.mark.parametrize(("width", "heaviness"), [(1, 9), (3, 1)])
def test_clusters_are_where_mass_and_variance_are(width, heaviness):
    """If two squares have equal numbers of points, the heavy or wide square is cut finer."""
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.random((1000, 2)), 10 + width * rng.random((1000, 2))])
    partition = Partition(points, np.repeat([1, heaviness], 1000) / (1000 + 1000 * heaviness))
    second = partition.points[partition.clusters(200)[:-1], 0] > 5
    assert second.sum() > 2 * (~second).sum()


@given(measures(), st.integers(1, 1200))
def test_cells_are_at_most_so_many(measure, count):
    partition = Partition(*measure)
    bounds = partition.cells(count, 0.0)
    assert_cuts(partition, bounds)
    assert len(bounds) - 1 <= count


@given(measures(), st.sampled_from([0.05, 0.2, 0.5]))
def test_cells_are_split_down_to_the_resolution(measure, resolution):
    partition = Partition(*measure)

    def is_coarse(start, stop):
        found = deviation(partition, start, stop)
        assume(abs(found - resolution) > 1e-6)
        return found > resolution

    expected = sorted(cut for _, _, cut in nodes(len(partition), is_coarse))
    np.testing.assert_array_equal(partition.cells(len(partition), resolution)[1:-1], expected)


def deviation(partition, start, stop):
    """Root of the weighted variance of a node, zero without mass."""
    a, x = partition.probabilities[start:stop, None], partition.points[start:stop]
    return (
        np.sqrt((a * (x - (a * x).sum(axis=0) / a.sum()) ** 2).sum() / a.sum()) if a.any() else 0.0
    )


def nodes(n, chosen):
    """(start, stop, cut) of the chosen nodes of the tree whose parents are chosen too."""

    def below(start, stop, level, q):
        cut = ((2 * q + 1) * n) >> (level + 1)
        if stop - start > 1 and chosen(start, stop):
            yield start, stop, cut
            yield from below(start, cut, level + 1, 2 * q)
            yield from below(cut, stop, level + 1, 2 * q + 1)

    return below(0, n, 0, 0)


@given(measures(), st.integers(1, 300))
def test_no_node_is_cut_before_its_parent(measure, count):
    partition = Partition(*measure)
    for bounds in (partition.clusters(count), partition.cells(count, 0.0)):
        inner = bounds[1:-1]
        cuts = [
            cut
            for *_, cut in nodes(
                len(partition), lambda i, j, inner=inner: ((i < inner) & (inner < j)).any()
            )
        ]
        np.testing.assert_array_equal(np.sort(cuts), inner)


def test_cells_of_heavy_tails_have_equal_extents():
    """The tail keeps cells of its own, though it holds few points."""
    points = np.random.default_rng(0).lognormal(sigma=1.5, size=(4000, 1))
    partition = uniform(points)
    cells, balanced = partition.cells(256, 0.0), partition.tiles(16)
    assert len(cells) == len(balanced) == 257
    wide = extents(partition, cells)
    assert wide.max() < extents(partition, balanced).max() / 3
    assert sizes(cells).min() == 1
    tail = np.flatnonzero(partition.points[:, 0] > np.quantile(points, 0.999))
    assert np.isin(tail, cells).all()


@given(measures(), st.integers(1, 300))
def test_centroids_are_weighted_means(measure, count):
    partition = Partition(*measure)
    bounds = partition.cells(count, 0.0)
    centroids, masses = partition.centroids(bounds)
    assert masses.sum() == pytest.approx(1, rel=1e-12)
    for c, mass, start, stop in zip(centroids, masses, bounds[:-1], bounds[1:], strict=True):
        a = partition.probabilities[start:stop]
        assert mass == pytest.approx(a.sum(), rel=1e-12)
        expected = np.average(partition.points[start:stop], axis=0, weights=a if a.any() else None)
        np.testing.assert_allclose(c, expected, rtol=0, atol=1e-12)


def test_cell_without_mass_has_its_plain_mean():
    points = np.array([[0.0], [1.0], [10.0], [11.0]])
    partition = Partition(points, np.array([0.0, 0.0, 0.25, 0.75]))
    centroids, masses = partition.centroids(np.array([0, 2, 4]))
    order = np.argsort(centroids[:, 0])
    np.testing.assert_allclose(centroids[order, 0], [0.5, 10.75])
    np.testing.assert_allclose(masses[order], [0, 1])


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("point", [0.0, 0.1, -1e8])
def test_all_points_equal(n, point):
    partition = uniform(np.full((n, 2), point))
    np.testing.assert_array_equal(np.sort(partition.order), np.arange(n))
    assert len(partition.cells(n, 1e-6 * abs(point))) == 2
    assert_cuts(partition, partition.clusters(100))
    assert_cuts(partition, partition.tiles(4))
    np.testing.assert_allclose(
        partition.centroids(np.array([0, n]))[0], [[point, point]], rtol=1e-15
    )


def test_one_point():
    partition = Partition(np.array([[1.0, 2.0]]), np.ones(1))
    for bounds in (partition.tiles(512), partition.clusters(100), partition.cells(100, 0.1)):
        np.testing.assert_array_equal(bounds, [0, 1])
    centroids, masses = partition.centroids(np.array([0, 1]))
    np.testing.assert_array_equal(centroids, [[1, 2]])
    np.testing.assert_array_equal(masses, [1])


def test_points_without_mass_are_ordered_and_cost_no_cells():
    partition = example(500, 3, zeros=300)
    masses = partition.centroids(partition.cells(100, 0.0))[1]
    assert_cuts(partition, partition.cells(100, 0.0))
    assert (masses > 0).mean() > 0.9


@pytest.mark.parametrize(("n", "d", "rank"), [(30, 100, 30), (30, 31, 5), (2, 50, 1), (40, 39, 39)])
def test_few_points_in_many_dimensions(n, d, rank):
    """The axes of fewer points than dimensions, by their inner products, are those of the
    covariance.
    """
    rng = np.random.default_rng([n, d])
    points = (
        rng.normal(size=(n, rank))
        * np.arange(rank, 0, -1)
        @ np.linalg.qr(rng.normal(size=(d, rank)))[0].T
    )
    points -= points.mean(axis=0)
    axes = partition._leading_axes(points)
    _, vectors = np.linalg.eigh(points.T @ points)
    lengths = (axes**2).sum(axis=0)
    for k in range(min(rank, n - 1, 16)):
        assert lengths[k] == pytest.approx(1)
        assert abs(axes[:, k] @ vectors[:, -1 - k]) == pytest.approx(1, abs=1e-6)
    if n < d:
        np.testing.assert_allclose(lengths[min(rank, n - 1) :], 0, atol=1e-12)
