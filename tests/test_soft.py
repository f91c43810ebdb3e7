"""Soft sorting, ranks and quantiles: their limits, symmetries and derivatives."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import rankdata

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, soft_quantile, soft_rank, soft_sort

EXACT = Sinkhorn(tol=1e-13, max_iter=20_000)
LEVELS = [0.0, 0.13, 0.5, 0.9, 1.0]
NUMBERS = hnp.arrays(np.float64, st.integers(1, 12), elements=st.floats(-1, 1, width=16))
BLURS = st.floats(0.2, 2.0)


def spread(n=12):
    """Numbers in no order, no two of them near each other."""
    rng = np.random.default_rng(n)
    return rng.permutation(np.arange(n) + rng.uniform(-0.2, 0.2, n))


def weights(n=12):
    return np.random.default_rng(n).uniform(0.2, 1.0, n)


FUNCTIONS = {
    "sort": soft_sort,
    "rank": soft_rank,
    "quantile": lambda x, weights=None, **how: soft_quantile(x, LEVELS, weights, **how),
}


def close(got, expected, atol=1e-9):
    np.testing.assert_allclose(got, expected, rtol=0, atol=atol)


def test_small_blur_is_no_blur():
    x = spread()
    close(soft_sort(x, blur=0.05).values, np.sort(x), 1e-3)
    close(soft_rank(x, blur=0.05).values, rankdata(x), 1e-3)
    close(soft_quantile(x, LEVELS, blur=0.05).values, np.quantile(x, LEVELS), 1e-3)


def test_equal_numbers_share_their_ranks():
    x = np.array([3.0, 1.0, 3.0, 0.0, 1.0, 7.0])
    close(soft_rank(x, blur=0.02).values, rankdata(x), 1e-3)
    close(soft_sort(x, blur=0.02).values, np.sort(x), 1e-3)


def test_large_blur_leaves_the_mean():
    x = spread()
    close(soft_sort(x, blur=1e4).values, x.mean(), 1e-4)
    close(soft_rank(x, blur=1e4).values, 6.5, 1e-4)


def test_whole_weights_are_repetitions():
    """4 numbers, weights that are multiples of 1/4."""
    x, a = np.array([2.0, 5.0, 0.0, 9.0]), np.array([2.0, 1.0, 1.0, 0.0])
    close(soft_sort(x, a, blur=0.02).values, [0.0, 2.0, 2.0, 5.0], 1e-3)
    close(soft_rank(x, a, blur=0.02).values[:3], [2.5, 4.0, 1.0], 1e-3)


@given(NUMBERS, BLURS)
def test_sorted_values_increase_and_keep_their_mean(x, blur):
    values = soft_sort(x, blur=blur, solver=Sinkhorn(tol=1e-9)).values
    assert (np.diff(values) >= -1e-9).all()
    assert values.mean() == pytest.approx(x.mean(), abs=1e-8)
    assert x.min() - 1e-9 <= values[0] <= values[-1] <= x.max() + 1e-9


@given(NUMBERS, BLURS)
def test_ranks_are_in_the_order_of_the_numbers(x, blur):
    ranks = soft_rank(x, blur=blur, solver=Sinkhorn(tol=1e-9)).values
    assert (np.diff(ranks[np.argsort(x)]) >= -1e-7).all()
    assert ranks.mean() == pytest.approx((len(x) + 1) / 2, abs=1e-6)
    assert (ranks >= 1 - 1e-7).all() and (ranks <= len(x) + 1e-7).all()


@given(NUMBERS, BLURS, st.randoms(use_true_random=False))
def test_order_of_the_numbers(x, blur, random):
    order = random.sample(range(len(x)), len(x))
    ones = np.ones(len(x))
    close(soft_sort(x[order], blur=blur).values, soft_sort(x, blur=blur).values)
    close(soft_rank(x[order], blur=blur).values, soft_rank(x, blur=blur).values[order], 1e-7)
    pulled, permuted = (
        soft_sort(x, blur=blur).pullback(ones),
        soft_sort(x[order], blur=blur).pullback(ones),
    )
    close(permuted, pulled[order], 1e-6)


@given(NUMBERS, BLURS)
def test_units_and_signs(x, blur):
    how, n = {"blur": blur, "solver": Sinkhorn(tol=1e-9)}, len(x)
    scaled = {**how, "blur": 3 * blur}
    close(soft_sort(3 * x + 2, **scaled).values, 3 * soft_sort(x, **how).values + 2, 1e-6)
    close(soft_sort(-x, **how).values, -soft_sort(x, **how).values[::-1], 1e-6)
    if np.ptp(x) > 1e-3:  # the grid of equal numbers is in units of its own
        close(soft_rank(3 * x + 2, **scaled).values, soft_rank(x, **how).values, 1e-3)
        close(soft_rank(-x, **how).values, n + 1 - soft_rank(x, **how).values, 1e-3)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("a", [None, weights(), 5.0 * weights() * (np.arange(12) > 1)])
@pytest.mark.parametrize("blur", [0.5, 3.0])
def test_pullback_is_the_derivative(name, a, blur):
    x, rng = spread(), np.random.default_rng(0)
    dx, h = rng.normal(size=12), 1e-3

    def values(t):
        return FUNCTIONS[name](x + t * dx, a, blur=blur, solver=EXACT)

    result = values(0)
    cotangent = rng.normal(size=result.values.shape)
    steps = (
        8 * (values(h).values - values(-h).values) - (values(2 * h).values - values(-2 * h).values)
    ) / (12 * h)
    assert result.pullback(cotangent) @ dx == pytest.approx(cotangent @ steps, rel=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("x", [[2.0], [1.0, 1.0, 1.0], [0.0, 1e-9, 1.0]])
def test_derivatives_at_few_or_equal_numbers_are_finite(name, x):
    result = FUNCTIONS[name](x, blur=0.5)
    assert np.isfinite(result.values).all()
    gradient = result.pullback(np.ones_like(result.values))
    assert gradient.shape == (len(x),)
    assert gradient.sum() == pytest.approx(0 if name == "rank" else len(result.values), abs=1e-6)


def test_ranks_of_equal_numbers_have_a_derivative():
    """The deviation of equal numbers is not differentiable, but ranks there do not depend on it."""
    result = soft_rank(np.ones(3), blur=0.5, solver=EXACT)
    close(result.values, 2.0)
    # The grid has variance (1 - 1/9), d T_i = Cov(y) / eps (dx_i - mean dx), in steps of sqrt(12) /
    # 3.
    slope = (8 / 9) / 0.25 / (np.sqrt(12) / 3)
    close(result.pullback([1.0, 0.0, 0.0]), slope * np.array([2, -1, -1]) / 3, 1e-6)


def test_levels_keep_their_shape():
    x = spread()
    assert soft_quantile(x, 0.5, blur=0.5).values.shape == ()
    assert soft_quantile(x, [[0.1, 0.2]], blur=0.5).values.shape == (1, 2)
    assert soft_quantile(x, 0.5, blur=0.5).pullback(1.0).sum() == pytest.approx(1.0)
    assert soft_quantile(x, [[0.1, 0.2]], blur=0.5).pullback([[1.0, 1.0]]).shape == (12,)


def test_results_are_arrays():
    result = soft_sort(spread(), blur=0.5)
    np.testing.assert_array_equal(np.asarray(result), result.values)
    assert np.asarray(result, dtype=np.float32).dtype == np.float32
    assert isinstance(result, snb.SoftValues)
    again = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(again.pullback(np.ones(12)), result.pullback(np.ones(12)))


def test_no_convergence_is_told():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert not soft_sort(
            spread(), blur=0.5, solver=Sinkhorn(max_iter=1, tol=1e-9, init="zeros")
        ).solution.converged
    assert [(w.category, w.filename) for w in caught] == [(snb.ConvergenceWarning, __file__)]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: soft_sort([[1.0]], blur=1.0), ValueError, r"x: expected an \(n,\) array"),
        (lambda: soft_sort([], blur=1.0), ValueError, "x: expected at least one point"),
        (lambda: soft_rank([1.0, 2.0], [1.0], blur=1.0), ValueError, "weights: expected 2 weights"),
        (lambda: soft_rank([1.0], blur=0.0), ValueError, "blur: expected a length > 0"),
        (
            lambda: soft_rank([1.0], blur=1.0, solver="auto"),
            TypeError,
            "solver: expected a Sinkhorn",
        ),
        (
            lambda: soft_quantile([1.0], 50, blur=1.0),
            ValueError,
            "q: expected levels from 0 to 1, got 50.0; divide",
        ),
        (
            lambda: soft_quantile([1.0], [np.nan], blur=1.0),
            ValueError,
            "q: expected levels from 0 to 1, got nan",
        ),
        (
            lambda: soft_sort([1.0], blur=1.0).pullback([1.0, 2.0]),
            ValueError,
            r"cotangent: expected shape \(1,\)",
        ),
    ],
)
def test_bad_input(call, error, text):
    with pytest.raises(error, match=text):
        call()
