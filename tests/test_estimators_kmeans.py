"""SinkhornKMeans: clusters of prescribed mass, optimality, rows on their own, weights, bad input."""

import pickle

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

import sinkhorn_nb as snb
from sinkhorn_nb.estimators import SinkhornKMeans
from sinkhorn_nb.kernels.ledger import counting

X, TRUTH = make_blobs(300, 3, centers=3, cluster_std=0.8, random_state=0)
UNEVEN = np.concatenate([X[TRUTH == 0], X[TRUTH == 1][:30]])


def test_even_clusters_are_those_of_k_means():
    found = SinkhornKMeans(3, random_state=0).fit(X)
    usual = KMeans(3, n_init=10, random_state=0).fit(X)
    assert adjusted_rand_score(found.labels_, usual.labels_) > 0.97
    np.testing.assert_allclose(
        np.sort(found.cluster_centers_[:, 0]), np.sort(usual.cluster_centers_[:, 0]), atol=0.2
    )
    assert found.converged_


def test_clusters_have_equal_mass_also_where_the_data_is_uneven():
    found = SinkhornKMeans(2, blur=0.02, random_state=0).fit(UNEVEN)
    assert np.bincount(found.labels_).tolist() == [65, 65]


def test_a_small_reach_lets_clusters_have_the_masses_of_the_data():
    natural = [30, 100]
    for reach, sizes in ((0.1, natural), (100.0, [65, 65])):
        found = SinkhornKMeans(2, blur=0.1, reach=reach, random_state=0).fit(UNEVEN)
        assert sorted(np.bincount(found.labels_)) == sizes
        masses = found.transform(UNEVEN).mean(axis=0)
        np.testing.assert_allclose(np.sort(masses) * 130, sizes, atol=1.0)


def test_clusters_have_the_given_masses():
    masses = [1.0, 2.0, 5.0]
    found = SinkhornKMeans(3, masses=masses, blur=0.02, random_state=0).fit(X)
    np.testing.assert_allclose(np.bincount(found.labels_) / 300, np.array(masses) / 8, atol=0.01)
    np.testing.assert_allclose(found.transform(X).mean(axis=0), np.array(masses) / 8, atol=2e-3)


def test_a_soft_assignment_has_the_given_masses_and_is_the_plan():
    masses = np.array([1.0, 2.0, 5.0]) / 8
    found = SinkhornKMeans(3, masses=masses, blur=2.0, tol=1e-8, random_state=0).fit(X)
    soft = found.transform(X)
    np.testing.assert_allclose(soft.mean(axis=0), masses, atol=1e-6)
    solver = snb.Sinkhorn(tol=1e-9)
    plan = snb.entropic_ot(X, found.cluster_centers_, b=masses, blur=2.0, solver=solver).plan
    np.testing.assert_allclose(soft / len(X), plan.toarray(), atol=1e-8)


def test_at_a_small_blur_the_assignment_is_the_cheapest_one():
    found = SinkhornKMeans(2, blur=0.02, tol=1e-6, random_state=0).fit(UNEVEN)
    costs = cdist(UNEVEN, np.repeat(found.cluster_centers_, 65, axis=0), "sqeuclidean")
    _, columns = linear_sum_assignment(costs)
    np.testing.assert_array_equal(found.labels_, columns // 65)


def test_centers_are_the_means_of_the_soft_assignment():
    found = SinkhornKMeans(3, blur=0.5, tol=1e-8, random_state=0).fit(X)
    soft = found.transform(X)
    means = soft.T @ X / soft.sum(axis=0)[:, None]
    np.testing.assert_allclose(means, found.cluster_centers_, atol=1e-6)
    plan = snb.entropic_ot(X, found.cluster_centers_, blur=0.5, solver=snb.Sinkhorn(tol=1e-9)).plan
    np.testing.assert_allclose(soft / 300, plan.toarray(), atol=1e-8)


def test_labels_are_the_most_likely_clusters():
    found = SinkhornKMeans(3, random_state=0).fit(X)
    np.testing.assert_array_equal(found.labels_, found.predict(X))
    np.testing.assert_array_equal(found.labels_, found.transform(X).argmax(axis=1))
    np.testing.assert_allclose(found.transform(X).sum(axis=1), 1.0)


def test_rows_on_their_own_have_the_same_bits_and_far_rows_are_assigned():
    found = SinkhornKMeans(3, random_state=0).fit(X)
    rows = np.concatenate([X, 1e9 * X[:5]])
    alone = np.concatenate([found.transform(row[None]) for row in rows])
    np.testing.assert_array_equal(alone, found.transform(rows))
    assert np.isfinite(alone).all()


@pytest.mark.parametrize("seed", range(3))
def test_steps_of_the_centers_take_few_passes(seed):
    x = np.random.default_rng(seed).normal(size=(600, 3))
    with counting() as ledger:
        found = SinkhornKMeans(8, random_state=0).fit(x)
    assert found.converged_
    assert ledger.pairs <= 12 * found.n_iter_ * 8 * len(x)
    found.set_params(tol=1e-6).fit(x)  # from rough plans to exact ones
    assert found.converged_
    np.testing.assert_allclose(found.transform(x).mean(axis=0), 1 / 8, atol=1e-6)


def test_weights_are_repeated_rows_to_the_bit():
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = SinkhornKMeans(3, random_state=0).fit(X, sample_weight=weights)
    repeated = SinkhornKMeans(3, random_state=0).fit(np.repeat(X, weights, axis=0))
    np.testing.assert_array_equal(weighted.cluster_centers_, repeated.cluster_centers_)
    np.testing.assert_array_equal(weighted.predict(X), repeated.predict(X))


def test_float32_names_of_features_and_saved_state():
    found = SinkhornKMeans(3, random_state=0).fit(X.astype(np.float32))
    assert found.transform(X.astype(np.float32)).dtype == np.float32
    assert list(found.get_feature_names_out()) == [f"sinkhornkmeans{k}" for k in range(3)]
    restored = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(restored.labels_, found.predict(X.astype(np.float32)))


def test_there_may_be_more_clusters_than_distinct_points():
    found = SinkhornKMeans(4, blur=0.1, random_state=0).fit(np.repeat([[0.0], [1.0]], 10, axis=0))
    np.testing.assert_allclose(np.sort(found.cluster_centers_[:, 0]), [0, 0, 1, 1], atol=1e-6)


def test_equal_points_are_a_cloud_without_extent():
    found = SinkhornKMeans(2, blur=0.1, random_state=0).fit(np.ones((5, 2)))
    assert found.converged_
    np.testing.assert_allclose(found.cluster_centers_, 1.0)


def test_there_may_be_as_many_clusters_as_points():
    found = SinkhornKMeans(3, blur=0.01, random_state=0).fit([[0.0], [1.0], [2.0]])
    np.testing.assert_allclose(found.cluster_centers_[found.labels_, 0], [0, 1, 2], atol=1e-6)


def test_the_masses_of_the_centers_alone_have_a_price():
    masses, reach = np.array([1.0, 3.0]) / 4, 0.7
    settings = {"masses": masses, "blur": 0.5, "reach": reach, "tol": 1e-8, "random_state": 0}
    found = SinkhornKMeans(2, **settings).fit(UNEVEN)
    ratios = found.transform(UNEVEN).mean(axis=0) / masses
    assert abs(np.log(ratios)).max() > 0.05
    np.testing.assert_allclose(found.potential_, -(reach**2) * np.log(ratios), atol=1e-6)


def test_the_place_of_the_data_does_not_matter():
    here, there = (SinkhornKMeans(3, random_state=0).fit(X + shift) for shift in (0.0, 2.0**20))
    np.testing.assert_allclose(there.transform(X + 2.0**20), here.transform(X), atol=1e-5)


def test_iterations_that_run_out_are_reported_and_those_of_plans_are_others():
    found = SinkhornKMeans(3, max_iter=1, tol=1e-9, random_state=0).fit(X)
    assert found.n_iter_ == 1 and not found.converged_
    np.testing.assert_allclose(found.transform(X).mean(axis=0), 1 / 3, atol=1e-8)


BAD = {
    "more clusters than points": ({"n_clusters": 400}, "n_clusters: expected at most one cluster"),
    "no cluster": ({"n_clusters": 0}, "n_clusters: expected an integer >= 1"),
    "masses of other clusters": ({"n_clusters": 3, "masses": [1, 2]}, "masses: expected 3 weights"),
    "an empty cluster": ({"n_clusters": 2, "masses": [1, 0]}, "masses: expected shares > 0, got 0"),
    "blur as a word": ({"blur": "soft"}, 'blur: expected "auto" or a length > 0'),
    "negative reach": ({"reach": -1.0}, "^reach: expected a finite number > 0"),
    "no step": ({"max_iter": 0}, "max_iter: expected an integer >= 1"),
}


@pytest.mark.parametrize("settings, message", BAD.values(), ids=BAD)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        SinkhornKMeans(**settings).fit(X)
