"""Which images are solved on the grid and which between points, by their costs and pixels."""

import numpy as np
import pytest
from images import FINE, SPACING, between_points, image, pair

import sinkhorn_nb as snb
from sinkhorn_nb import Grid
from sinkhorn_nb.costs import PowerOfDistance
from sinkhorn_nb.losses import grids
from sinkhorn_nb.terms import Terms


@pytest.fixture(autouse=True)
def _small_images_on_grids(monkeypatch):
    """Solve the small images of the tests as large ones are."""
    monkeypatch.setattr(grids, "FEW_PAIRS", 0)


def test_sparse_images_are_solved_between_points_with_the_same_results(monkeypatch):
    weights = np.zeros((2, 40, 40))
    weights[:, 5:9, 10:16] = np.random.default_rng(0).random((2, 4, 6))
    weights[1] = np.roll(weights[1], (17, 9), axis=(0, 1))
    x, y = (Grid(w / w.sum(), 0.025) for w in weights)
    sparse = snb.sinkhorn_divergence(x, y, blur=0.05, solver=FINE)
    monkeypatch.setattr(grids, "PAIRS_PER_TERM", 0.0)
    dense = snb.sinkhorn_divergence(x, y, blur=0.05, solver=FINE)
    assert (sparse.method, dense.method) == ("points", "grid")
    assert np.isclose(sparse.value, dense.value, rtol=1e-9)
    assert sparse.gradient().a.shape == (40, 40)
    for one, other in zip(sparse.gradient(), dense.gradient(), strict=True):
        assert np.allclose(one, other, atol=1e-6)
    assert np.allclose(sparse.xy.map(), dense.xy.map(), atol=1e-5)
    assert np.allclose(sparse.xy.f, dense.xy.f, atol=1e-6)


def test_small_balanced_images_are_solved_by_the_compiled_solver_of_points(monkeypatch):
    x, y = pair()
    on_grid = snb.sinkhorn_divergence(x, y, blur=0.1)
    monkeypatch.undo()
    found = snb.sinkhorn_divergence(x, y, blur=0.1)
    assert (on_grid.method, found.method) == ("grid", "points")
    assert found.gradient().a.shape == x.shape
    assert np.isclose(found.value, on_grid.value, rtol=1e-5)
    assert snb.sinkhorn_divergence(x, y, blur=0.1, reach=1.0).method == "grid"


@pytest.mark.parametrize(
    "d, settings",
    [
        (2, {"cost": "cityblock", "eps": 0.1, "rho": 0.5}),
        (1, {"p": 1, "blur": 0.05}),
        (2, {"p": 1, "blur": 0.07, "reach": 0.5}),
    ],
)
def test_distances_on_a_grid_are_those_between_its_points(d, settings):
    x, y = pair(d)
    y = Grid(y.weights, SPACING[d], 0.033)
    found = snb.sinkhorn_divergence(x, y, solver=FINE, **settings)
    expected = between_points(x, y, solver=FINE, **settings)
    assert found.method == "grid"
    assert np.isclose(found.value, expected.value, rtol=1e-9)
    for mine, theirs in zip(found.gradient(), expected.gradient(), strict=True):
        assert np.allclose(mine.ravel(), theirs.ravel(), atol=1e-6 * np.abs(theirs).max())
    assert np.isclose(found.xy.transport_cost, expected.xy.transport_cost, rtol=1e-6)
    assert np.allclose(found.xy.map().reshape(-1, d), expected.xy.map(), atol=1e-6)
    assert 0 <= found.gap < 1e-6


def test_other_costs_are_those_between_points():
    x, y = pair()
    problem = grids.grid_problem(x, y, Terms(0.1**1.5, PowerOfDistance(1.5)))
    assert not grids._is_on_grid(problem)


@pytest.mark.parametrize("blur, method", [(0.031, "grid"), (0.029, "points")])
def test_a_distance_is_convolved_down_to_three_percent_of_the_diagonal(blur, method):
    x, y = (Grid(image((60, 81), k), 0.01) for k in range(2))  # the diagonal is 0.994
    problem = grids.grid_problem(x, y, Terms(blur, PowerOfDistance(1.0)))
    assert grids._is_on_grid(problem) == (method == "grid")
