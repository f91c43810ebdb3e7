"""Divergences between images, histograms and volumes against those between their pixels as
points.
"""

import pickle

import numpy as np
import pytest
from images import FINE, SHAPES, SPACING, between_points, flat, image, pair
from oracle import Dense

import sinkhorn_nb as snb
from sinkhorn_nb import ConvergenceWarning, Grid, Sinkhorn
from sinkhorn_nb.backends.cpu import threads
from sinkhorn_nb.losses import grids
from sinkhorn_nb.measures.halving import Halving
from sinkhorn_nb.measures.lattice import Lattice
from sinkhorn_nb.solver.gauss_seidel import GaussSeidel
from sinkhorn_nb.terms import Terms


@pytest.fixture(autouse=True)
def _small_images_on_grids(monkeypatch):
    """Solve the small images of the tests as large ones are."""
    monkeypatch.setattr(grids, "FEW_PAIRS", 0)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("reach", [None, 0.3])
def test_a_grid_and_its_points_have_the_same_divergence(d, reach):
    x, y = pair(d)
    found = snb.sinkhorn_divergence(x, y, blur=0.1, reach=reach, solver=FINE)
    expected = between_points(x, y, blur=0.1, reach=reach, solver=FINE)
    assert found.method == "grid"
    assert np.isclose(found.value, expected.value, rtol=1e-7)
    for mine, theirs in zip(found.potentials, expected.potentials, strict=True):
        assert mine.shape == SHAPES[d]
        assert np.allclose(mine.ravel(), theirs, atol=1e-6)
    shapes = [(*SHAPES[d], d)] * 2 + [SHAPES[d]] * 2
    for mine, theirs, shape in zip(found.gradient(), expected.gradient(), shapes, strict=True):
        assert mine.shape == shape
        assert np.allclose(mine.ravel(), theirs.ravel(), atol=1e-6 * np.abs(theirs).max())


@pytest.mark.parametrize("blur", [0.3, 0.1])
def test_solutions_on_a_grid_are_those_of_the_dense_oracle(blur):
    x, y = pair()
    found = snb.sinkhorn_divergence(x, y, blur=blur, solver=FINE)
    (points_x, a), (points_y, b) = flat(x), flat(y)
    dense = Dense(points_x[a > 0], points_y[b > 0], a[a > 0], b[b > 0], blur)
    f, g = dense.potentials
    constant = (dense.a @ f - dense.b @ g) / 2
    assert found.method == "grid"
    assert np.isclose(found.value, dense.divergence, rtol=1e-6)
    assert np.isclose(found.xy.value, dense.value, rtol=1e-9)
    assert np.allclose(found.xy.f[x.weights > 0], f - constant, atol=1e-7)
    assert np.allclose(found.xy.g[y.weights > 0], g + constant, atol=1e-7)
    slopes = found.xy.gradient().x[x.weights > 0]
    assert np.allclose(slopes, dense.gradient_x, atol=1e-7 * np.abs(slopes).max())


def test_a_large_reach_is_balanced_transport():
    x, y = pair()
    balanced = snb.sinkhorn_divergence(x, y, blur=0.1, solver=FINE).value
    errors = [
        abs(snb.sinkhorn_divergence(x, y, blur=0.1, reach=reach, solver=FINE).value - balanced)
        for reach in (3.0, 30.0)
    ]
    assert 90 * errors[1] < errors[0] < 0.1 * balanced  # as 1 / rho


def test_the_default_tolerance_leaves_a_relative_error_of_a_millionth():
    x, y = pair()
    fine = snb.sinkhorn_divergence(x, y, blur=0.1, solver=FINE).value
    assert np.isclose(snb.sinkhorn_divergence(x, y, blur=0.1).value, fine, rtol=1e-5)


def test_a_solution_has_the_values_maps_and_costs_of_points():
    x, y = pair()
    (points_x, a), (points_y, b) = flat(x), flat(y)
    found = snb.entropic_ot(x, y, blur=0.1, solver=FINE)
    expected = snb.entropic_ot(points_x, points_y, a, b, blur=0.1, solver=FINE)
    assert found.method == "grid"
    assert np.isclose(found.value, expected.value, rtol=1e-9)
    assert np.isclose(found.transport_cost, expected.transport_cost, rtol=1e-6)
    assert np.allclose(found.f.ravel(), expected.f, atol=1e-6)
    assert np.allclose(found.g.ravel(), expected.g, atol=1e-6)
    assert found.map().shape == (*x.shape, 2)
    assert np.allclose(found.map().reshape(-1, 2), expected.map(), atol=1e-6)
    assert np.allclose(found.map_back().reshape(-1, 2), expected.map_back(), atol=1e-6)
    new = np.array([[0.31, 0.44], [2.0, -1.0]])
    assert np.allclose(found.map(new), expected.map(new), atol=1e-6)
    assert np.allclose(found.potential(new), expected.potential(new), atol=1e-6)
    v = np.random.default_rng(5).normal(size=len(b))
    assert np.allclose(found.plan @ v, expected.plan @ v, atol=1e-8)


def test_a_certificate_encloses_the_value():
    x, y = pair()
    rough = snb.entropic_ot(x, y, blur=0.05, solver=Sinkhorn(tol=1e-2))
    fine = snb.entropic_ot(x, y, blur=0.05, solver=FINE)
    assert rough.value <= fine.value + 1e-12
    assert 0 < fine.value - rough.value <= rough.gap < 0.2 * fine.value
    assert fine.gap < 1e-8


def test_equal_images_have_no_divergence():
    x, _ = pair()
    assert snb.sinkhorn_divergence(x, x, blur=0.1).value == 0.0
    assert snb.sinkhorn_divergence(x, Grid(x.weights.copy(), SPACING[2]), blur=0.1).value == 0.0
    assert not snb.sinkhorn_divergence(x, x, blur=0.1).gradient().a.any()


def test_nearly_equal_images_have_an_accurate_divergence():
    x, y = pair()
    near = Grid(0.999 * x.weights + 0.001 * y.weights, SPACING[2])
    found = snb.sinkhorn_divergence(x, near, blur=0.1)
    exact = between_points(x, near, blur=0.1, solver=Sinkhorn(tol=1e-11)).value
    assert 0 < exact < 1e-7
    assert np.isclose(found.value, exact, rtol=0.05)


def test_images_of_other_sizes_and_origins_need_only_the_same_spacing():
    x = Grid(image((19, 24), 3), 0.05)
    y = Grid(image((30, 17), 4), 0.05, origin=(0.17, -0.2))
    found = snb.sinkhorn_divergence(x, y, blur=0.1, solver=FINE)
    expected = between_points(x, y, blur=0.1, solver=FINE)
    assert found.method == "grid"
    assert np.isclose(found.value, expected.value, rtol=1e-8)
    assert found.gradient().b.shape == (30, 17)
    assert np.allclose(found.xy.map().reshape(-1, 2), expected.xy.map(), atol=1e-6)


@pytest.mark.parametrize("as_points", [False, True])
def test_images_beyond_their_reach_have_no_plan_and_the_price_of_their_masses(as_points):
    x, y = pair()
    values = []
    for shift in (5.0, 200.0):
        y = Grid(y.weights, SPACING[2], (shift, 0.0))
        ((points_x, a), (points_y, b)) = flat(x), flat(y)
        measures = (points_x, points_y, a, b) if as_points else (x, y)
        found = snb.sinkhorn_divergence(*measures, blur=0.1, reach=0.3)
        assert found.converged
        values.append(found.value)
    assert np.isclose(*values, rtol=1e-6)


def test_images_of_any_common_mass_scale_the_divergence():
    x, y = pair()
    heavy = [Grid(200 * grid.weights, SPACING[2]) for grid in (x, y)]
    light = snb.sinkhorn_divergence(x, y, blur=0.1, solver=FINE).value
    found = snb.sinkhorn_divergence(*heavy, blur=0.1, solver=FINE).value
    assert np.isclose(found, 200 * light, rtol=1e-9)


def test_the_transposed_problem_has_the_same_bits():
    x, y = pair()
    there = snb.sinkhorn_divergence(x, y, blur=0.1)
    back = snb.sinkhorn_divergence(y, x, blur=0.1)
    assert there.value == back.value
    assert (there.xy.f == back.xy.g).all()
    assert there.xy.T.f.shape == y.shape


def test_results_do_not_depend_on_the_number_of_threads():
    x, y = (Grid(image((150, 130), k), 0.01) for k in range(2))
    together = snb.entropic_ot(x, y, blur=0.02).f
    with threads.at_most(1):
        alone = snb.entropic_ot(x, y, blur=0.02).f
    assert (together == alone).all()


def test_pixels_without_mass_have_the_softmin():
    x, y = pair()
    solution = snb.entropic_ot(x, y, blur=0.1, solver=FINE)
    (points_x, a), (points_y, b) = flat(x), flat(y)
    expected = snb.entropic_ot(points_x, points_y, a, b, blur=0.1, solver=FINE)
    empty = a == 0
    assert empty.sum() > 50
    assert np.allclose(solution.f.ravel()[empty], expected.potential(points_x[empty]), atol=1e-6)


def test_a_step_sets_pixels_without_mass_to_their_softmin():
    x, y = pair()
    problem = grids.grid_problem(x, y, Terms(0.01))
    kernel, dual = problem.kernel("float64"), problem.dual()
    empty = dual.b == 0
    g = np.where(empty, 1e9, 0.0)
    iterate = GaussSeidel(dual).measure(kernel, np.zeros(len(dual.a)), g)
    assert empty.sum() > 50
    np.testing.assert_array_equal(iterate.log_columns[empty], 0.0)
    np.testing.assert_array_equal(iterate.g[empty], kernel.T.softmin(iterate.f)[empty])
    np.testing.assert_array_equal(iterate.g[~empty], 0.0)


def test_an_earlier_result_starts_the_next_one():
    x, y = (Grid(image((40, 40), k), 0.025) for k in range(2))
    first = snb.sinkhorn_divergence(x, y, blur=0.05)
    moved = Grid(0.98 * x.weights + 0.02 * y.weights, 0.025)
    cold = snb.sinkhorn_divergence(moved, y, blur=0.05)
    for init in (first, first.xy, (first.xy.f, first.xy.g.ravel())):
        warm = snb.sinkhorn_divergence(moved, y, blur=0.05, solver=Sinkhorn(init=init))
        assert warm.xy.n_passes < cold.xy.n_passes
        assert np.isclose(warm.value, cold.value, rtol=1e-4)
    again = snb.sinkhorn_divergence(x, y, blur=0.05, self_x=first.xx, self_y=first.yy)
    assert again.xx.found is first.xx.found
    assert np.isclose(again.value, first.value, rtol=1e-6)


@pytest.mark.parametrize("shape", [(100, 90), (5, 70, 60)])
def test_a_pyramid_saves_passes(shape):
    x, y = (Grid(image(shape, k), 0.01) for k in range(2))
    pyramid = snb.entropic_ot(x, y, blur=0.015)
    zeros = snb.entropic_ot(x, y, blur=0.015, solver=Sinkhorn(init="zeros"))
    assert pyramid.n_passes < 0.5 * zeros.n_passes
    assert np.isclose(pyramid.value, zeros.value, rtol=1e-5)


@pytest.mark.parametrize("acceleration", ["none", "symmetric"])
def test_the_schemes_of_the_papers_reach_the_same_value(acceleration):
    x, y = pair()
    solver = Sinkhorn(acceleration=acceleration)
    found = snb.sinkhorn_divergence(x, y, blur=0.1, solver=solver)
    assert np.isclose(found.value, snb.sinkhorn_divergence(x, y, blur=0.1).value, rtol=1e-4)


def test_an_unfinished_solve_warns_once():
    x, y = pair()
    with pytest.warns(ConvergenceWarning) as caught:
        found = snb.sinkhorn_divergence(x, y, blur=0.05, solver=Sinkhorn(max_iter=2))
    assert len(caught) == 1
    assert not found.converged


def test_a_certified_solve_and_a_callback_work_on_grids():
    seen = []
    x, y = pair()
    solver = Sinkhorn(certify=True, callback=seen.append)
    solution = snb.entropic_ot(x, y, blur=0.1, solver=solver)
    assert solution.converged
    assert solution.gap <= 1e-3 * solution.value
    assert len(seen) == solution.n_iter


def test_grids_and_results_print_and_pickle():
    x, y = pair()
    divergence = snb.sinkhorn_divergence(x, y, blur=0.1)
    assert repr(x) == "Grid(shape=(17, 22), spacing=(0.06, 0.05), mass=1)"
    assert "method=grid" in repr(divergence.xy)
    again = pickle.loads(pickle.dumps(divergence))
    assert again.value == divergence.value
    assert (pickle.loads(pickle.dumps(x)).weights == x.weights).all()


def test_a_grid_keeps_its_own_read_only_pixels():
    weights = image((5, 6), 0)
    grid = Grid(weights)
    weights[:] = 0
    assert grid.mass == pytest.approx(1.0)
    with pytest.raises(ValueError, match="read-only"):
        grid.weights[0, 0] = 1.0


def test_refined_values_keep_cubics_and_sums_keep_mass():
    lattice = Lattice((21, 14), (1.0, 1.0), (0.0, 0.0))
    halving = Halving(lattice, (0, 1))
    coarse = halving.coarse
    x, y = coarse.points.T
    fine_x, fine_y = lattice.points.T
    inner = (fine_x > 3) & (fine_x < 16) & (fine_y > 3) & (fine_y < 9)
    values = halving.refined(x**3 - 2 * x * y + y**2)
    assert np.allclose(values[inner], (fine_x**3 - 2 * fine_x * fine_y + fine_y**2)[inner])
    assert np.allclose(halving.refined(3 * x - y), 3 * fine_x - fine_y)
    weights = image(lattice.shape, 0).ravel()
    assert halving.sums(weights).shape == (coarse.size,)
    assert np.isclose(halving.sums(weights).sum(), 1.0)
    one_axis = Halving(lattice, (1,))
    assert one_axis.coarse == ((21, 7), (1.0, 2.0), (0.0, 0.5))
    x, y = one_axis.coarse.points.T
    assert np.allclose(one_axis.refined(x**3 - 2 * y), fine_x**3 - 2 * fine_y)
    sums = weights.reshape(lattice.shape)[:, ::2] + weights.reshape(lattice.shape)[:, 1::2]
    assert np.allclose(one_axis.sums(weights), sums.ravel())


def test_the_self_problem_of_a_smooth_image_starts_near_its_solution():
    x, y = np.meshgrid(*2 * [np.linspace(0, 1, 40)], indexing="ij")
    density = 1 + 0.5 * np.sin(6 * x) * np.cos(5 * y)
    grid = Grid(density / density.sum(), 1 / 40)
    assert snb.entropic_ot(grid, grid, blur=0.05).history[0] < 0.1
