"""Compressed solves agree with plain ones within the errors that they state, and keep the laws."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from large_clouds import FAMILIES, mixture, problem

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn
from sinkhorn_nb.backends.cpu import threads

COMPRESSED = Sinkhorn(compression=1.0, tol=5e-3)
PLAIN = Sinkhorn(tol=1e-6, compression=None)
ODDS = 2.0  # errors are stated as two standard errors; three families in a hundred may exceed these

names = pytest.mark.parametrize("name", FAMILIES)
families = st.sampled_from(list(FAMILIES))


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request):
    """A compressed and a plain divergence of one family."""
    *clouds, blur = problem(request.param)
    compressed = snb.sinkhorn_divergence(*clouds, blur=blur, solver=COMPRESSED)
    return compressed, snb.sinkhorn_divergence(*clouds, blur=blur, solver=PLAIN)


def true_marginal_error(solution):
    """The marginal error of all pairs of points, by a full pass."""
    return solution.problem.reduced.dual().error(solution.iterate)


def largest(values):
    return float(np.abs(values).max())


def test_values_agree_within_the_stated_errors(pair):
    compressed, plain = pair
    assert bool(compressed.compression) and not plain.compression
    assert abs(compressed.value - plain.value) <= ODDS * compressed.value_error
    for mine, theirs in zip(compressed._solutions, plain._solutions, strict=True):
        assert abs(mine.value - theirs.value) <= ODDS * mine.value_error


def test_stated_errors_are_small(pair):
    compressed, plain = pair
    eps = compressed.xy.problem.eps
    assert compressed.value_error <= 2e-3 * max(eps, plain.value)
    assert compressed.marginal_error <= 4e-3


def test_the_stated_marginal_error_is_above_that_of_all_pairs(pair):
    compressed, _ = pair
    for solution in compressed._solutions:
        assert true_marginal_error(solution) <= 1.1 * solution.marginal_error


def test_gradients_agree(pair):
    """Root mean squares by mass, in blurs; single points may be further off where a map jumps."""
    compressed, plain = pair
    problem, blur = compressed.xy.problem, compressed.xy.problem.blur
    weights = problem.source.probabilities, problem.target.probabilities
    has_outlier = problem.diameter > 50 * blur  # of its one target, no more than the mass is known
    mine, theirs = compressed.gradient(), plain.gradient()
    for own, other, a in zip(mine[:2], theirs[:2], weights, strict=True):
        errors = ((own - other) ** 2).sum(axis=1)[a > 0] / a[a > 0]
        assert np.sqrt(errors.sum()) <= 0.03 * blur or (
            has_outlier and np.sqrt(errors.sum()) <= 0.6 * blur
        )
    for own, other, a in zip(mine[2:], theirs[2:], weights, strict=True):
        assert np.sqrt(a @ (own - other - a @ (own - other)) ** 2) <= 0.1 * blur**2


def test_gradients_of_single_problems_agree(pair):
    (mine, theirs) = ([divergence.xy.gradient(), divergence.xx.gradient()] for divergence in pair)
    for own, other in zip(mine, theirs, strict=True):
        for k in (0, 1):
            size = np.linalg.norm(other[k])
            assert np.linalg.norm(own[k] - other[k]) <= 0.15 * size  # most of it at an outlier


def test_the_gradient_of_weights_pairs_to_the_value(pair):
    compressed, _ = pair
    problem, gradient = compressed.xy.problem, compressed.gradient()
    pairing = problem.source.weights @ gradient.a + problem.target.weights @ gradient.b
    assert pairing == pytest.approx(compressed.value, abs=1e-9 * problem.eps)


def test_potentials_and_maps_agree(pair):
    mine, theirs = pair[0].xy, pair[1].xy
    a, blur = mine.problem.source.probabilities, mine.problem.blur
    shift = a @ (mine.f - theirs.f)
    assert np.sqrt(a @ (mine.f - theirs.f - shift) ** 2) <= 0.1 * blur**2
    assert np.sqrt(a @ ((mine.map() - theirs.map()) ** 2).sum(axis=1)) <= 0.05 * blur


def test_new_points_have_the_potential_and_map_of_the_points(pair):
    solution = pair[0].xy
    rows = np.arange(0, len(solution.f), 97)
    points, blur = solution.problem.source.points[rows], solution.problem.blur
    assert largest(solution.potential(points) - solution.f[rows]) <= 0.05 * blur**2
    assert largest(solution.map(points) - solution.map()[rows]) <= 0.25 * blur
    back = solution.problem.target.points[rows[: len(solution.g) // 97]]
    assert largest(solution.potential_back(back) - solution.T.potential(back)) == 0.0


def test_the_gap_is_rigorous(pair):
    compressed, plain = pair
    assert abs(compressed.value - plain.value) <= compressed.gap + plain.gap
    assert abs(compressed.xy.value - plain.xy.value) <= compressed.xy.gap + plain.xy.gap


def test_the_plan_has_the_marginals_that_are_stated(pair):
    compressed, _ = pair
    solution = compressed.xy
    rows = solution.plan.sum(axis=1)
    assert np.abs(rows - solution.problem.source.weights).sum() <= 1.1 * compressed.marginal_error


def streamed(measure, side):
    chunks = zip(np.array_split(measure.points, 3), np.array_split(measure.weights, 3), strict=True)
    return snb.Measure.from_chunks(chunks, side=side, largest_weight=measure.weights.max())


@pytest.mark.filterwarnings("ignore::sinkhorn_nb.ConvergenceWarning")  # of far outliers
def test_streams_have_the_value_of_all_points_within_the_stated_error(pair):
    _, plain = pair
    problem = plain.xy.problem
    x, y = (streamed(each, problem.blur / 4) for each in (problem.source, problem.target))
    found = snb.sinkhorn_divergence(x, y, blur=problem.blur)
    assert found.compression
    assert abs(found.value - plain.value) <= found.value_error <= 1e-3 * problem.eps
    assert abs(found.xy.value - plain.xy.value) <= found.xy.value_error <= 1e-3 * problem.eps


@names
def test_both_orders_give_the_same_bits(name):
    x, y, a, b, blur = problem(name)
    forth = snb.sinkhorn_divergence(x, y, a, b, blur=blur, solver=COMPRESSED)
    back = snb.sinkhorn_divergence(y, x, b, a, blur=blur, solver=COMPRESSED)
    assert (forth.value, forth.value_error) == (back.value, back.value_error)
    assert forth.marginal_error == back.marginal_error
    for one, other in zip(
        forth.gradient(), [back.gradient()[k] for k in (1, 0, 3, 2)], strict=True
    ):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(forth.xy.f, back.xy.g)
    assert forth.xy.value == back.xy.value


@pytest.mark.filterwarnings("ignore::sinkhorn_nb.ConvergenceWarning")  # of far outliers
@given(name=families, seed=st.integers(0, 100))
def test_any_order_of_the_points_gives_the_same_bits(name, seed):
    x, y, a, b, blur = problem(name, 1500, seed)
    order = np.random.default_rng(seed).permutation(len(x))
    a = np.full(len(x), 1 / len(x)) if a is None else a
    b = np.full(len(y), 1 / len(y)) if b is None else b
    plain = snb.sinkhorn_divergence(x, y, a, b, blur=blur, solver=COMPRESSED)
    shuffled = snb.sinkhorn_divergence(x[order], y, a[order], b, blur=blur, solver=COMPRESSED)
    assert shuffled.value == plain.value
    assert shuffled.marginal_error == plain.marginal_error
    np.testing.assert_array_equal(shuffled.gradient().x, plain.gradient().x[order])
    np.testing.assert_array_equal(shuffled.gradient().a, plain.gradient().a[order])
    np.testing.assert_array_equal(shuffled.potentials[1], plain.potentials[1])


@names
def test_any_number_of_threads_gives_the_same_bits(name):
    *clouds, blur = problem(name)
    many = snb.sinkhorn_divergence(*clouds, blur=blur, solver=COMPRESSED)
    with threads.at_most(1):
        one = snb.sinkhorn_divergence(*clouds, blur=blur, solver=COMPRESSED)
        assert one.value == many.value
        np.testing.assert_array_equal(one.gradient().y, many.gradient().y)


@given(name=families, seed=st.integers(0, 100), is_split=st.booleans())
def test_equal_measures_have_the_divergence_zero(name, seed, is_split):
    x, _, a, _, blur = problem(name, 1500, seed)
    a = np.full(len(x), 1 / len(x)) if a is None else a
    order = np.random.default_rng(seed).permutation(len(x))
    y, b = x[order], a[order]
    if is_split:  # the same measure, with some points written twice
        y, b = np.concatenate([y, y[:300]]), np.concatenate([b, b[:300] / 3])
        b[:300] *= 2 / 3
    divergence = snb.sinkhorn_divergence(x, y, a, b, blur=blur, solver=COMPRESSED)
    assert bool(divergence.compression)
    assert divergence.value == 0.0
    assert divergence.value_error == 0.0
    assert all(largest(part) == 0.0 for part in divergence.gradient())


@given(seed=st.integers(0, 1000), noise=st.sampled_from([1e-6, 1e-3, 0.1, 1.0]))
def test_the_divergence_of_nearly_equal_clouds_is_never_negative(seed, noise):
    rng = np.random.default_rng(seed)
    x = mixture(rng, 2000, 2)
    y = x + 0.1 * noise * rng.normal(size=x.shape)
    divergence = snb.sinkhorn_divergence(x, y, blur=0.1, solver=COMPRESSED)
    plain = snb.sinkhorn_divergence(x, y, blur=0.1, solver=PLAIN)
    assert divergence.value >= 0
    assert abs(divergence.value - plain.value) <= ODDS * divergence.value_error


def test_the_mass_scales_values_and_errors():
    x, y, _, _, blur = problem("warp")
    ones = np.ones(len(x))
    unit = snb.sinkhorn_divergence(x, y, blur=blur, solver=COMPRESSED)
    heavy = snb.sinkhorn_divergence(x, y, 3 * ones, 3 * ones, blur=blur, solver=COMPRESSED)
    plain = snb.sinkhorn_divergence(x, y, 3 * ones, 3 * ones, blur=blur, solver=PLAIN)
    assert heavy.value == pytest.approx(3 * len(x) * unit.value, rel=1e-3)
    assert abs(heavy.value - plain.value) <= ODDS * heavy.value_error
    assert abs(heavy.xy.value - plain.xy.value) <= ODDS * heavy.xy.value_error
    np.testing.assert_allclose(heavy.xy.potential(x[:9]), heavy.xy.f[:9], atol=0.02 * blur**2)
    f = heavy.xy.f - plain.xy.f
    assert largest(f - f.mean()) <= 0.02 * blur**2
    assert abs(
        (heavy.xy.f.mean() + heavy.xy.g.mean()) - (plain.xy.f.mean() + plain.xy.g.mean())
    ) <= (0.01 * blur**2)


def test_entropic_ot_is_the_cross_problem_of_the_divergence():
    x, y, a, b, blur = problem("mixtures")
    solution = snb.entropic_ot(x, y, a, b, blur=blur, solver=COMPRESSED)
    divergence = snb.sinkhorn_divergence(x, y, a, b, blur=blur, solver=COMPRESSED)
    assert solution.value == divergence.xy.value
    np.testing.assert_array_equal(solution.f, divergence.xy.f)
    assert solution.n_passes < 1


def test_derivatives_of_maps_agree_with_those_of_a_plain_solve():
    x, y, a, b, blur = problem("warp", 1000)
    mine = snb.entropic_ot(x, y, a, b, blur=blur, solver=COMPRESSED)
    theirs = snb.entropic_ot(x, y, a, b, blur=blur, solver=PLAIN)
    cotangent = np.random.default_rng(0).normal(size=x.shape)
    own, other = mine.pullback(map=cotangent).y, theirs.pullback(map=cotangent).y
    assert np.linalg.norm(own - other) <= 0.05 * np.linalg.norm(other)
    assert mine.transport_cost == pytest.approx(theirs.transport_cost, rel=1e-3)


def test_a_compressed_divergence_can_be_pickled():
    *clouds, blur = problem("warp", 1500)
    divergence = snb.sinkhorn_divergence(*clouds, blur=blur, solver=COMPRESSED)
    again = pickle.loads(pickle.dumps(divergence))
    assert again.value == divergence.value
    np.testing.assert_array_equal(again.gradient().x, divergence.gradient().x)


def test_a_compressed_divergence_says_what_it_is():
    *clouds, blur = problem("warp", 1500)
    divergence = snb.sinkhorn_divergence(*clouds, blur=blur, solver=COMPRESSED)
    assert "value_error=" in repr(divergence) and "value_error=" in repr(divergence.xy)
    assert "nodes, in cells of 1 blur" in divergence.compression.reason
    assert divergence.compression.kappa == 1.0
    assert divergence.compression.n_nodes[0] < 1500
    assert "nodes" in divergence.xy.message


def test_too_large_cells_do_not_converge_and_warn():
    *clouds, blur = problem("mixtures")
    solver = replace(COMPRESSED, compression=3.0, tol=1e-4)
    with pytest.warns(
        snb.ConvergenceWarning, match="compression='auto', a smaller number, or None"
    ):
        divergence = snb.sinkhorn_divergence(*clouds, blur=blur, solver=solver)
    assert not divergence.converged
    assert divergence.marginal_error > 1e-4


@pytest.mark.parametrize("seed", [0, 3])
def test_the_marginal_error_is_stated_when_one_cloud_fits_in_a_cell(seed):
    """Nodes of a single cell would hide their error from each other."""
    rng = np.random.default_rng(seed)
    x, y = 3 * rng.normal(size=(2000, 1)), rng.choice([0, 0.6], size=(2000, 1))
    y = y + 0.02 * rng.normal(size=(2000, 1))
    solution = snb.entropic_ot(x, y, blur=0.6, solver=replace(COMPRESSED, compression=0.9))
    assert true_marginal_error(solution) <= 1.1 * solution.marginal_error


def test_nodes_are_solved_well_for_a_large_tolerance():
    """Small marginal errors may hide large errors of the value, if far clusters exchange mass."""
    *clouds, blur = problem("mixtures")
    solver = replace(COMPRESSED, tol=0.5)
    solution = snb.entropic_ot(*clouds, blur=blur, solver=solver)
    assert solution.found.on_nodes.marginal_error <= 2e-5


@pytest.mark.parametrize("n", [300, 3000])
def test_a_compressed_result_starts_plain_solves(n):
    x, y, _, _, blur = problem("warp", n)
    first = snb.sinkhorn_divergence(x, y, blur=blur, solver=COMPRESSED)
    moved = x + 0.01 * blur
    expected = snb.sinkhorn_divergence(moved, y, blur=blur)
    for init in (first, first.xy):
        found = snb.sinkhorn_divergence(moved, y, blur=blur, solver=Sinkhorn(init=init))
        assert not found.compression and found.n_passes < expected.n_passes
        assert found.value == pytest.approx(expected.value, rel=1e-3)
    known = snb.sinkhorn_divergence(x, y, blur=blur, self_x=first.xx, self_y=first.yy)
    assert known.value == pytest.approx(first.value, rel=1e-3)


def test_second_derivatives_entries_and_samples_follow_from_full_passes():
    x, y, _, _, blur = problem("warp", 1000)
    mine = snb.sinkhorn_divergence(x, y, blur=blur, solver=COMPRESSED)
    theirs = snb.sinkhorn_divergence(x, y, blur=blur, solver=PLAIN)
    own, other = (d.hessian_vector_product(dx=np.ones_like(x)).x for d in (mine, theirs))
    assert largest(own - other) <= 0.02 * largest(other)
    np.testing.assert_array_equal(mine.xy.plan.topk(1).indices, theirs.xy.plan.topk(1).indices)
    assert mine.xy.plan.normalized_entropy == pytest.approx(theirs.xy.plan.normalized_entropy, 1e-3)
    assert mine.on_host is mine


def test_a_table_of_compressed_divergences_is_symmetric():
    x, y, _, _, blur = problem("warp", 1500)
    table = snb.pairwise_sinkhorn_divergence([x, y, x + 0.1], blur=blur, solver=COMPRESSED)
    np.testing.assert_array_equal(table, table.T)
    np.testing.assert_array_equal(np.diag(table), 0.0)
    assert table[0, 2] == pytest.approx(0.01, rel=1e-4)
