"""EntropicQuantileTransformer: scikit-learn's quantiles on a line, monotone maps, references, bad
input.
"""

import pickle

import numpy as np
import pytest
from problems import cloud
from scipy.stats import kstest
from sklearn.preprocessing import QuantileTransformer

import sinkhorn_nb as snb
from sinkhorn_nb.estimators import EntropicQuantileTransformer
from sinkhorn_nb.estimators.quantiles import even_points

LINE = np.random.default_rng(0).gamma(2.0, size=(400, 1))
X = cloud(300, 2)


@pytest.mark.parametrize("reference", ["uniform", "normal"])
def test_on_a_line_it_tends_to_the_quantiles_of_scikit_learn(reference):
    usual = QuantileTransformer(n_quantiles=400, output_distribution=reference).fit(LINE)
    inner = np.linspace(*np.quantile(LINE, [0.1, 0.9]), 200)[:, None]
    errors = [
        np.abs(
            EntropicQuantileTransformer(reference, blur=blur).fit(LINE).transform(inner)
            - usual.transform(inner)
        ).max()
        for blur in (0.5, 0.1, 0.02)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.03


@pytest.mark.parametrize("blur, p", [("auto", 2), (0.01, 2), (3.0, 2), (0.3, 1), (0.3, 3)])
def test_on_a_line_it_is_monotone_also_beyond_the_data(blur, p):
    fitted = EntropicQuantileTransformer(blur=blur, p=p).fit(LINE)
    ranks = fitted.transform(np.linspace(-20, 40, 3000)[:, None])[:, 0]
    assert (np.diff(ranks) >= -1e-12).all()
    assert 0 < ranks.min() and ranks.max() < 1


def test_in_the_plane_ranks_of_the_data_are_uniform_in_every_direction():
    fitted = EntropicQuantileTransformer(blur=0.02, n_reference=2000, random_state=0).fit(X)
    ranks = fitted.transform(X)
    assert ((0 < ranks) & (ranks < 1)).all()
    assert kstest(ranks[:, 0], "uniform").pvalue > 0.05
    assert kstest(ranks[:, 1], "uniform").pvalue > 0.05


def test_the_map_is_the_gradient_of_a_convex_function():
    fitted = EntropicQuantileTransformer(random_state=0).fit(X)
    here, there = X[:150], X[150:]
    moved = fitted.transform(here) - fitted.transform(there)
    assert ((moved * (here - there)).sum(axis=1) >= -1e-12).all()


def test_the_unit_of_the_data_does_not_matter():
    ranks = EntropicQuantileTransformer(random_state=0, tol=1e-9).fit(X).transform(X)
    other = EntropicQuantileTransformer(random_state=0, tol=1e-9).fit(1000 * X + 5)
    np.testing.assert_allclose(other.transform(1000 * X + 5), ranks, atol=1e-6)


def test_quantiles_are_the_inverse_of_ranks():
    fitted = EntropicQuantileTransformer(blur=0.02, random_state=0).fit(X)
    np.testing.assert_allclose(fitted.inverse_transform(fitted.transform(X)), X, atol=0.15)


def test_a_cloud_is_a_reference_too():
    fitted = EntropicQuantileTransformer(reference=3 * X + 7, blur=0.05).fit(X)
    np.testing.assert_allclose(fitted.transform(X), 3 * X + 7, atol=0.5)
    assert len(fitted.reference_points_) == 300


def test_a_measure_as_reference_keeps_its_weights():
    points, counts = 3 * X[:50] + 7, np.arange(50) % 7 + 1
    repeated = np.repeat(points, counts, axis=0)
    of_measure, of_repeats = (
        EntropicQuantileTransformer(reference, blur=0.5).fit(X)
        for reference in (snb.Measure(points, counts.astype(float)), repeated)
    )
    np.testing.assert_array_equal(of_measure.reference_weights_, of_repeats.reference_weights_)
    np.testing.assert_array_equal(of_measure.transform(X), of_repeats.transform(X))
    np.testing.assert_allclose(of_measure.reference_mean_, repeated.mean(axis=0))
    expected = np.sqrt(X.var(axis=0).sum() / repeated.var(axis=0).sum())
    assert of_measure.scale_ == pytest.approx(expected)


def test_data_or_references_without_spread_have_one_rank_or_quantile():
    constant = np.full((5, 2), 3.0)
    onto = EntropicQuantileTransformer(reference=constant).fit(X)
    np.testing.assert_allclose(onto.transform(X), np.full(X.shape, 3.0), atol=1e-12)
    of = EntropicQuantileTransformer(blur=0.1, random_state=0).fit(constant)
    np.testing.assert_allclose(of.transform(constant), 5 * [of.reference_mean_], atol=1e-6)
    np.testing.assert_allclose(of.inverse_transform(X), np.full(X.shape, 3.0), atol=1e-12)


def test_the_seed_decides_the_points_of_the_reference():
    first, again, other = (
        EntropicQuantileTransformer(n_reference=20, random_state=seed).fit(X).reference_points_
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert len(first) == 20 and not np.array_equal(first, other)


def test_a_fitted_map_does_not_change_with_its_settings():
    fitted = EntropicQuantileTransformer(p=1.5, blur=0.3, n_reference=50).fit(X)
    ranks = fitted.transform(X)
    fitted.set_params(p=2, blur=1.0)
    np.testing.assert_array_equal(fitted.transform(X), ranks)


def test_a_solve_that_does_not_converge_warns_and_says_so():
    settings = {"n_reference": 50, "random_state": 0, "tol": 1e-9}
    done = EntropicQuantileTransformer(**settings).fit(X)
    assert done.converged_ and done.n_iter_ > 2
    with pytest.warns(snb.ConvergenceWarning):
        short = EntropicQuantileTransformer(**settings, max_iter=2).fit(X)
    assert not short.converged_ and short.n_iter_ == 2


def test_rows_on_their_own_have_the_same_bits():
    fitted = EntropicQuantileTransformer(random_state=0).fit(X)
    alone = np.concatenate([fitted.transform(row[None]) for row in X])
    np.testing.assert_array_equal(alone, fitted.transform(X))


def test_weights_are_repeated_rows_to_the_bit():
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = EntropicQuantileTransformer(random_state=0).fit(X, sample_weight=weights)
    repeated = EntropicQuantileTransformer(random_state=0).fit(np.repeat(X, weights, axis=0))
    np.testing.assert_array_equal(weighted.transform(X), repeated.transform(X))


def test_float32_and_saved_state():
    fitted = EntropicQuantileTransformer(random_state=0).fit(X.astype(np.float32))
    ranks = fitted.transform(X.astype(np.float32))
    assert ranks.dtype == np.float32
    restored = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(restored.transform(X.astype(np.float32)), ranks)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_even_points_fill_the_cube(d):
    points = even_points(1000, d, np.random.RandomState(0))
    for k in range(d):
        assert kstest(points[:, k], "uniform").statistic < 0.02
    assert ((points > 0) & (points < 1)).all()


BAD = {
    "unknown reference": (
        {"reference": "cauchy"},
        "reference: expected one of 'uniform', 'normal'",
    ),
    "no points": ({"n_reference": 0}, "n_reference: expected an integer >= 1"),
    "reference of a line": ({"reference": LINE}, "reference: expected 2 features like X, got 1"),
    "no exponent": ({"p": 0.5}, "p: expected an exponent of at least 1"),
    "blur as a word": ({"blur": "small"}, 'blur: expected "auto" or a length > 0'),
}


@pytest.mark.parametrize("settings, message", BAD.values(), ids=BAD)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        EntropicQuantileTransformer(**settings).fit(X)
