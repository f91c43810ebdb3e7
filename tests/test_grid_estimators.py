"""Grids in estimators and in the two-sample test: as references, or refused with the cure."""

import numpy as np
import pytest

import sinkhorn_nb as snb
from sinkhorn_nb import Grid

WEIGHTS = np.random.default_rng(0).integers(0, 4, (5, 6)).astype(float)
GRID = Grid(WEIGHTS, 0.3)
POINTS = np.random.default_rng(1).normal(size=(40, 2))
REPEATED = np.repeat(GRID.points.reshape(-1, 2), WEIGHTS.astype(int).ravel(), axis=0)


@pytest.mark.parametrize("kind", [snb.EntropicAligner, snb.EntropicQuantileTransformer])
def test_a_grid_as_reference_has_the_weights_of_its_pixels(kind):
    of_grid = kind(reference=GRID, blur=0.5).fit(POINTS)
    of_points = kind(reference=REPEATED, blur=0.5).fit(POINTS)
    np.testing.assert_array_equal(of_grid.reference_weights_, of_points.reference_weights_)
    np.testing.assert_array_equal(of_grid.transform(POINTS), of_points.transform(POINTS))


@pytest.mark.parametrize(
    "kind",
    [
        snb.EntropicAligner,
        snb.EntropicQuantileTransformer,
        snb.SinkhornDriftDetector,
        snb.BatchAligner,
        snb.SinkhornKMeans,
    ],
)
def test_a_grid_is_no_table_of_features(kind):
    with pytest.raises(TypeError, match=r"X: expected an \(n_samples, .* got a Grid.*pass grid"):
        kind().fit(GRID)


@pytest.mark.parametrize("pair", [(GRID, POINTS), (POINTS, GRID)])
def test_a_two_sample_test_needs_draws_and_not_pixels(pair):
    cure = r"numpy.repeat\(grid.points.reshape\(-1, d\), counts.ravel\(\), axis=0\)"
    with pytest.raises(TypeError, match=f"expected independent draws.*{cure}"):
        snb.sinkhorn_two_sample_test(*pair, blur=0.5)
