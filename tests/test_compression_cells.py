"""Cells, nodes, expansions and samples of compressed measures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn
from sinkhorn_nb.backends.cpu import threads
from sinkhorn_nb.backends.cpu.compressed_moments import (
    moments_by_cell,
    moments_of_cells,
    owners_in,
    points_in,
)
from sinkhorn_nb.backends.cpu.compressed_sums import UNIT, bounding_box, weighted_mean
from sinkhorn_nb.backends.cpu.compressed_taylor import drawn_points
from sinkhorn_nb.compression.cells import SPLIT, Grid, cut_cells, grid_cells, joined
from sinkhorn_nb.compression.check import Sample, drawn_rows
from sinkhorn_nb.compression.choice import compressed_solution
from sinkhorn_nb.compression.cuts import MOST, cut, missed
from sinkhorn_nb.compression.expansion import Parts, expand
from sinkhorn_nb.compression.halves import WILD, Difference
from sinkhorn_nb.compression.nodes import nodes_of
from sinkhorn_nb.compression.places import Places
from sinkhorn_nb.compression.potentials import Potential, extended
from sinkhorn_nb.measures.measure import Measure
from sinkhorn_nb.problem import Problem

dimensions = st.integers(1, 4)


def measure_of(seed, n, d, has_zeros=False):
    rng = np.random.default_rng(seed)
    weights = rng.random(n)
    weights[: n // 3 if has_zeros else 0] = 0
    return Measure.of(rng.normal(size=(n, d)), weights)


def grid_of(measure, side=0.7):
    return Grid(measure.points.min(axis=0) - 0.3, side)


@given(seed=st.integers(0, 1000), d=dimensions, has_zeros=st.booleans())
def test_cells_have_the_moments_of_their_points(seed, d, has_zeros):
    measure = measure_of(seed, 200, d, has_zeros)
    cells = grid_cells(measure, grid_of(measure))
    a, x = measure.probabilities, measure.points
    for c in range(len(cells)):
        rows = np.flatnonzero(cells.owner == c)
        assert np.all((x[rows] >= cells.corners[c]) & (x[rows] <= cells.corners[c] + 0.7))
        assert cells.counts[c] == np.count_nonzero(a[rows])
        assert cells.masses[c] == pytest.approx(a[rows].sum(), abs=1e-14)
        if cells.masses[c] > 0:
            rounding = 1e-14 + 20 * len(rows) / (cells.masses[c] * UNIT)  # of integers
            mean = np.average(x[rows], axis=0, weights=a[rows])
            np.testing.assert_allclose(cells.means[c], mean, atol=rounding)
            z = (x[rows] - mean) / 0.7
            covariance = np.einsum("i,ij,ik->jk", a[rows] / a[rows].sum(), z, z)
            np.testing.assert_allclose(cells.second[c], covariance, atol=rounding)


@given(seed=st.integers(0, 1000), d=dimensions)
def test_moments_have_the_same_bits_in_any_order_and_on_any_number_of_threads(seed, d):
    measure = measure_of(seed, 3000, d)
    points, weights, grid = measure.points, measure.probabilities, grid_of(measure)
    order = np.random.default_rng(seed).permutation(len(points))
    keys, moments, owner = moments_by_cell(points, weights, *grid)
    with threads.at_most(1):
        others = moments_by_cell(points[order], weights[order], *grid)
    np.testing.assert_array_equal(keys, others[0])
    np.testing.assert_array_equal(moments, others[1])
    np.testing.assert_array_equal(owner[order], others[2])


def test_moments_of_chunks_add_up_to_those_of_all_points():
    measure = measure_of(0, 5000, 3)
    points, weights, grid = measure.points, measure.probabilities, grid_of(measure)
    keys, moments, _ = moments_by_cell(points, weights, *grid)
    total = np.zeros_like(moments)
    for part in np.array_split(np.arange(len(points)), 7):
        own, sums = moments_of_cells(points[part], weights[part], *grid)
        total[np.searchsorted(keys, own)] += sums
    np.testing.assert_array_equal(total, moments)


def test_a_table_grows_beyond_its_first_room():
    points = np.random.default_rng(0).random((40_000, 2))
    keys, moments, owner = moments_by_cell(points, np.full(40_000, 1 / 40_000), np.zeros(2), 5e-3)
    assert len(keys) > 20_000
    assert moments[:, 0].sum() == 40_000
    assert moments[:, 1].sum() == pytest.approx(UNIT, rel=1e-12)
    np.testing.assert_array_equal(np.bincount(owner), moments[:, 0])


@given(seed=st.integers(0, 1000), d=dimensions)
def test_parts_join_to_the_moments_of_the_whole(seed, d):
    measure = measure_of(seed, 500, d)
    grid = grid_of(measure)
    cells = grid_cells(measure, grid)
    fine = cut_cells(measure, grid, cells, np.full((len(cells), d), float(SPLIT)))
    wide, parent = joined(fine)
    np.testing.assert_array_equal(wide.owner, cells.owner)
    np.testing.assert_array_equal(parent[fine.owner], cells.owner)
    np.testing.assert_array_equal(wide.counts, cells.counts)
    np.testing.assert_allclose(wide.means, cells.means, atol=1e-12)
    # Each point is rounded to a unit of the sums, which light cells divide by their mass
    rounding = 1e-14 + 20 * cells.counts / (np.maximum(cells.masses, 1e-300) * UNIT)
    assert np.all(np.abs(wide.second - cells.second).max(axis=(1, 2)) <= rounding)


@given(seed=st.integers(0, 1000), d=dimensions)
def test_new_points_are_found_in_the_cells_that_have_points(seed, d):
    measure = measure_of(seed, 300, d)
    grid = grid_of(measure)
    cells = grid_cells(measure, grid)
    parts = np.random.default_rng(seed).integers(1, 4, size=(len(cells), d)).astype(float)
    fine = cut_cells(measure, grid, cells, parts)
    places = Places(grid, cells.keys, parts)
    np.testing.assert_array_equal(places.cells_of(measure.points, fine), fine.owner)
    assert places.cells_of(measure.points + 1e3, fine).tolist() == [-1] * 300
    assert places.cells_of(measure.points - 1e3, fine).tolist() == [-1] * 300
    if d > 1:  # a coordinate beyond its bits of the key would count for the one before
        beyond = 0.7 * 2.0 ** (63 // d) * (np.arange(d) == d - 1)
        assert places.cells_of(measure.points + beyond, fine).tolist() == [-1] * 300
    nearby = measure.points + 0.2
    found = places.cells_of(nearby, fine)
    some, own = nearby[found >= 0], found[found >= 0]
    assert 0 < len(some) and np.all(some >= fine.corners[own] - 1e-12)
    assert np.all(some <= fine.corners[own] + fine.sides[own] + 1e-12)


@given(seed=st.integers(0, 1000), d=dimensions, has_zeros=st.booleans())
def test_nodes_have_the_mass_mean_and_covariance_of_the_cells(seed, d, has_zeros):
    measure = measure_of(seed, 400, d, has_zeros)
    cells = grid_cells(measure, grid_of(measure, 2.0))
    nodes = nodes_of(cells, measure)
    assert nodes.weights.sum() == pytest.approx(1.0)
    assert np.all(nodes.weights > 0)
    for c in np.flatnonzero(cells.masses > 0):
        own = nodes.cell == c
        assert nodes.weights[own].sum() == pytest.approx(cells.masses[c])
        mean = np.average(nodes.points[own], axis=0, weights=nodes.weights[own])
        np.testing.assert_allclose(mean, cells.means[c], atol=1e-9)
        z = (nodes.points[own] - mean) / 2.0
        covariance = np.einsum("i,ij,ik->jk", nodes.weights[own] / nodes.weights[own].sum(), z, z)
        np.testing.assert_allclose(covariance, cells.second[c], atol=0.05**2 + 1e-9)


def test_repeated_points_that_are_kept_are_one_node():
    points = np.array([[0.1, 0.2], [0.1, 0.2], [0.9, 0.3], [0.4, 0.8]])
    measure = Measure.of(points, [1.0, 2.0, 3.0, 4.0])
    nodes = nodes_of(grid_cells(measure, Grid(np.zeros(2), 1.0)), measure)
    order = np.argsort(nodes.points[:, 0])
    np.testing.assert_array_equal(nodes.points[order], points[[0, 3, 2]])
    np.testing.assert_allclose(nodes.weights[order], [0.3, 0.4, 0.3])


@pytest.mark.parametrize("d", [1, 2, 3, 4, 7])
def test_expansions_are_the_derivatives_of_the_softmin(d):
    """At the means the potential and the map; nearby up to the fourth order."""
    rng = np.random.default_rng(d)
    x, y = Measure.of(rng.random((600, d))), Measure.of(rng.random((500, d)) ** 2)
    eps = 0.3**2
    grid = Grid(np.full(d, -0.1), 0.3)
    cells = grid_cells(x, grid)
    halves = np.full((len(cells), d), 2.0)
    fine = cut_cells(x, grid, cells, halves)
    wide, parent = joined(fine)
    nodes = nodes_of(wide, x)
    parts = Parts(fine, nodes, parent, nodes, Places(grid, cells.keys, halves))
    solution = Sinkhorn(tol=1e-5).attempt(Problem(nodes.measure, y, eps))
    here, there = Potential(solution), Potential(solution.T)
    expansion = expand(parts, here.at_nodes, there)

    exact = extended(fine.means, there)
    np.testing.assert_allclose(expansion.f, exact.f, atol=1e-5 * eps)
    np.testing.assert_allclose(expansion.map, exact.map, atol=1e-5)
    errors = []
    for step in (0.1, 0.05):
        points = fine.means + step * 0.3 * rng.normal(size=fine.means.shape) / np.sqrt(d)
        nearby, _ = expansion.at(points, np.arange(len(points)), fine.means, 1.0)
        errors.append(np.abs(nearby.f - extended(points, there).f).max())
    assert errors[0] <= 1e-3 * eps
    assert errors[1] <= max(errors[0] / 5, 2e-6 * eps)


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_drawn_by_mass_and_stand_for_all(seed):
    measure = measure_of(seed, 5000, 2)
    cells = grid_cells(measure, grid_of(measure))
    rows = drawn_rows(measure, cells, cells.means + 1.0, np.ones(len(cells)))
    assert rows.shares.sum() == pytest.approx(1.0)
    for k in range(2):
        exact = measure.probabilities @ measure.points[:, k]
        assert rows.shares @ rows.points[:, k] == pytest.approx(exact, abs=0.15)
    order = np.random.default_rng(seed).permutation(len(measure))
    again = Measure.of(measure.points[order], measure.weights[order])
    others = drawn_rows(
        again, grid_cells(again, grid_of(again)), cells.means + 1.0, np.ones(len(cells))
    )
    np.testing.assert_array_equal(np.sort(rows.points, axis=0), np.sort(others.points, axis=0))


def test_the_same_points_are_drawn_on_any_number_of_threads():
    measure = measure_of(0, 3000, 2)
    owner = np.random.default_rng(0).integers(5, size=3000).astype(np.int32)
    pointers = np.array([0, 40, 40, 70, 90, 90])
    drawn = drawn_points(measure.points, measure.probabilities, owner, pointers, 90)
    with threads.at_most(1):
        alone = drawn_points(measure.points, measure.probabilities, owner, pointers, 90)
    for mine, theirs in zip(drawn, alone, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert owner[drawn[0]].tolist() == [0] * 40 + [2] * 30 + [3] * 20
    heaviest = measure.probabilities[np.isin(owner, [0, 2, 3])].sum()
    assert drawn[1].sum() / UNIT == pytest.approx(heaviest)


@given(seed=st.integers(0, 1000), n=st.integers(1, 500), d=dimensions)
def test_boxes_and_lists_of_points_are_those_of_numpy(seed, n, d):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, d))
    np.testing.assert_array_equal(bounding_box(points), [points.min(axis=0), points.max(axis=0)])

    owner = rng.integers(7, size=n).astype(np.int32)
    parents = rng.integers(3, size=7)
    are_some = rng.random(7) < 0.3
    np.testing.assert_array_equal(owners_in(parents, owner), parents[owner])
    np.testing.assert_array_equal(points_in(are_some, owner), np.flatnonzero(are_some[owner]))


def test_a_far_outlier_is_always_drawn():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.random((50_000, 2)), [[90.0, 50.0]]])
    measure = Measure.of(points)
    cells = grid_cells(measure, Grid(np.full(2, -0.1), 0.1))
    images = np.clip(cells.means + 0.1, 0, 1)
    rows = drawn_rows(measure, cells, images, np.ones(len(cells)))
    assert np.any(rows.points[:, 0] == 90.0)
    assert rows.shares[rows.points[:, 0] == 90.0].sum() == pytest.approx(2e-5, rel=0.2)


@given(seed=st.integers(0, 1000), scale=st.sampled_from([1e-200, 1.0, 1e200]))
def test_sums_over_points_have_the_same_bits_in_any_order(seed, scale):
    measure = measure_of(seed, 1000, 1)
    values = scale * np.random.default_rng(seed).normal(size=1000)
    order = np.random.default_rng(seed + 1).permutation(1000)
    shuffled = Measure(measure.points[order], measure.weights[order])
    mean = weighted_mean(values, measure.probabilities)
    assert mean == weighted_mean(values[order], shuffled.probabilities)
    assert mean == pytest.approx(measure.probabilities @ values, abs=1e-14 * scale)
    assert weighted_mean(np.zeros(1000), measure.probabilities) == 0.0
    assert np.isnan(weighted_mean(np.full(1000, np.nan), measure.probabilities))


def test_rows_without_mass_have_potentials_and_maps():
    rng = np.random.default_rng(0)
    x, y = np.concatenate([rng.random((2000, 2)), [[0.5, 4.0]]]), rng.random((2000, 2)) ** 2
    a = np.append(np.full(2000, 1 / 2000), 0.0)
    solution = snb.entropic_ot(x, y, a, blur=0.2, solver=Sinkhorn(compression=1.0, tol=5e-3))
    assert solution.f[-1] == pytest.approx(solution.potential(x[-1:])[0], rel=1e-5)
    np.testing.assert_allclose(solution.map()[-1], solution.map(x[-1:])[0], atol=1e-3)
    assert solution.gradient().x[-1].tolist() == [0.0, 0.0]


def test_points_where_the_map_jumps_take_a_softmin_over_the_nodes():
    rng = np.random.default_rng(0)
    x, sides = Measure.of(rng.uniform(-1, 1, size=(30_000, 1))), np.repeat([-10.0, 10.0], 15_000)
    y = Measure.of((sides + 0.1 * rng.normal(size=30_000))[:, None])
    solver = Sinkhorn(compression=1.0, tol=5e-3)
    found, _ = compressed_solution(Problem(x, y, 0.3**2), solver)
    half = found.found.halves[0]
    exact = extended(x.points, half.there)
    smooth, mended = (np.abs(own.map - exact.map).max() for own in (half.smooth, half.mended))
    assert mended <= WILD * 0.3 < 0.1 < smooth
    with_own = Difference(half, half)
    assert np.abs(with_own.mended.map).max() == 0.0


def test_jumps_between_the_nodes_of_cells_are_seen_from_the_nodes_of_their_parts():
    """The map jumps at a node of the half cells, and between the nodes of the whole cell."""
    jump = -0.5 - 0.5 / np.sqrt(3)
    x = Measure.of(np.linspace(-1, 1, 4000)[:, None])
    y = Measure.of(np.where(x.points < jump, -10.0, 10.0) + 0.1 * x.points)
    there = Potential(Sinkhorn(tol=1e-3, compression=None).attempt(Problem(x, y, 0.3**2)).T)
    grid = Grid(np.full(1, -1.0), 2.001)
    cells = grid_cells(x, grid)
    whole, halves = (cut(x, grid, cells, np.full((1, 1), parts)) for parts in (1.0, 2.0))
    assert missed(whole, nodes_of(whole.parts, x), there, MOST).tolist() == [[1.0]]
    assert missed(halves, nodes_of(halves.parts, x), there, MOST).tolist() == [[MOST]]
    assert missed(halves, nodes_of(halves.parts, x), there, 5.0).tolist() == [[2.0]]  # hardly more


def test_stated_errors_lie_three_standard_errors_above_the_mean_of_the_rows():
    rng = np.random.default_rng(0)
    residuals, shares = 0.1 * rng.normal(size=100), np.full(100, 0.01)
    sample = Sample(residuals, np.zeros(100), shares, 0.0, 1.0)
    sizes = np.abs(np.expm1(residuals))
    above = sizes.mean() + 3 * sizes.std() / 10
    assert sample.stated_error == pytest.approx(1.25 * above, rel=1e-3)  # a fifth may be hidden
