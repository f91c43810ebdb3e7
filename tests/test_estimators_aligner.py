"""EntropicAligner: the map of Gaussians in closed form, rows on their own, weights, labelled
domains, bad input.
"""

import pickle

import numpy as np
import pytest
from problems import cloud, gaussian_grid
from scipy.linalg import sqrtm
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

import sinkhorn_nb as snb
from sinkhorn_nb.estimators import EntropicAligner

A, B = np.array([[1.0, 0.3], [0.3, 0.5]]), np.array([[0.4, -0.2], [-0.2, 1.2]])
MEAN_A, MEAN_B = np.array([0.3, -1.0]), np.array([2.0, 1.0])
X, Z = cloud(60, 3), 1.4 * cloud(50, 3, shift=2.0)
QUERIES = np.concatenate([cloud(40, 3, shift=0.3), [[1e3, -1e3, 5.0], [0.0, 1e6, 0.0]]])


def slope(S1, S2, eps):
    """M with M S1 M + eps M = S2: the entropic map between Gaussians is x -> m2 + M (x - m1)."""
    root = np.real(sqrtm(S2))
    inner = np.real(sqrtm(root @ S1 @ root + (eps / 2) ** 2 * np.eye(len(S1)))) + eps / 2 * np.eye(
        len(S1)
    )
    return root @ np.linalg.solve(inner, root)


@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize("blur", [0.5, 1.0])
def test_between_gaussians_the_map_is_the_one_in_closed_form(blur, debiased):
    (x, a), (z, b) = gaussian_grid(MEAN_A, A, 50), gaussian_grid(MEAN_B, B, 50)
    domain = np.repeat([1, -1], [len(x), len(z)])
    aligner = EntropicAligner(blur=blur, tol=1e-8, debiased=debiased)
    aligner.fit(np.concatenate([x, z]), sample_weight=np.concatenate([a, b]), sample_domain=domain)

    disk = np.random.default_rng(0).uniform(-1.5, 1.5, (100, 2))
    x, z = MEAN_A + disk @ np.linalg.cholesky(A).T, MEAN_B + disk @ np.linalg.cholesky(B).T
    expected, back = (
        MEAN_B + (x - MEAN_A) @ slope(A, B, blur**2),
        MEAN_A + (z - MEAN_B) @ slope(B, A, blur**2),
    )
    if debiased:
        expected += x - MEAN_A - (x - MEAN_A) @ slope(A, A, blur**2)
        back += z - MEAN_B - (z - MEAN_B) @ slope(B, B, blur**2)
    np.testing.assert_allclose(aligner.transform(x), expected, atol=1e-5)
    np.testing.assert_allclose(aligner.inverse_transform(z), back, atol=1e-5)


def test_the_map_descends_the_divergence():
    aligner = EntropicAligner(Z, blur=0.3, tol=1e-9).fit(X)
    solver = snb.Sinkhorn(tol=1e-9)
    divergence = snb.sinkhorn_divergence(X, Z, blur=0.3, solver=solver)
    np.testing.assert_allclose(
        aligner.transform(X), X - len(X) * divergence.gradient().x, atol=1e-6
    )
    assert aligner.divergence_ == pytest.approx(divergence.value, rel=1e-6)


def test_with_a_reach_the_map_descends_the_divergence_and_far_rows_stay():
    far = np.array([[40.0, 0.0, 0.0], [0.0, 1e9, 0.0]])
    aligner = EntropicAligner(Z, blur=0.3, reach=1.0, tol=1e-9).fit(X)
    solver = snb.Sinkhorn(tol=1e-9)
    divergence = snb.sinkhorn_divergence(X, Z, blur=0.3, reach=1.0, solver=solver)
    moved = aligner.transform(X)
    np.testing.assert_allclose(moved, X - len(X) * divergence.gradient().x, atol=1e-6)
    np.testing.assert_allclose(aligner.transform(far), far, rtol=0, atol=1e-200)
    assert aligner.divergence_ == pytest.approx(divergence.value, rel=1e-6)
    assert aligner.score(X) > -divergence.value
    aligner.set_params(reach=5.0)  # a fitted map does not change with its settings
    np.testing.assert_array_equal(aligner.transform(X), moved)


@pytest.mark.parametrize("how", [{}, {"reach": 1.5}, {"debiased": False}], ids=str)
def test_the_inverse_is_the_map_of_the_other_direction(how):
    there = EntropicAligner(Z, blur=0.4, tol=1e-9, **how).fit(X)
    back = EntropicAligner(X, blur=0.4, tol=1e-9, **how).fit(Z)
    np.testing.assert_allclose(there.inverse_transform(Z), back.transform(Z), atol=1e-6)


def test_outliers_of_the_reference_attract_nothing_beyond_the_reach():
    outliers = np.full((10, 3), 30.0)
    polluted = np.concatenate([Z, outliers])
    exact = EntropicAligner(polluted, blur=0.3).fit(X).transform(X)
    reaching = EntropicAligner(polluted, blur=0.3, reach=3.0).fit(X).transform(X)
    assert (exact > 15).any()
    assert not (reaching > 15).any()


@pytest.mark.parametrize("p", [1, 1.5])
def test_with_another_power_of_the_distance_the_maps_are_those_of_its_plans(p):
    solver = snb.Sinkhorn(tol=1e-9)
    solve = {"blur": 0.5, "p": p, "solver": solver}
    onto, own = snb.entropic_ot(X, Z, **solve), snb.entropic_ot(X, X, **solve)
    plain = EntropicAligner(Z, blur=0.5, p=p, debiased=False, tol=1e-9).fit(X)
    np.testing.assert_allclose(plain.transform(X), onto.map(), atol=1e-6)
    debiased = EntropicAligner(Z, blur=0.5, p=p, tol=1e-9).fit(X)
    np.testing.assert_allclose(debiased.transform(X), X + onto.map() - own.map(), atol=1e-6)
    debiased.set_params(p=2)  # a fitted map does not change with its settings
    np.testing.assert_allclose(debiased.transform(X), X + onto.map() - own.map(), atol=1e-6)


@pytest.mark.parametrize("debiased", [True, False])
def test_single_rows_chunks_and_any_order_agree(debiased):
    aligner = EntropicAligner(Z, debiased=debiased).fit(X)
    for move in (aligner.transform, aligner.inverse_transform):
        together, shuffled = move(QUERIES), np.random.default_rng(1).permutation(len(QUERIES))
        alone = np.concatenate([move(row[None]) for row in QUERIES])
        chunks = np.concatenate([move(QUERIES[:5]), move(QUERIES[5:])])
        for other in (alone, chunks, move(QUERIES[shuffled])[np.argsort(shuffled)]):
            np.testing.assert_array_equal(other, together)


def test_what_is_fitted_onto_itself_stays_where_it_is():
    for aligner in (EntropicAligner().fit(X), EntropicAligner(reference=X[::-1]).fit(X)):
        np.testing.assert_array_equal(aligner.transform(QUERIES), QUERIES)
        assert aligner.divergence_ == 0
        assert aligner.score(X) == 0


def test_far_queries_are_translated_and_never_nan():
    aligner = EntropicAligner(reference=X + np.array([5.0, 0.0, 0.0])).fit(X)
    far = np.array([[1e5, 0.0, 0.0], [0.0, -1e8, 0.0], [1e12, 1e12, 1e12]])
    np.testing.assert_allclose(aligner.transform(far) - far, [[5.0, 0.0, 0.0]] * 3, atol=1e-2)
    plain = EntropicAligner(reference=Z, debiased=False).fit(X).transform(far)
    assert (plain >= Z.min(axis=0) - 1e-9).all() and (plain <= Z.max(axis=0) + 1e-9).all()
    furthest = np.array([[1e300, 0.0, 0.0], [0.0, -1e160, 1e160]])
    bent = EntropicAligner(reference=Z, p=1.5).fit(X).transform(furthest)
    np.testing.assert_allclose(bent, furthest, rtol=1e-9, atol=10)


def test_weights_are_repeated_rows_to_the_bit():
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = EntropicAligner(Z).fit(X, sample_weight=weights)
    repeated = EntropicAligner(Z).fit(np.repeat(X, weights, axis=0)[::-1])
    assert weighted.blur_ == repeated.blur_
    np.testing.assert_array_equal(weighted.transform(QUERIES), repeated.transform(QUERIES))


def test_float32_stays_float32_and_float64_queries_stay_float64():
    aligner = EntropicAligner(Z.astype(np.float32)).fit(X.astype(np.float32))
    assert aligner.source_points_.dtype == np.float32
    assert aligner.transform(X.astype(np.float32)).dtype == np.float32
    moved = aligner.transform(X)
    assert moved.dtype == np.float64
    np.testing.assert_allclose(moved, EntropicAligner(Z).fit(X).transform(X), atol=1e-2)


def test_a_measure_as_reference_keeps_its_weights():
    x, y = cloud(40, 2), cloud(30, 2, shift=1.0)
    counts = np.arange(30) % 3 + 1.0
    of_measure = EntropicAligner(snb.Measure(y, counts), blur=0.5).fit(x)
    of_repeats = EntropicAligner(np.repeat(y, counts.astype(int), axis=0), blur=0.5).fit(x)
    np.testing.assert_allclose(of_measure.transform(x), of_repeats.transform(x), atol=1e-9)
    unweighted = EntropicAligner(y, blur=0.5).fit(x)
    assert not np.allclose(of_measure.transform(x), unweighted.transform(x), atol=1e-3)


def test_labels_of_domains_are_the_same_as_a_reference():
    domain = np.repeat([1, 2, -3], [30, 30, 50])
    both = np.concatenate([X, Z])
    labelled, given = EntropicAligner().fit(both, sample_domain=domain), EntropicAligner(Z).fit(X)
    np.testing.assert_array_equal(labelled.transform(QUERIES), given.transform(QUERIES))

    moved = EntropicAligner().fit_transform(both, sample_domain=domain)
    np.testing.assert_array_equal(moved[60:], Z)
    np.testing.assert_array_equal(moved[:60], given.transform(X))


def test_a_pipeline_and_a_grid_search_hand_on_domains_and_weights():
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    source = rng.normal(size=(80, 2)) + 4 * labels[:, None]
    # A classifier of the sources alone takes all targets for class 1
    target = 0.8 * source + np.array([10.0, 0.0])
    both, domain = np.concatenate([source, target]), np.repeat([1, -1], 80)
    with config_context(enable_metadata_routing=True):
        aligner = EntropicAligner(blur=0.5).set_fit_request(sample_domain=True, sample_weight=True)
        aligner.set_transform_request(sample_domain=True)
        classifier = LogisticRegression().set_fit_request(sample_weight=False)
        model = make_pipeline(aligner, classifier)
        model.fit(both, np.tile(labels, 2), sample_domain=domain, sample_weight=np.ones(160))
        folds = KFold(2, shuffle=True, random_state=0)
        search = GridSearchCV(model, {"entropicaligner__blur": [0.5, "auto"]}, cv=folds)
        search.fit(both, np.tile(labels, 2), sample_domain=domain)
        best = search.best_estimator_
        assert best.score(both, np.tile(labels, 2), sample_domain=domain) > 0.95
    assert best[0].source_points_.shape == (80, 2)


def test_the_score_is_better_after_the_alignment_than_before():
    aligner = EntropicAligner(Z).fit(X)
    before = -snb.sinkhorn_divergence(X, Z, blur=aligner.blur_).value
    assert 0.1 * before < aligner.score(X) <= 0
    assert aligner.score(X, sample_weight=np.ones(len(X))) == aligner.score(X)
    weights = 1 + np.arange(len(X)) % 3
    repeated = aligner.score(np.repeat(X, weights, axis=0))
    assert aligner.score(X, sample_weight=weights) == repeated != aligner.score(X)


def test_the_learned_state_is_numpy_only_and_survives_a_pickle():
    aligner = EntropicAligner(Z).fit(X)
    learned = {name: value for name, value in vars(aligner).items() if name.endswith("_")}
    assert {type(value) for value in learned.values()} <= {np.ndarray, float, int, bool, np.float64}
    restored = pickle.loads(pickle.dumps(aligner))
    np.testing.assert_array_equal(restored.transform(QUERIES), aligner.transform(QUERIES))
    assert clone(aligner).get_params()["reference"] is not Z
    assert not hasattr(clone(aligner), "blur_")


def test_the_automatic_blur_is_five_percent_of_the_root_mean_square_distance():
    differences = X[:, None] - X[None]
    expected = 0.05 * np.sqrt((differences**2).sum(axis=2).mean())
    assert EntropicAligner().fit(X).blur_ == pytest.approx(expected, rel=1e-12)
    assert EntropicAligner(blur=0.7).fit(X).blur_ == 0.7


def test_constant_features_are_harmless():
    x, z = X.copy(), Z.copy()
    x[:, 1], z[:, 1] = 3.0, 4.0
    np.testing.assert_allclose(EntropicAligner(z).fit(x).transform(x)[:, 1], 4.0, atol=1e-9)


def test_pandas_frames_keep_their_columns():
    pd = pytest.importorskip("pandas")
    frame, reference = pd.DataFrame(X, columns=list("uvw")), pd.DataFrame(Z, columns=list("uvw"))
    aligner = EntropicAligner(reference).set_output(transform="pandas").fit(frame)
    assert list(aligner.transform(frame).columns) == list("uvw")
    with pytest.raises(
        ValueError, match=r"reference: expected the features \['u', 'v', 'w'\] of X, got"
    ):
        EntropicAligner(reference[list("wvu")]).fit(frame)


def test_equal_points_have_no_automatic_blur():
    with pytest.raises(ValueError, match="blur: expected at least two different points"):
        EntropicAligner().fit(np.full((10, 2), 3.3))
    np.testing.assert_array_equal(
        EntropicAligner(blur=1.0).fit(np.ones((1, 2))).transform([[5.0, 5.0]]), [[5.0, 5.0]]
    )


def test_a_solve_that_does_not_converge_warns_and_says_so():
    with pytest.warns(snb.ConvergenceWarning):
        aligner = EntropicAligner(Z, blur=0.01, max_iter=3, tol=1e-9).fit(X)
    assert not aligner.converged_ and aligner.n_iter_ == 3
