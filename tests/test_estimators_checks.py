"""scikit-learn's own checks of every estimator, also on maps that are not the identity."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from sinkhorn_nb.estimators import (
    BatchAligner,
    EntropicAligner,
    EntropicQuantileTransformer,
    SinkhornDriftDetector,
    SinkhornKMeans,
)
from sinkhorn_nb.estimators.base import cloud


class AlignedWithStretched(EntropicAligner):
    """The reference is a stretched, shifted copy of any X: a given one has a fixed number of
    features.
    """

    def _sides(self, X, sample_weight, sample_domain):
        source, _ = super()._sides(X, sample_weight, sample_domain)
        return source, cloud(1.5 * source.points[::2] + 1, source.weights[::2])


class UnevenKMeans(SinkhornKMeans):
    """The masses rise from cluster to cluster: the checks change the number of clusters."""

    def _shares(self, n_samples):
        shares = super()._shares(n_samples)
        masses = np.arange(1.0, len(shares) + 1)
        return masses / masses.sum()


class AlternatingBatches(BatchAligner):
    """Rows belong to two batches by the sign of their first feature."""

    def _split(self, X, sample_domain, check):
        points, _ = super()._split(X, sample_domain, check)
        return points, points[:, 0] > 0


ESTIMATORS = [
    EntropicAligner(),
    AlignedWithStretched(),
    AlignedWithStretched(debiased=False),
    AlignedWithStretched(p=1.5, reach=3.0),
    EntropicQuantileTransformer(n_reference=50),
    EntropicQuantileTransformer(reference="normal", n_reference=50),
    SinkhornDriftDetector(),
    SinkhornKMeans(),
    SinkhornKMeans(reach=1.0),
    UnevenKMeans(),
    BatchAligner(),
    AlternatingBatches(),
    AlternatingBatches(reference="barycenter", n_points=20),
]


CHECKS = [pair for each in ESTIMATORS for pair in estimator_checks_generator(each)]


def name(value):
    """The name of a check, or the estimator on one line."""
    return value.func.__name__ if hasattr(value, "func") else " ".join(str(value).split())


@pytest.mark.slow
@pytest.mark.parametrize("estimator, check", CHECKS, ids=name)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "kind",
    [
        BatchAligner,
        EntropicAligner,
        EntropicQuantileTransformer,
        SinkhornDriftDetector,
        SinkhornKMeans,
    ],
)
def test_masked_entries_are_refused_where_scikit_learn_drops_their_masks(kind):
    points = np.random.default_rng(0).normal(size=(20, 2))
    masked = np.ma.masked_greater(points, 1.0)
    with pytest.raises(ValueError, match=r"X: expected .* without masked entries, got \d+ of them"):
        kind().fit(masked)
    with pytest.raises(ValueError, match=r"X: expected .* without masked entries"):
        kind().fit(points)._new_points(masked)
