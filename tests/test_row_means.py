"""Softmin extensions and barycentric maps of learned arrays, against dense log-sum-exp."""

import numpy as np
import pytest
from oracle import costs
from problems import cloud, weights
from scipy.special import logsumexp, softmax

from sinkhorn_nb.estimators.maps import Potential
from sinkhorn_nb.terms import terms_of

N_POINTS = 1300  # more than two blocks of columns


def potential(d, blur, dtype="float64", p=2):
    y = cloud(N_POINTS, d, dtype, shift=3.0)
    values = np.random.default_rng(d).normal(size=N_POINTS) * blur**p
    return Potential(y, weights(N_POINTS), values, terms_of(blur=blur, p=p))


def exponents(x, known):
    p = known.terms.cost.exponent
    distances = np.sqrt(2 * costs(x, known.points.astype(np.float64)))
    return (known.values - distances**p / p) / known.terms.eps + np.log(known.weights)


@pytest.mark.parametrize("d", [1, 3, 10])
@pytest.mark.parametrize("blur", [0.03, 0.3, 30.0])
def test_both_are_those_of_a_dense_log_sum_exp(d, blur):
    p, x = potential(d, blur), cloud(200, d, shift=2.5)
    t = exponents(x, p)
    np.testing.assert_allclose(p.images(x), softmax(t, axis=1) @ p.points, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(
        p.softmin(x), -(blur**2) * logsumexp(t, axis=1), rtol=1e-9, atol=1e-10 * blur**2
    )


@pytest.mark.parametrize("p", [1, 1.5])
@pytest.mark.parametrize("blur", [0.03, 3.0])
def test_with_other_powers_of_the_distance_both_are_those_of_a_dense_log_sum_exp(p, blur):
    known, x = potential(3, blur, p=p), cloud(200, 3, shift=2.5)
    t = exponents(x, known)
    means = softmax(t, axis=1) @ known.points
    np.testing.assert_allclose(known.images(x), means, rtol=1e-8, atol=1e-8)
    expected = -known.terms.eps * logsumexp(t, axis=1)
    np.testing.assert_allclose(known.softmin(x), expected, rtol=1e-9, atol=1e-9 * known.terms.eps)
    far = known.images(np.array([[1e200, 0.0, -1e200]]))
    assert (known.points.min(axis=0) <= far).all() and (far <= known.points.max(axis=0)).all()


def test_float32_points_and_columns_in_any_memory_order_are_read():
    p = potential(3, 0.3, "float32")
    x = np.asfortranarray(cloud(100, 3, "float32"))
    expected = softmax(exponents(x.astype(np.float64), p), axis=1) @ p.points.astype(np.float64)
    np.testing.assert_allclose(p.images(x), expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("distance", [1e3, 1e9, 1e15, 1e100])
def test_far_rows_go_to_the_point_that_lies_furthest_in_their_direction(distance):
    p = potential(2, 0.3)
    x = distance * np.array([[1.0, 0.3], [-0.2, -1.0]])
    furthest = p.points[np.argmax(x @ p.points.T, axis=1)]
    np.testing.assert_allclose(p.images(x), furthest, atol=0.05 if distance == 1e3 else 1e-12)


def test_a_block_that_outweighs_all_blocks_before_it_is_not_lost():
    y = np.repeat([[0.0], [1.0], [2.0]], 512, axis=0)
    values = np.repeat([0.0, 500.0, 900.0], 512)
    p = Potential(y, np.full(len(y), 1 / len(y)), values, terms_of(blur=1.0))
    np.testing.assert_allclose(p.images(np.zeros((1, 1))), [[2.0]])
    np.testing.assert_allclose(p.softmin(np.zeros((1, 1))), 2.0 + np.log(3) - 900.0)


@pytest.mark.parametrize("p", [1, 2])
def test_the_last_blocks_of_rows_and_columns_may_have_one_point(p):
    whole = potential(2, 0.5, p=p)
    values = np.append(whole.values[:512], 3.0)
    known = Potential(whole.points[:513], whole.weights[:513], values, whole.terms)
    x = cloud(65, 2, shift=2.5)
    expected = softmax(exponents(x, known), axis=1) @ known.points
    np.testing.assert_allclose(known.images(x), expected, rtol=1e-9, atol=1e-10)
