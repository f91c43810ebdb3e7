"""SinkhornDriftDetector: exact tests, attributions, windows, pictures, saved state, bad input."""

import pickle

import numpy as np
import pytest
from problems import cloud
from sklearn.exceptions import NotFittedError

import sinkhorn_nb as snb
from sinkhorn_nb.estimators import SinkhornDriftDetector

X = np.random.default_rng(0).normal(size=(80, 4))
DRIFTED = np.random.default_rng(1).normal(size=(60, 4)) + 1.5 * np.eye(4)[2]
SAME = np.random.default_rng(2).normal(size=(60, 4))


def detector(**settings):
    return SinkhornDriftDetector(n_permutations=199, random_state=0, **settings).fit(X)


@pytest.mark.parametrize("statistic", ["sinkhorn", "energy", "mmd"])
def test_drift_is_found_where_it_is(statistic):
    drift = detector(statistic=statistic, blur=1.0).test(DRIFTED)
    assert drift.is_drift and drift.pvalue == 0.005
    assert not detector(statistic=statistic, blur=1.0).test(SAME).is_drift
    expected = snb.sinkhorn_two_sample_test(X, DRIFTED, blur=1.0, statistic=statistic)
    assert drift.statistic == pytest.approx(expected.statistic, rel=1e-9)


@pytest.mark.slow
def test_false_alarms_are_as_frequent_as_the_level_says():
    rng = np.random.default_rng(3)
    alarms = 0
    for seed in range(300):
        small = SinkhornDriftDetector(alpha=0.1, n_permutations=49, blur=0.7, random_state=seed)
        alarms += small.fit(rng.normal(size=(12, 2))).test(rng.normal(size=(9, 2))).is_drift
    assert 0.03 < alarms / 300 < 0.17  # 4 standard errors


def test_a_p_value_at_the_level_is_an_alarm():
    assert detector(alpha=0.005, blur=1.0).test(DRIFTED).is_drift
    assert not detector(alpha=0.0049, blur=1.0).test(DRIFTED).is_drift


def test_the_seed_decides_the_labelings():
    first, again, other = (
        SinkhornDriftDetector(n_permutations=19, blur=1.0, random_state=seed).fit(X)
        for seed in (0, 0, 1)
    )
    for each in (first, again, other):
        each.test(SAME)
    np.testing.assert_array_equal(first.null_distribution_, again.null_distribution_)
    assert not np.array_equal(first.null_distribution_, other.null_distribution_)


def test_a_detector_keeps_its_own_reference_and_forgets_its_window_when_it_is_fitted_again():
    points = X.copy()
    fitted = SinkhornDriftDetector(n_permutations=9, blur=1.0).fit(points)
    points[:] = np.nan
    np.testing.assert_array_equal(fitted.reference_points_, X)
    fitted.update(SAME)
    fitted.fit(DRIFTED).update(SAME[:5])
    np.testing.assert_array_equal(fitted.window_, SAME[:5])


def test_the_tolerance_is_that_of_the_attributions():
    solver = snb.Sinkhorn(tol=1e-7)
    divergence = snb.sinkhorn_divergence(DRIFTED, X, blur=0.5, solver=solver)
    fitted = detector(blur=0.5, tol=1e-7)
    assert fitted.score(DRIFTED) == -divergence.value
    squares = divergence.gradient().x ** 2
    shares = fitted.test(DRIFTED).attributions / divergence.value
    np.testing.assert_allclose(shares, squares / squares.sum(), rtol=1e-9)


def test_attributions_name_the_feature_and_the_rows_that_moved():
    moved = SAME.copy()
    moved[:10, 1] += 6.0
    fitted = detector(blur=0.5)
    drift = fitted.test(moved)
    assert drift.of_features.argmax() == 1
    assert set(np.argsort(drift.of_samples)[-10:]) == set(range(10))
    value = snb.sinkhorn_divergence(moved, X, blur=0.5).value
    assert drift.attributions.sum() == pytest.approx(value)
    assert (drift.attributions >= 0).all()
    np.testing.assert_array_equal(fitted.attributions_, drift.attributions)


def test_the_score_is_minus_the_divergence():
    fitted = detector(blur=0.5)
    assert fitted.score(DRIFTED) == -snb.sinkhorn_divergence(DRIFTED, X, blur=0.5).value
    assert fitted.score(DRIFTED) < fitted.score(SAME) < fitted.score(X) == 0
    assert detector().test(X).attributions.sum() == 0


def test_updates_test_the_window_of_the_latest_rows():
    online = detector(window=40, blur=0.8)
    results = [online.update(chunk) for chunk in (SAME[:20], SAME[20:60], DRIFTED[:30], DRIFTED)]
    assert [result.is_drift for result in results] == [False, False, True, True]
    np.testing.assert_array_equal(online.window_, DRIFTED[-40:])
    assert results[-1].pvalue == detector(blur=0.8).test(DRIFTED[-40:]).pvalue
    assert len(detector().update(np.tile(SAME, (3, 1))).attributions) == len(X)


def test_the_state_is_numpy_only_and_is_saved_by_pickle():
    fitted = detector()
    drift = fitted.test(DRIFTED)
    learned = {name: value for name, value in vars(fitted).items() if name.endswith("_")}
    assert {type(value) for value in learned.values()} <= {np.ndarray, float, int, bool}
    restored = pickle.loads(pickle.dumps(fitted))
    assert restored.pvalue_ == drift.pvalue
    assert restored.test(DRIFTED).pvalue == drift.pvalue


def test_the_state_is_saved_by_skops():
    sio = pytest.importorskip("skops.io")
    saved = sio.dumps(detector())
    restored = sio.loads(saved, trusted=sio.get_untrusted_types(data=saved))
    assert restored.test(DRIFTED).pvalue == detector().test(DRIFTED).pvalue


def test_the_picture_shows_the_test_and_the_features():
    pytest.importorskip("matplotlib")
    fitted = detector()
    fitted.test(DRIFTED)
    left, right = fitted.plot().axes
    assert "drift" in left.get_title() and len(right.patches) == 4
    assert [label.get_text() for label in right.get_yticklabels()][-1] == "2"


def test_what_has_not_been_fitted_or_tested_says_so():
    for call in (SinkhornDriftDetector().test, SinkhornDriftDetector().update):
        with pytest.raises(NotFittedError):
            call(X)
    with pytest.raises(NotFittedError):
        detector().plot()


BAD = {
    "level 0": ({"alpha": 0.0}, ValueError, "alpha: expected a number above 0 and at most 1"),
    "level in percent": ({"alpha": 5}, ValueError, "alpha: expected a number above 0"),
    "no window": ({"window": 0}, ValueError, "window: expected an integer >= 1"),
    "unknown blur": ({"blur": "median"}, ValueError, 'blur: expected "auto" or a length > 0'),
}


@pytest.mark.parametrize("settings, kind, message", BAD.values(), ids=BAD)
def test_bad_settings_are_named(settings, kind, message):
    with pytest.raises(kind, match=message):
        detector(**settings)


def test_bad_tests_are_named():
    with pytest.raises(ValueError, match="statistic: expected one of"):
        detector(statistic="t").test(X)
    with pytest.raises(ValueError, match="n_permutations: expected an integer >= 1"):
        SinkhornDriftDetector(n_permutations=0).fit(X).test(X)
    with pytest.raises(
        ValueError, match="X has 3 features, but SinkhornDriftDetector is expecting"
    ):
        detector().test(cloud(9, 3))
    with pytest.raises(ValueError, match="n_samples = 1"):
        SinkhornDriftDetector().fit(X[:1])
