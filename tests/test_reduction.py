"""Equal points are one point, and points without mass are none; results are for the caller's rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Dense, softmin
from problems import PRECISE, cloud, example, weights
from strategies import pairs

from sinkhorn_nb import Measure, Problem, entropic_ot, sinkhorn_divergence

BLUR = 0.5


def repeated(x, a, seed=0):
    """Rows of the same measure: each point one to three times, its weight in uneven parts, and some
    weights of zero.
    """
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(len(x)), rng.integers(1, 4, len(x)))
    parts = rng.uniform(0.1, 1, len(rows))
    parts *= (a / np.bincount(rows, parts))[rows]
    order = rng.permutation(len(rows) + 3)
    strangers = x[:3] + rng.normal(size=x[:3].shape)
    points = np.concatenate([x[rows], strangers])[order]
    return (
        points,
        np.concatenate([parts, np.zeros(3)])[order],
        np.concatenate([rows, [-1, -1, -1]])[order],
    )


@pytest.fixture(scope="module")
def solved():
    """The same problem twice, and the points that the rows of the second are."""
    x, y, a, b = example()
    (x2, a2, rows), (y2, b2, columns) = repeated(x, a), repeated(y, b, 1)
    one = entropic_ot(x, y, a, b, blur=BLUR, solver=PRECISE)
    return one, entropic_ot(x2, y2, a2, b2, blur=BLUR, solver=PRECISE), rows, columns


def arguments(problem):
    source, target = problem.source, problem.target
    return source.points, target.points, source.weights, target.weights


def test_potentials_and_maps_are_those_of_the_points(solved):
    one, other, rows, columns = solved
    assert other.value == pytest.approx(one.value, rel=1e-12)
    for values, same, owner in (
        (other.f, one.f, rows),
        (other.g, one.g, columns),
        (other.map(), one.map(), rows),
        (other.map_back(), one.map_back(), columns),
    ):
        np.testing.assert_allclose(
            values[owner >= 0], same[owner[owner >= 0]], rtol=1e-9, atol=1e-9
        )


def test_rows_without_mass_have_the_softmin(solved):
    _, other, rows, _ = solved
    x, y = other.problem.source.points, other.problem.target.points
    C = ((x[:, None] - y[None]) ** 2).sum(axis=2) / 2
    expected = softmin(BLUR**2, C, other.g, other.problem.target.weights)
    np.testing.assert_allclose(other.f[rows < 0], expected[rows < 0], atol=1e-8)
    np.testing.assert_allclose(other.map(x)[rows < 0], other.map()[rows < 0], rtol=1e-12)


def test_gradients_of_repeated_points_are_their_share_of_the_weight(solved):
    one, other, rows, _ = solved
    shares = other.problem.source.weights / np.append(one.problem.source.weights, 1.0)[rows]
    gradient, same = other.gradient(), one.gradient()
    np.testing.assert_allclose(
        gradient.x[rows >= 0], (shares[:, None] * same.x[rows])[rows >= 0], atol=1e-10
    )
    np.testing.assert_allclose(gradient.a[rows >= 0], same.a[rows[rows >= 0]], atol=1e-9)
    assert (gradient.x[rows < 0] == 0).all()


def test_gradients_are_those_of_differences(solved):
    _, other, _, _ = solved
    x, y, a, b = arguments(other.problem)
    h, rng = 1e-4, np.random.default_rng(0)
    move = rng.normal(size=x.shape)  # equal points go different ways
    ends = [
        entropic_ot(x + s * h * move, y, a, b, blur=BLUR, solver=PRECISE).value for s in (1, -1)
    ]
    assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(
        (other.gradient().x * move).sum(), rel=1e-6
    )


def test_plans_are_read_by_rows(solved):
    _, other, _, _ = solved
    dense = Dense.of(*arguments(other.problem), blur=BLUR)
    P, v = dense.plan_of(other.f, other.g), np.random.default_rng(0).normal(size=(len(other.g), 2))
    np.testing.assert_allclose(other.plan.toarray(), P, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(other.plan @ v, P @ v, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(other.plan.sum(axis=0), P.sum(axis=0), rtol=1e-9, atol=1e-15)
    assert other.transport_cost == pytest.approx((P * dense.C).sum(), rel=1e-10)


def test_implicit_derivatives_are_those_of_rows(solved):
    _, other, _, _ = solved
    x, y, a, b = arguments(other.problem)
    h, rng = 1e-4, np.random.default_rng(0)
    cotangent, move = rng.normal(size=x.shape), rng.normal(size=y.shape)
    pulled = other.pullback(map=cotangent, tol=1e-10)
    ends = [
        entropic_ot(x, y + s * h * move, a, b, blur=BLUR, solver=PRECISE).map() for s in (1, -1)
    ]
    expected = (cotangent * (ends[0] - ends[1])).sum() / (2 * h)
    assert (pulled.y * move).sum() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("copies", [2, 3, 7])
def test_equal_measures_have_no_divergence_however_they_are_written(copies):
    x, a = cloud(23, 2), weights(23)
    for points, parts in (
        (np.repeat(x, copies, axis=0), np.repeat(a / copies, copies)),
        (np.concatenate([x[::-1], x[:4] + 1]), np.concatenate([a[::-1], np.zeros(4)])),
        repeated(x, a)[:2],
    ):
        divergence = sinkhorn_divergence(x, points, a, parts, blur=0.1)
        assert divergence.value == 0.0
        gradient = divergence.gradient()
        assert gradient.y.shape == points.shape
        np.testing.assert_allclose(gradient.y, 0, atol=1e-12)


def test_repeated_points_take_the_passes_of_distinct_ones():
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 50, size=(5000, 1)) for _ in range(2))
    (u, m), (v, n) = (np.unique(z, return_counts=True) for z in (x, y))
    rows = entropic_ot(x, y, blur=2.0)
    counts = entropic_ot(u[:, None], v[:, None], m / 5000, n / 5000, blur=2.0)
    assert rows.value == pytest.approx(counts.value, rel=1e-12)
    assert rows.n_passes == counts.n_passes
    assert len(rows.problem.reduced.source) == 50


def test_a_measure_of_distinct_points_with_mass_is_its_own_reduced_one():
    measure = Measure.of(cloud(20, 3), weights(20))
    assert measure.reduced is measure
    problem = Problem(measure, Measure.of(cloud(9, 3)), 0.1)
    assert problem.reduced is problem


@given(pairs(), st.integers(0, 2**32 - 1))
def test_expanding_undoes_collapsing(pair, seed):
    measure = Measure.of(pair.x, pair.a)
    reduced = measure.reduced
    assert reduced.mass == pytest.approx(measure.mass, rel=1e-14)
    assert (reduced.weights > 0).all() and len(np.unique(reduced.points, axis=0)) == len(reduced)
    values = np.random.default_rng(seed).normal(size=len(reduced))
    rows = measure.expand(values, at_inert=np.nan)
    np.testing.assert_array_equal(measure.collapse(rows), values)
    np.testing.assert_allclose(measure.average(rows), values, rtol=1e-14)
    assert np.isnan(rows).sum() == len(measure.inert)
