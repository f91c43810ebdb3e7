"""Compressed solves for the cost |x - y| agree with plain ones within the errors that they state."""

import numpy as np
import pytest
from large_clouds import problem

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn
from sinkhorn_nb.backends.cpu import threads

COMPRESSED = Sinkhorn(compression=0.5, tol=1e-2)
PLAIN = Sinkhorn(tol=1e-5, compression=None)
CASES = {"mixtures": None, "weighted": None, "outlier": 3.0}  # reach in blurs


def clouds_of(name, reach=None, n=1500):
    x, y, a, b, blur = problem(name, n)
    plane = x[:, :2], y[:, :2]  # kernels are compiled for each dimension
    return (*plane, a, b), {"p": 1, "blur": 2 * blur, "reach": reach and 2 * reach * blur}


def distance(mine, theirs):
    return np.linalg.norm(mine - theirs) / np.linalg.norm(theirs)


@pytest.fixture(scope="module", params=CASES.items(), ids=str)
def pair(request):
    """A compressed and a plain divergence."""
    clouds, terms = clouds_of(*request.param)
    both = (COMPRESSED, PLAIN)
    return [snb.sinkhorn_divergence(*clouds, **terms, solver=solver) for solver in both]


def test_values_agree_within_the_stated_errors(pair):
    mine, theirs = pair
    assert mine.compression and not theirs.compression
    assert abs(mine.value - theirs.value) <= mine.value_error <= 2e-3 * mine.xy.problem.eps
    for own, other in zip(mine._solutions, theirs._solutions, strict=True):
        assert abs(own.value - other.value) <= own.value_error


def test_the_stated_marginal_error_is_above_that_of_all_pairs(pair):
    for solution in pair[0]._solutions:
        true = solution.problem.reduced.dual().error(solution.iterate)
        assert true <= 1.1 * solution.marginal_error <= 1e-2


def test_gradients_maps_and_potentials_agree(pair):
    mine, theirs = pair
    for own, other in [(mine, theirs), (mine.xy, theirs.xy)]:
        parts = list(zip(own.gradient(), other.gradient(), strict=True))
        assert all(distance(*part) <= 0.1 for part in parts[:2])  # 1 % in smaller cells
        assert all(distance(*part) <= 0.01 for part in parts[2:])
    problem, points = mine.xy.problem, mine.xy.problem.source.points[:9]
    shift = np.median(mine.xy.f - theirs.xy.f) if problem.marginals.are_exact else 0.0
    assert np.median(np.abs(mine.xy.f - theirs.xy.f - shift)) <= 0.01 * problem.eps
    assert np.median(np.abs(mine.xy.map() - theirs.xy.map())) <= 0.02 * problem.blur
    np.testing.assert_allclose(mine.xy.potential(points), mine.xy.f[:9], atol=1e-5 * problem.eps)
    np.testing.assert_allclose(mine.xy.map(points), mine.xy.map()[:9], atol=1e-5 * problem.blur)


def test_repeated_points_do_not_pull_themselves():
    rng = np.random.default_rng(0)
    x, y = rng.random((4, 2)).repeat(300, axis=0), rng.random((3, 2)).repeat(400, axis=0)
    mine, theirs = (
        snb.sinkhorn_divergence(x, y, p=1, blur=0.05, solver=solver).gradient()
        for solver in (COMPRESSED, PLAIN)
    )
    assert max(distance(mine.x, theirs.x), distance(mine.y, theirs.y)) <= 0.02


def test_the_order_of_points_and_of_clouds_and_threads_do_not_change_a_bit():
    (x, y, *_), terms = clouds_of("mixtures", n=1000)
    forth = snb.sinkhorn_divergence(x, y, **terms, solver=COMPRESSED)
    with threads.at_most(1):
        back = snb.sinkhorn_divergence(y[::-1], x, **terms, solver=COMPRESSED)
    assert (forth.value, forth.value_error) == (back.value, back.value_error)
    np.testing.assert_array_equal(forth.gradient().x, back.gradient().y)
    np.testing.assert_array_equal(forth.gradient().b, back.gradient().a[::-1])


def test_equal_measures_have_the_divergence_zero():
    (x, *_), terms = clouds_of("mixtures", n=1000)
    divergence = snb.sinkhorn_divergence(x, x[::-1], **terms, solver=COMPRESSED)
    assert divergence.compression and divergence.value == divergence.value_error == 0.0
    assert not any(part.any() for part in divergence.gradient())


def test_streams_and_hausdorff_divergences_are_not_compressed_with_a_kink():
    (x, y, *_), terms = clouds_of("mixtures", n=1000)
    streams = [snb.Measure.from_chunks([cloud], side=terms["blur"] / 4) for cloud in (x, y)]
    with pytest.raises(ValueError, match=r"for the cost \|x - y\| all points are needed"):
        snb.sinkhorn_divergence(*streams, **terms)
    few = x[:200], y[:200]
    plain = snb.hausdorff_divergence(*few, **terms, solver=COMPRESSED)
    assert "which is smooth" in plain.xx.compression.reason
