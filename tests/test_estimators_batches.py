"""BatchAligner: batches in columns and metadata, references, rows on their own, bad input."""

import pickle

import numpy as np
import pytest
from problems import cloud
from sklearn import config_context
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import scale

import sinkhorn_nb as snb
from sinkhorn_nb.estimators import BatchAligner, EntropicAligner

X = cloud(150, 2)
BATCH = np.repeat([3, 1, 7], [60, 50, 40])
SHIFTS = {3: [0.0, 0.0], 1: [4.0, 1.0], 7: [-2.0, 5.0]}
SHIFTED = X + np.array([SHIFTS[label] for label in BATCH])


def gap(points, labels=BATCH):
    """The largest divergence between two batches."""
    groups = [points[labels == label] for label in np.unique(labels)]
    return snb.pairwise_sinkhorn_divergence(groups, blur=0.2).max()


@pytest.mark.parametrize("reference", ["largest", "barycenter", 7])
def test_batches_come_together_and_the_reference_stays(reference):
    aligner = BatchAligner(reference=reference, random_state=0)
    moved = aligner.fit_transform(SHIFTED, sample_domain=BATCH)
    assert gap(moved) < 0.01 * gap(SHIFTED)
    stays = {"largest": 3, 7: 7}.get(reference)
    if stays is not None:
        np.testing.assert_array_equal(moved[BATCH == stays], SHIFTED[BATCH == stays])


def test_at_the_barycenter_all_batches_move_to_the_middle():
    aligner = BatchAligner(reference="barycenter", random_state=0)
    moved = aligner.fit_transform(SHIFTED, sample_domain=BATCH)
    assert len(aligner.reference_points_) == 60
    np.testing.assert_allclose(moved.mean(axis=0), SHIFTED.mean(axis=0), atol=0.02)


def test_a_batch_moves_by_the_map_of_the_aligner():
    aligner = BatchAligner(reference=3, blur=0.3).fit(SHIFTED, sample_domain=BATCH)
    alone = EntropicAligner(SHIFTED[BATCH == 3], blur=0.3).fit(SHIFTED[BATCH == 1])
    np.testing.assert_allclose(
        aligner.transform(X, np.full(150, 1)), alone.transform(X), rtol=0, atol=1e-6
    )


def test_exponent_and_reach_are_those_of_the_aligner():
    how = {"blur": 0.3, "p": 1.5, "reach": 8.0}
    aligner = BatchAligner(reference=3, **how).fit(SHIFTED, sample_domain=BATCH)
    alone = EntropicAligner(SHIFTED[BATCH == 3], **how).fit(SHIFTED[BATCH == 1])
    moved = aligner.transform(X, np.full(150, 1))
    np.testing.assert_allclose(moved, alone.transform(X), rtol=0, atol=1e-6)


def test_a_column_has_the_labels_and_is_left_out():
    table = np.column_stack([SHIFTED[:, 0], BATCH, SHIFTED[:, 1]])
    by_domain = BatchAligner().fit_transform(SHIFTED, sample_domain=BATCH)
    for column in (1, -2):
        aligner = BatchAligner(batch=column)
        np.testing.assert_array_equal(aligner.fit_transform(table), by_domain)
        assert list(aligner.get_feature_names_out()) == ["x0", "x2"]


def test_a_data_frame_may_have_words_for_labels():
    pd = pytest.importorskip("pandas")
    words = np.array(["lab a", "lab b", "lab c"])[np.searchsorted([1, 3, 7], BATCH)]
    frame = pd.DataFrame({"u": SHIFTED[:, 0], "v": SHIFTED[:, 1], "lab": words})
    aligner = BatchAligner(batch="lab", reference="lab b").set_output(transform="pandas")
    moved = aligner.fit_transform(frame)
    assert list(moved.columns) == ["u", "v"]
    expected = BatchAligner(reference=3).fit_transform(SHIFTED, sample_domain=BATCH)
    np.testing.assert_array_equal(moved.to_numpy(), expected)


def test_rows_on_their_own_have_the_same_bits():
    aligner = BatchAligner().fit(SHIFTED, sample_domain=BATCH)
    together = aligner.transform(SHIFTED, BATCH)
    alone = [aligner.transform(SHIFTED[k : k + 1], BATCH[k : k + 1]) for k in range(150)]
    np.testing.assert_array_equal(np.concatenate(alone), together)


def test_weights_are_repeated_rows_to_the_bit():
    weights = np.random.default_rng(0).integers(1, 4, 150)
    weighted = BatchAligner().fit(SHIFTED, sample_weight=weights, sample_domain=BATCH)
    repeated = BatchAligner().fit(
        np.repeat(SHIFTED, weights, axis=0), sample_domain=np.repeat(BATCH, weights)
    )
    np.testing.assert_array_equal(
        weighted.transform(SHIFTED, BATCH), repeated.transform(SHIFTED, BATCH)
    )


def test_rows_without_mass_make_no_batch_and_the_largest_one_has_the_largest_mass():
    weights = np.select([BATCH == 7, BATCH == 1], [2.0, 0.0], 1.0)
    aligner = BatchAligner().fit(SHIFTED, sample_weight=weights, sample_domain=BATCH)
    assert aligner.batches_.tolist() == [3, 7]
    assert aligner.aligners_[1] is None  # of 40 rows with a mass of 80, beside 60


def test_settings_are_those_of_the_map_of_each_batch():
    how = {"debiased": False, "p": 1.5, "reach": 9.0, "tol": 0.01, "max_iter": 700}
    how |= {"init": "zeros", "backend": "cpu", "verbose": True}
    fitted = BatchAligner(reference=3, **how).fit(SHIFTED, sample_domain=BATCH)
    maps = [each for each in fitted.aligners_ if each is not None]
    assert len(maps) == 2
    assert all(each.get_params().items() >= how.items() for each in maps)


def test_the_seed_decides_the_barycenter():
    how = {"reference": "barycenter", "n_points": 9, "blur": 0.5}
    first, again, other = (
        BatchAligner(**how, random_state=seed).fit(SHIFTED, sample_domain=BATCH).reference_points_
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert first.shape == (9, 2)
    assert not np.array_equal(first, other)


def test_solves_are_reported():
    aligner = BatchAligner(reference=3).fit(SHIFTED, sample_domain=BATCH)
    iterations = [each.n_iter_ for each in aligner.aligners_ if each is not None]
    assert aligner.converged_
    assert aligner.n_iter_ == max(iterations) > 1
    with pytest.warns(snb.ConvergenceWarning):  # one batch takes 14 iterations, the other 19
        short = BatchAligner(reference=3, max_iter=16, tol=1e-9).fit(SHIFTED, sample_domain=BATCH)
    assert {each.converged_ for each in short.aligners_ if each is not None} == {True, False}
    assert not short.converged_


def test_float32_and_saved_state():
    short = SHIFTED.astype(np.float32)
    aligner = BatchAligner(reference="barycenter", random_state=0).fit(short, sample_domain=BATCH)
    moved = aligner.transform(short, BATCH)
    assert moved.dtype == np.float32
    restored = pickle.loads(pickle.dumps(aligner))
    np.testing.assert_array_equal(restored.transform(short, BATCH), moved)


def test_a_classifier_in_a_pipeline_works_across_batches():
    points, labels = load_wine(return_X_y=True)
    batch = np.random.default_rng(0).integers(0, 2, len(points))
    points = scale(points)[:, :6] * (1 + batch[:, None]) + 3 * batch[:, None]
    with config_context(enable_metadata_routing=True):
        aligner = BatchAligner().set_fit_request(sample_domain=True)
        aligner.set_transform_request(sample_domain=True)
        model = make_pipeline(aligner, LogisticRegression(max_iter=1000))
        model.fit(points, labels, sample_domain=batch)
        assert model.score(points, labels, sample_domain=batch) > 0.85


BAD = {
    "one batch": ({}, {"sample_domain": np.ones(150)}, "batch: expected at least two batches"),
    "labels of other rows": ({}, {"sample_domain": [1, 2]}, "sample_domain: expected 150 labels"),
    "a missing label": (
        {},
        {"sample_domain": np.where(np.arange(150) == 4, np.nan, BATCH)},
        r"sample_domain: expected a label for each row, got nan at row 4 \(1 such rows\)",
    ),
    "no label": (
        {},
        {"sample_domain": np.array(["a", "b", None] * 50, dtype=object)},
        r"sample_domain: expected a label for each row, got None at row 2 \(50 such rows\)",
    ),
    "numbers and words": (
        {},
        {"sample_domain": np.array(["a", 1, 2] * 50, dtype=object)},
        "sample_domain: expected labels of one kind, got numbers and words",
    ),
    "unknown reference": (
        {"reference": 9},
        {"sample_domain": BATCH},
        'reference: expected "largest", "barycenter" or one of the labels',
    ),
    "a column that is not there": ({"batch": 2}, {}, "batch: expected the number of a column"),
    "a name without names": ({"batch": "lab"}, {}, "batch: expected the name of a column of X"),
    "a column and labels": ({"batch": 0}, {"sample_domain": BATCH}, "sample_domain: expected None"),
    "no points": (
        {"n_points": 0},
        {"sample_domain": BATCH},
        "n_points: expected an integer >= 1",
    ),
    "a seed that is no seed": (
        {"random_state": "x"},
        {"sample_domain": BATCH},
        "'x' cannot be used",
    ),
}


@pytest.mark.parametrize("settings, arguments, message", BAD.values(), ids=BAD)
def test_bad_settings_and_arguments_are_named(settings, arguments, message):
    with pytest.raises(ValueError, match=message):
        BatchAligner(**settings).fit(SHIFTED, **arguments)


def test_unknown_batches_and_missing_features_are_named():
    aligner = BatchAligner().fit(SHIFTED, sample_domain=BATCH)
    with pytest.raises(ValueError, match="batch: expected the labels of the fit"):
        aligner.transform(SHIFTED, np.full(150, 99))
    with pytest.raises(ValueError, match="n_features = 1"):
        BatchAligner(batch=0).fit(np.arange(4.0)[:, None])
