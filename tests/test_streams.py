"""Measures from chunks: the same bits however the points are divided, and the values of all points."""

import numpy as np
import pytest
from joblib import Parallel, delayed

import sinkhorn_nb as snb
from sinkhorn_nb.measures.streams import CellSums

SIDE = 0.05
RNG = np.random.default_rng(0)
X, Y = RNG.random((4000, 2)), RNG.random((3000, 2)) ** 2
WEIGHTS = RNG.random(4000)


def made(chunks, side=SIDE, **how):
    measure = snb.Measure.from_chunks(chunks, side=side, **how)
    return measure.points, measure.weights


def assert_equal(found, expected):
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_the_bits_do_not_depend_on_chunks_nor_on_the_order(d):
    x, weights = RNG.normal(size=(1000, d)), RNG.random(1000)
    expected = made([x]), made([(x, weights)])
    assert_equal(made(np.array_split(x, 7)), expected[0])
    order = RNG.permutation(1000)
    pairs = zip(np.array_split(x[order], 3), np.array_split(weights[order], 3), strict=True)
    assert_equal(made(pairs), expected[1])


def test_sums_of_other_processes_are_added_and_memory_maps_are_read(tmp_path):
    path = tmp_path / "points.npy"
    np.save(path, X)
    mapped = np.load(path, mmap_mode="r")
    spans = [slice(k, k + 900) for k in range(0, 4000, 900)]
    assert_equal(made(mapped[span] for span in spans), made([X]))
    jobs = (delayed(CellSums.of)(mapped[span], side=SIDE) for span in spans)
    assert_equal(made(Parallel(n_jobs=2, backend="threading")(jobs)), made([X]))


@pytest.mark.slow
def test_chunks_of_dask_give_the_same_bits():
    dask = pytest.importorskip("dask")
    array = pytest.importorskip("dask.array").from_array(X, chunks=(700, 2))
    blocks = [dask.delayed(CellSums.of)(block, side=SIDE) for block in array.to_delayed().ravel()]
    assert_equal(made(dask.compute(*blocks, scheduler="threads")), made([X]))


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_mass_mean_and_covariance_are_those_of_all_points(weights):
    measure = snb.Measure.from_chunks([X if weights is None else (X, weights)], side=SIDE)
    exact = snb.Measure.of(X, weights)
    assert measure.mass == pytest.approx(exact.mass, rel=1e-8)
    np.testing.assert_allclose(measure.centroid, exact.centroid, atol=1e-8)
    covariances = [
        np.cov(each.points.T, aweights=each.weights, ddof=0) for each in (measure, exact)
    ]
    np.testing.assert_allclose(*covariances, atol=3e-7)


def test_value_and_map_are_those_of_all_points_and_wider_cells_tell_the_error():
    solver = snb.Sinkhorn(tol=1e-5, compression=None)

    def divergence(*sums):
        (x, a), (y, b) = (each.nodes() for each in sums)
        return snb.sinkhorn_divergence(x, y, a, b, blur=0.1, solver=solver)

    narrow = [CellSums.of(cloud, side=SIDE) for cloud in (X, Y)]
    exact = snb.sinkhorn_divergence(X, Y, blur=0.1, solver=solver)
    found = divergence(*narrow)
    wide = divergence(*(sums.coarser() for sums in narrow))
    error = abs(found.value - exact.value)
    assert error < 1e-4 * exact.value
    assert error < abs(found.value - wide.value) < 1e-2 * exact.value
    np.testing.assert_allclose(found.xy.map(X[:500]), exact.xy.map()[:500], atol=5e-3)
    gradient = (found.xx.map(X[:500]) - found.xy.map(X[:500])) / len(X)
    expected = exact.gradient().x[:500]
    assert np.linalg.norm(gradient - expected) < 1e-2 * np.linalg.norm(expected)


@pytest.mark.parametrize("d", [1, 3])
def test_wider_cells_have_the_sums_of_their_parts(d):
    x, weights = RNG.normal(size=(500, d)), RNG.random(500)
    narrow = CellSums.of(x, weights, side=0.5)
    wide = narrow.coarser()
    expected = CellSums.of(x, weights, side=1.0)
    np.testing.assert_array_equal(wide.sums[:, :2], expected.sums[:, :2])
    np.testing.assert_allclose(wide.sums, expected.sums, atol=600)  # of 2^28 per unit of weight


BAD = {
    "no chunk": (lambda: made([]), "chunks: expected at least one chunk"),
    "no length": (lambda: made([X], side=0.0), "side: expected a finite number > 0"),
    "nan": (lambda: made([X * np.nan]), "points: expected finite numbers"),
    "five coordinates": (lambda: made([np.ones((3, 5))]), "points: expected at most 4 coordinates"),
    "other coordinates": (lambda: made([X, X[:, :1]]), "chunks: expected the grid and the kind"),
    "weights in some": (lambda: made([X, (X, WEIGHTS)]), "chunks: expected the grid and the kind"),
    "another grid": (
        lambda: made([X, CellSums.of(X, side=1.0)]),
        "chunks: expected the grid and the kind",
    ),
    "large weights": (lambda: made([(X, 3 * WEIGHTS)]), "weights: expected at most largest_weight"),
    "negative weights": (lambda: made([(X, -WEIGHTS)]), "weights: expected weights >= 0"),
    "far away": (lambda: made([X + 1e9]), "side: expected coordinates within"),
}


@pytest.mark.parametrize("call, message", BAD.values(), ids=BAD)
def test_bad_chunks_are_refused_with_the_cure(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_larger_weights_are_allowed_when_they_are_announced():
    points, weights = made([(X, 100 * WEIGHTS)], largest_weight=100)
    expected = made([(X, WEIGHTS)])
    np.testing.assert_allclose(points, expected[0], atol=1e-7)
    assert weights.sum() == pytest.approx(100 * WEIGHTS.sum(), rel=1e-7)
    assert expected[1].sum() == pytest.approx(WEIGHTS.sum(), rel=1e-7)
