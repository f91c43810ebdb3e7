"""Theorems on S_eps for any clouds (Feydy et al. 2019, theorem 1, and what follows from the
definition).
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from oracle import Dense
from strategies import DIMENSIONS, clouds, pairs, probabilities

from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence

TOL = 1e-9
SOLVER = Sinkhorn(tol=TOL, max_iter=200_000)
COARSE = Sinkhorn(tol=1e-2)


def S(x, y, a=None, b=None, blur=None, solver=SOLVER):
    return sinkhorn_divergence(x, y, a, b, blur=blur, solver=solver).value


def slack(pair):
    """A dual value is within (oscillation of the potentials) * (marginal error) of the optimum."""
    return 3 * TOL * pair.size


def assert_same(got, expected, pair):
    assert abs(got - expected) <= slack(pair), (got, expected, slack(pair))


@given(pairs())
def test_dense_oracle(pair):
    x, y, a, b, blur = pair
    result = sinkhorn_divergence(x, y, a, b, blur=blur, solver=SOLVER)
    dense = Dense.of(x, y, a, b, blur=blur)
    assert_same(result.value, dense.divergence, pair)
    assert_same(result.xy.value, dense.value, pair)
    assert_same(result.xy.transport_cost, (dense.plan * dense.C).sum(), pair)


@given(pairs())
def test_positive(pair):
    assert S(*pair) >= -slack(pair)


@given(pairs(), st.sampled_from([SOLVER, COARSE]), st.sampled_from(["float64", "float32"]))
def test_symmetric_to_the_bit(pair, solver, dtype):
    x, y, a, b, blur = pair
    x, y = x.astype(dtype), y.astype(dtype)
    assert S(x, y, a, b, blur, solver) == S(y, x, b, a, blur, solver)


@given(pairs(), st.sampled_from([SOLVER, COARSE]))
def test_zero_between_equal_measures(pair, solver):
    x, _, a, _, blur = pair
    assert S(x, x.copy(), a, a.copy(), blur, solver) == 0


@given(pairs(), st.floats(-10, 10))
def test_translation(pair, shift):
    x, y, a, b, blur = pair
    scale = max(np.abs(x).max(), np.abs(y).max(), blur)
    assert_same(S(x + shift * scale, y + shift * scale, a, b, blur), S(*pair), pair)


@given(pairs(), st.randoms(use_true_random=False))
def test_permutation(pair, random):
    x, y, a, b, blur = pair
    p, q = list(range(len(x))), list(range(len(y)))
    random.shuffle(p)
    random.shuffle(q)
    assert_same(S(x[p], y[q], a[p], b[q], blur), S(*pair), pair)


@given(pairs(), st.floats(1e-3, 1e3))
def test_scaling(pair, c):
    x, y, a, b, blur = pair
    assert_same(S(c * x, c * y, a, b, c * blur) / c**2, S(*pair), pair)


@given(pairs(), st.floats(1e-3, 1e3))
def test_mass(pair, mass):
    x, y, a, b, blur = pair
    assert_same(S(x, y, mass * a, mass * b, blur) / mass, S(*pair), pair)


@given(pairs(), st.data())
def test_half_a_weight_twice_is_the_weight(pair, data):
    x, y, a, b, blur = pair
    i = data.draw(st.integers(0, len(x) - 1))
    halves = np.append(a, a[i] / 2)
    halves[i] /= 2
    assert_same(S(np.vstack([x, x[i]]), y, halves, b, blur), S(*pair), pair)


@given(pairs(), st.data())
def test_weight_zero_is_no_point(pair, data):
    x, y, a, b, blur = pair
    extra = blur * data.draw(clouds(x.shape[1], largest=3))
    padded = np.append(a, np.zeros(len(extra)))
    result = sinkhorn_divergence(np.vstack([x, extra]), y, padded, b, blur=blur, solver=SOLVER)
    assert_same(result.value, S(*pair), pair)
    assert np.isfinite(result.xy.f).all()


@given(pairs(), st.floats(0, 1), st.data())
def test_convex_in_each_argument(pair, t, data):
    """Not jointly."""
    x, y, a, b, blur = pair
    other = a.sum() * data.draw(probabilities(len(x)))
    mixed = (1 - t) * a + t * other
    bound = (1 - t) * S(x, y, a, b, blur) + t * S(x, y, other, b, blur)
    assert S(x, y, mixed, b, blur) <= bound + 2 * slack(pair)
    assert S(y, x, b, mixed, blur) <= bound + 2 * slack(pair)


@given(st.data(), st.sampled_from([1e-1, 1e-2, 1e-4, 1e-6]))
def test_weak_convergence(data, h):
    """OT_eps is Lipschitz in each argument, by the diameter, for W_1: S(a_h, a) <= 2 diameter h."""
    x = data.draw(clouds(data.draw(DIMENSIONS)))
    moves = data.draw(clouds(x.shape[1], largest=1))
    a = data.draw(probabilities(len(x)))
    moved = x + h * moves * np.cos(np.arange(len(x)))[:, None]
    diameter = np.linalg.norm(np.ptp(np.concatenate([x, moved]), axis=0))
    blur = (diameter or 1.0) * data.draw(st.floats(0.2, 2.0))
    step = a @ np.linalg.norm(moved - x, axis=1)
    assert S(moved, x, a, a, blur) <= 2 * diameter * step + 3 * TOL * (diameter**2 + blur**2)


@given(pairs())
def test_entropic_cost_is_at_least_that_of_the_means(pair):
    """Jensen's inequality for <P, C>, and KL >= 0."""
    x, y, a, b, blur = pair
    gap = (a @ x - b @ y) / a.sum()
    assert entropic_ot(
        x, y, a / a.sum(), b / b.sum(), blur=blur, solver=SOLVER
    ).value >= gap @ gap / 2 - slack(pair)
