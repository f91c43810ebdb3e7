"""Kernel norms, the Hausdorff divergence and the negentropy of images, against those of their
pixels as points; what arrives has the image's shape.
"""

import numpy as np
import pytest
from images import FINE, flat, pair

import sinkhorn_nb as snb
from sinkhorn_nb import Grid, Sinkhorn
from sinkhorn_nb.losses import grids
from sinkhorn_nb.measures.pixels import GridMeasure

X, Y = pair()
Y = Grid(Y.weights, Y.spacing, 0.033)
KERNELS = {"energy": None, "gaussian": 0.1, "laplacian": 0.1}


def agree(found, expected, shapes, tol):
    for mine, theirs, shape in zip(found, expected, shapes, strict=True):
        assert mine.shape == shape
        np.testing.assert_allclose(mine.ravel(), theirs.ravel(), atol=tol * np.abs(theirs).max())


SHAPES = [(*X.shape, 2), (*Y.shape, 2), X.shape, Y.shape]


@pytest.mark.parametrize("kernel, blur", KERNELS.items())
def test_kernel_norms_of_images_are_those_of_their_points(kernel, blur):
    (x, a), (y, b) = flat(X), flat(Y)
    found = snb.mmd(X, Y, kernel=kernel, blur=blur)
    expected = snb.mmd(x, y, a, b, kernel=kernel, blur=blur)
    assert isinstance(found.problem.source, GridMeasure)
    assert found.value == pytest.approx(expected.value, rel=1e-11)
    agree(found.gradient(), expected.gradient(), SHAPES, 1e-10)


def test_kernel_norms_without_sums_along_axes_take_the_pixels_as_points():
    (x, a), (y, b) = flat(X), flat(Y)
    other = Grid(Y.weights, 0.07)
    for image, blur in ((Y, 0.01), (other, 0.1)):
        found = snb.mmd(X, image, kernel="laplacian", blur=blur)
        expected = snb.mmd(x, flat(image)[0], a, b, kernel="laplacian", blur=blur)
        assert found.value == pytest.approx(expected.value, rel=1e-12)
        agree(found.gradient(), expected.gradient(), SHAPES, 1e-12)
    assert snb.mmd(X, y, None, b).gradient().b.shape == b.shape


@pytest.mark.parametrize("few, reach", [(0, None), (0, 0.3), (grids.FEW_PAIRS, None)])
def test_hausdorff_divergences_of_images_are_those_of_their_points(few, reach, monkeypatch):
    monkeypatch.setattr(grids, "FEW_PAIRS", few)
    (x, a), (y, b) = flat(X), flat(Y)
    settings = {"blur": 0.2, "reach": reach, "solver": FINE}
    found = snb.hausdorff_divergence(X, Y, **settings)
    expected = snb.hausdorff_divergence(x, y, a, b, **settings)
    assert found.xx.method == ("points" if few else "grid")
    assert found.value == pytest.approx(expected.value, rel=1e-9)
    gradient = found.gradient(tol=1e-9)
    agree(gradient, expected.gradient(tol=1e-9), SHAPES, 1e-7)
    assert gradient.linear_solve.converged
    assert found.xx.f.shape == X.shape


def test_equal_images_have_no_hausdorff_divergence(monkeypatch):
    monkeypatch.setattr(grids, "FEW_PAIRS", 0)
    found = snb.hausdorff_divergence(X, Grid(X.weights, X.spacing), blur=0.2)
    assert found.value == 0.0
    assert np.abs(found.gradient().a).max() < 1e-4


@pytest.mark.parametrize("reach", [None, 0.3])
def test_the_negentropy_of_an_image_is_that_of_its_points(reach, monkeypatch):
    monkeypatch.setattr(grids, "FEW_PAIRS", 0)
    x, a = flat(X)
    settings = {"blur": 0.1, "reach": reach, "solver": FINE}
    found = snb.sinkhorn_negentropy(X, **settings)
    expected = snb.sinkhorn_negentropy(x, a, **settings)
    assert found.solution.method == "grid"
    assert found.value == pytest.approx(expected.value, rel=1e-9)
    agree(found.gradient(), expected.gradient(), [(*X.shape, 2), X.shape], 1e-7)


def test_what_does_not_fit_is_refused():
    weights = X.weights.ravel()
    with pytest.raises(TypeError, match="a: expected None beside a Grid"):
        snb.mmd(X, Y, weights)
    with pytest.raises(TypeError, match="a: expected None beside a Grid"):
        snb.sinkhorn_negentropy(X, weights, blur=0.1)
    with pytest.raises(TypeError, match="b: expected None beside a Grid"):
        snb.hausdorff_divergence(X, Y, None, weights, blur=0.1)
    with pytest.raises(ValueError, match=r"y: expected the spacing .* of x, got"):
        snb.hausdorff_divergence(X, Grid(Y.weights, 0.07), blur=0.1)
    with pytest.raises(ValueError, match=r'its sum .* kernel="gaussian" or "laplacian" with'):
        snb.mmd(X, Grid(2 * Y.weights, Y.spacing))


def test_an_unfinished_hausdorff_divergence_warns_once(monkeypatch):
    monkeypatch.setattr(grids, "FEW_PAIRS", 0)
    with pytest.warns(snb.ConvergenceWarning) as caught:
        found = snb.hausdorff_divergence(X, Y, blur=0.1, solver=Sinkhorn(max_iter=2))
    assert len(caught) == 1
    assert not found.converged
