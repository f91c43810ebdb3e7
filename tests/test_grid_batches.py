"""Many pairs of images, tables of images, and blurs for images."""

import numpy as np
import pytest
from images import image

import sinkhorn_nb as snb
from sinkhorn_nb import ConvergenceWarning, Grid, Sinkhorn
from sinkhorn_nb.losses import grids

GRIDS = [Grid(image((16, 18), k), 0.06) for k in range(4)]


@pytest.fixture(autouse=True)
def _small_images_on_grids(monkeypatch):
    """Solve the small images of the tests as large ones are."""
    monkeypatch.setattr(grids, "FEW_PAIRS", 0)


def test_a_batch_has_the_results_of_single_pairs():
    xs, ys = [*GRIDS[:3], GRIDS[0]], [*GRIDS[1:], GRIDS[0]]
    batch = snb.sinkhorn_divergences(xs, ys, blur=0.1)
    single = [snb.sinkhorn_divergence(x, y, blur=0.1) for x, y in zip(xs, ys, strict=True)]
    np.testing.assert_array_equal(batch.value, [float(each) for each in single])
    assert batch.converged.all()
    assert batch[0].gradient().a.shape == (16, 18)
    assert batch[0].yy.found is batch[1].xx.found
    gradients = batch.gradient()
    np.testing.assert_array_equal(gradients.a[1], single[1].gradient().a)


def test_a_table_of_images_is_symmetric_with_a_zero_diagonal():
    table = snb.pairwise_sinkhorn_divergence(GRIDS, blur=0.1)
    np.testing.assert_array_equal(table, table.T)
    np.testing.assert_array_equal(np.diag(table), 0.0)
    assert table[1, 2] == snb.sinkhorn_divergence(GRIDS[1], GRIDS[2], blur=0.1).value
    some = snb.pairwise_sinkhorn_divergence(GRIDS[:2], GRIDS[1:], blur=0.1)
    np.testing.assert_array_equal(some, table[:2, 1:])


def test_the_progress_of_a_table_is_shown(capsys):
    snb.pairwise_sinkhorn_divergence(GRIDS[:2], blur=0.1, progress=True)
    assert "pairs" in capsys.readouterr().err


def test_a_batch_that_does_not_converge_warns_once():
    with pytest.warns(ConvergenceWarning) as caught:
        snb.sinkhorn_divergences(GRIDS[:2], GRIDS[2:], blur=0.05, solver=Sinkhorn(max_iter=2))
    assert len(caught) == 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([GRIDS[0], np.zeros((3, 2))], GRIDS[:2]), r"xs\[1\]: expected a Grid like the others"),
        ((GRIDS[0], GRIDS[1]), "xs: expected a list of arrays, one per pair, got Grid; pass"),
        ((GRIDS[:1], GRIDS[1:2], [np.ones(3)]), r"a\[0\]: expected None beside a Grid"),
        (
            (GRIDS[:2], [GRIDS[0], Grid(2 * GRIDS[1].weights, 0.06)]),
            r"ys\[1\]: expected the total mass of xs\[1\]",
        ),
    ],
)
def test_batches_of_grids_name_what_does_not_fit(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        snb.sinkhorn_divergences(*arguments, blur=0.1)


def test_a_blur_is_suggested_from_the_pixels_with_mass():
    weights = np.zeros((50, 50))
    weights[10, 10] = weights[13, 14] = 1.0
    assert snb.suggest_blur(Grid(weights, 0.1)) == pytest.approx(0.05 * 0.5)
    x = snb.suggest_blur(GRIDS[0], GRIDS[1])
    assert x == pytest.approx(0.05 * 0.06 * np.hypot(15, 17))
