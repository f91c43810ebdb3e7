"""Measures from chunks: the same bits however the points are divided, and the values of all points."""

import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from joblib import Parallel, delayed

import sinkhorn_nb as snb
from sinkhorn_nb.compression import solution
from sinkhorn_nb.compression.cuts import MOST, most_parts
from sinkhorn_nb.costs.city_block import CityBlock
from sinkhorn_nb.marginals import Marginals
from sinkhorn_nb.measures.streams import CellSums
from sinkhorn_nb.problem import Problem
from sinkhorn_nb.results.divergence import Divergence

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


BLUR = 0.1
SOLVER = snb.Sinkhorn(tol=5e-3)  # wide cells: cheap


@pytest.fixture(scope="module")
def streams():
    return [snb.Measure.from_chunks(np.array_split(cloud, 3), side=BLUR / 4) for cloud in (X, Y)]


@pytest.fixture(scope="module")
def found(streams):
    return snb.sinkhorn_divergence(*streams, blur=BLUR, solver=SOLVER)


@pytest.fixture(scope="module")
def exact():
    solver = snb.Sinkhorn(tol=1e-5, compression=None)
    return snb.sinkhorn_divergence(X, Y, blur=BLUR, solver=solver)


def test_functions_take_streams_and_state_the_error_of_the_value(found, exact, streams):
    assert found.converged and found.compression
    assert abs(found.value - exact.value) <= found.value_error <= 1e-2 * exact.value
    solution = snb.entropic_ot(*streams, blur=BLUR, solver=SOLVER)
    assert solution.value == found.xy.value
    assert abs(solution.value - exact.xy.value) <= solution.value_error
    assert SOLVER.solve(Problem(*streams, BLUR**2)).value == solution.value
    back = snb.sinkhorn_divergence(*streams[::-1], blur=BLUR, solver=SOLVER)
    assert (back.value, back.value_error) == (found.value, found.value_error)


def test_a_stream_is_compared_with_points_in_memory(streams, exact):
    mixed = snb.sinkhorn_divergence(streams[0], Y, blur=BLUR, solver=SOLVER)
    assert abs(mixed.value - exact.value) <= mixed.value_error
    [batched] = snb.sinkhorn_divergences([streams[0]], [Y], blur=BLUR, solver=SOLVER)
    assert batched.value == mixed.value


def test_hausdorff_divergences_of_streams_state_what_the_cells_hide(streams, monkeypatch):
    plain = snb.hausdorff_divergence(X, Y, blur=BLUR, solver=snb.Sinkhorn(tol=1e-4))
    wide = [snb.Measure.from_chunks([cloud], side=BLUR) for cloud in (X, Y)]
    for pair, most in ((streams, 1e-2), (wide, 0.2)):
        with warnings.catch_warnings(action="ignore", category=snb.ConvergenceWarning):
            mine = snb.hausdorff_divergence(*pair, blur=BLUR, solver=SOLVER)
        assert abs(mine.value - plain.value) <= mine.value_error <= most * plain.value
    monkeypatch.setattr(solution, "MERGING", np.inf)
    of_rows = replace(mine.between_nodes).estimate.error
    assert 0 < of_rows < mine.value_error
    with pytest.raises(ValueError, match="read from chunks"):
        mine.gradient()


PLAIN_OF_STREAMS = {
    "another cost": lambda s: snb.sinkhorn_divergence(*s, blur=BLUR, p=1),
    "no compression": lambda s: snb.entropic_ot(
        *s, blur=BLUR, solver=snb.Sinkhorn(compression=None)
    ),
    "far too wide": lambda s: snb.sinkhorn_negentropy(s[0], blur=1e-4),
}


@pytest.mark.parametrize("solve", PLAIN_OF_STREAMS.values(), ids=PLAIN_OF_STREAMS)
def test_plain_solves_of_streams_are_refused_with_the_cure(solve, streams):
    with pytest.raises(ValueError, match=r"cells of a stream hide.*pass measure.points"):
        solve(streams)


def test_functions_that_state_no_hidden_error_refuse_streams(streams):
    tested = partial(snb.sinkhorn_two_sample_test, blur=BLUR)
    for function in (snb.mmd, snb.wasserstein_bounds, tested):
        with pytest.raises(ValueError, match=r"y: expected points in memory.*pass measure.points"):
            function(X[:50], streams[1])


def test_equal_streams_have_the_divergence_zero(streams):
    again = snb.Measure.from_chunks(np.array_split(X[::-1], 5), side=BLUR / 4)
    divergence = snb.sinkhorn_divergence(streams[0], again, blur=BLUR, solver=SOLVER)
    assert divergence.value == divergence.value_error == 0.0


def test_chunks_have_the_potentials_maps_and_gradients_of_all_points(found, exact):
    rows = slice(0, 500)
    np.testing.assert_allclose(found.xy.map(X[rows]), exact.xy.map()[rows], atol=5e-3)
    np.testing.assert_allclose(found.xy.map_back(Y[rows]), exact.xy.map_back()[rows], atol=5e-3)
    mine, theirs = found.potential(X), exact.potentials[0]
    np.testing.assert_allclose(mine - mine.mean(), theirs - theirs.mean(), atol=0.02 * BLUR**2)
    mine, theirs = found.potential_back(Y), exact.potentials[1]
    np.testing.assert_allclose(mine - mine.mean(), theirs - theirs.mean(), atol=0.02 * BLUR**2)
    of_x, of_y = exact.gradient()[:2]
    for slopes, n, gradient in ((found.slopes(X), 4000, of_x), (found.slopes_back(Y), 3000, of_y)):
        assert np.linalg.norm(slopes / n - gradient) < 2e-2 * np.linalg.norm(gradient)


def test_slopes_are_those_of_the_potential(found):
    x, step = X[:20], np.array([1e-5, 0])
    along = (found.potential(x + step) - found.potential(x - step)) / 2e-5
    np.testing.assert_allclose(found.slopes(x)[:, 0], along, atol=1e-6)


@pytest.mark.parametrize("terms", [{"cost": CityBlock()}, {"marginals": Marginals(1.0, 1.0)}])
def test_slopes_are_refused_for_other_costs_and_prices(found, terms):
    problem = replace(found.xy.problem, **terms)
    divergence = Divergence(*(replace(found.xy, problem=problem) for _ in range(3)))
    for slopes in (divergence.slopes, divergence.slopes_back):
        with pytest.raises(ValueError, match="slopes: expected the cost"):
            slopes(X)


def test_points_far_from_a_stream_take_softmins_over_the_nodes(found):
    far = X[:3] + 5.0
    np.testing.assert_array_equal(found.xy.map(far), found.xy.found.on_nodes.map(far))


@pytest.mark.parametrize(
    "ask",
    [
        lambda d: d.gradient(),
        lambda d: d.potentials,
        lambda d: d.gap,
        lambda d: d.xy.f,
        lambda d: d.xy.map(),
        lambda d: d.xy.plan,
        lambda d: d.xy.gradient(),
        lambda d: d.xy.transport_cost,
        lambda d: d.xy.pullback(f=np.zeros(len(d.xy.problem.source))),
        lambda d: d.xy.pushforward(),
        lambda d: d.hessian_vector_product(),
    ],
)
def test_results_of_all_rows_are_refused_with_the_cure(found, ask):
    with pytest.raises(ValueError, match=r"read from chunks; pass one chunk after another to map"):
        ask(found)


def test_too_wide_cells_do_not_converge_and_say_so():
    streams = [snb.Measure.from_chunks([cloud], side=BLUR) for cloud in (X, Y)]
    with pytest.warns(snb.ConvergenceWarning, match="again with a smaller side"):
        divergence = snb.sinkhorn_divergence(*streams, blur=BLUR)
    assert not divergence.converged
    assert divergence.compression.kappa == pytest.approx(2.0)  # nodes of half the size tell


def test_cells_of_streams_are_cut_to_twice_the_side_at_most(found):
    most = [most_parts(1.0, side) for side in (0.0, 0.1, 0.25, 0.3, 0.5, 0.6)]
    assert most == [MOST, 5.0, 2.0, 1.0, 1.0, 1.0]
    for half in found.xy.found.halves:
        assert half.coarseness <= 0.5
    assert found.xy.found.hidden(1.0) == max(h.coarseness for h in found.xy.found.halves) ** 2


def test_measures_have_weights_of_their_own():
    measure = snb.Measure.of(X)
    with pytest.raises(TypeError, match="a: expected None beside a Measure"):
        snb.entropic_ot(measure, Y, np.ones(len(X)), blur=BLUR)
    mine = snb.entropic_ot(measure, Y, blur=BLUR)
    np.testing.assert_array_equal(mine.f, snb.entropic_ot(X, Y, blur=BLUR).f)


def test_nodes_of_wider_cells_tell_the_error_of_a_plain_solve(exact):
    solver = snb.Sinkhorn(tol=1e-5, compression=None)
    sums = [CellSums.of(cloud, side=SIDE) for cloud in (X, Y)]
    values = []
    for own in (sums, [each.coarser() for each in sums]):
        (x, a), (y, b) = (each.nodes() for each in own)
        values.append(snb.sinkhorn_divergence(x, y, a, b, blur=BLUR, solver=solver).value)
    error = abs(values[0] - exact.value)
    assert error < 1e-4 * exact.value
    assert error < abs(values[0] - values[1]) < 1e-2 * exact.value


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
    "light weights": (
        lambda: made([(X, WEIGHTS / 4000)]),
        "largest_weight: expected at most 1024 times the mean weight, got 1 and a mean of 0.00012",
    ),
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
