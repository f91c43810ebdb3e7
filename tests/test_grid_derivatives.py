"""Derivatives and pictures of images."""

import numpy as np
import pytest
from images import FINE, SPACING, between_points, flat, pair

import sinkhorn_nb as snb
from sinkhorn_nb import Grid
from sinkhorn_nb.losses import grids


@pytest.fixture(autouse=True)
def _small_images_on_grids(monkeypatch):
    """Solve the small images of the tests as large ones are."""
    monkeypatch.setattr(grids, "FEW_PAIRS", 0)


def test_the_gradient_in_the_pixels_is_that_of_finite_differences():
    x, y = pair()
    gradient = snb.sinkhorn_divergence(x, y, blur=0.1, solver=FINE).gradient()
    rng = np.random.default_rng(2)
    direction = np.where(x.weights > 0, rng.normal(size=x.shape), 0.0)
    direction -= x.weights * direction.sum()
    step = 0.01 * x.weights[x.weights > 0].min()
    values = [
        float(
            snb.sinkhorn_divergence(
                Grid(x.weights + sign * step * direction, SPACING[2]), y, blur=0.1, solver=FINE
            )
        )
        for sign in (1, -1)
    ]
    slope = (values[0] - values[1]) / (2 * step)
    assert np.isclose(slope, (gradient.a * direction).sum(), rtol=1e-4)
    assert np.isclose(
        (x.weights * gradient.a).sum() + (y.weights * gradient.b).sum(),
        snb.sinkhorn_divergence(x, y, blur=0.1, solver=FINE).value,
    )


def test_derivatives_of_solutions_have_the_shapes_of_the_images():
    x, y = pair()
    solution = snb.entropic_ot(x, y, blur=0.1, solver=FINE)
    (points_x, a), (points_y, b) = flat(x), flat(y)
    expected = snb.entropic_ot(points_x, points_y, a, b, blur=0.1, solver=FINE)
    rng = np.random.default_rng(3)
    on_f, on_map = rng.normal(size=x.shape), rng.normal(size=(*x.shape, 2))
    found = solution.pullback(f=on_f, map=on_map, tol=1e-8)
    reference = expected.pullback(f=on_f.ravel(), map=on_map.reshape(-1, 2), tol=1e-8)
    assert found.linear_solve.converged
    assert found.y.shape == (*y.shape, 2)
    for mine, theirs in zip(found, reference, strict=True):
        assert np.allclose(mine.ravel(), theirs.ravel(), atol=1e-4 * np.abs(theirs).max())
    moves = solution.pushforward(x=on_map, tol=1e-8)
    assert moves.f.shape == x.shape
    assert np.isclose(
        moves.value, expected.pushforward(x=on_map.reshape(-1, 2), tol=1e-8).value, rtol=1e-5
    )


def test_the_hessian_of_a_divergence_has_the_shape_of_the_image():
    x, y = pair()
    dx = np.random.default_rng(4).normal(size=(*x.shape, 2))
    found = snb.sinkhorn_divergence(x, y, blur=0.2, solver=FINE).hessian_vector_product(dx)
    expected = between_points(x, y, blur=0.2, solver=FINE).hessian_vector_product(dx.reshape(-1, 2))
    assert found.x.shape == (*x.shape, 2)
    assert np.allclose(found.x.reshape(-1, 2), expected.x, atol=1e-5 * np.abs(expected.x).max())


def test_derivatives_in_another_shape_are_refused():
    x, y = pair()
    solution = snb.entropic_ot(x, y, blur=0.1)
    with pytest.raises(ValueError, match=r"f: expected shape \(17, 22\), got \(374,\)"):
        solution.pullback(f=np.ones(374))


def test_pictures_of_grids_are_those_of_their_points():
    pytest.importorskip("matplotlib").use("agg")
    divergence = snb.sinkhorn_divergence(*pair(), blur=0.1)
    arrows = [
        snb.plotting.plot_divergence(each).collections
        for each in (divergence, divergence.on_points)
    ]
    assert len(arrows[0]) == len(arrows[1]) > 0
    assert snb.plotting.plot_map(divergence.xy) is not None
