"""Mixtures are fitted to weighted points: as by scikit-learn for equal weights, and in any unit."""

import numpy as np
import pytest
from problems import blobs, cloud
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from sinkhorn_nb import Measure
from sinkhorn_nb.initializers.mixture import REGULARIZATION, fit, improve

KINDS = ("full", "tied", "diag", "spherical")


def parameters(mixture, kind):
    """Weights, means and covariances, by the first coordinate of the means."""
    order = np.argsort(mixture.means_[:, 0])
    covariances = mixture.covariances_ if kind == "tied" else mixture.covariances_[order]
    return mixture.weights_[order], mixture.means_[order], covariances


@pytest.mark.parametrize("kind", KINDS)
def test_equal_weights_are_fitted_as_by_scikit_learn(kind):
    x, _, labels = blobs()
    ours = GaussianMixture(3, covariance_type=kind)
    improve(ours, x, np.full(len(x), 1 / len(x)), np.eye(3)[labels], tol=0, max_iter=50)
    means = np.stack([x[labels == k].mean(axis=0) for k in range(3)])
    theirs = GaussianMixture(
        3, covariance_type=kind, tol=1e-14, max_iter=200, means_init=means, reg_covar=REGULARIZATION
    )
    for mine, known in zip(parameters(ours, kind), parameters(theirs.fit(x), kind), strict=True):
        np.testing.assert_allclose(mine, known, atol=1e-8)
    np.testing.assert_allclose(ours.score_samples(x), theirs.score_samples(x), atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_is_as_many_points(kind):
    x, _, labels = blobs(200)
    counts = np.random.default_rng(0).integers(0, 4, size=len(x))
    weighted, repeated = (GaussianMixture(3, covariance_type=kind) for _ in range(2))
    shares, every = np.eye(3)[labels], np.repeat(np.arange(len(x)), counts)
    improve(weighted, x, counts / counts.sum(), shares, tol=0, max_iter=20)
    improve(
        repeated, x[every], np.full(len(every), 1 / len(every)), shares[every], tol=0, max_iter=20
    )
    for mine, known in zip(parameters(weighted, kind), parameters(repeated, kind), strict=True):
        np.testing.assert_allclose(mine, known, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_fit_is_a_mixture_in_the_unit_of_the_points(kind):
    """Its density is that of its weights, means and covariances, and no worse than scikit-learn's."""
    x = 1e-3 * blobs()[0] + 0.05
    mixture = fit(Measure.of(x).partition, 3, kind, 0)
    shape = {"full": (3, 2, 2), "tied": (2, 2), "diag": (3, 2), "spherical": (3,)}[kind]
    assert mixture.covariances_.shape == shape
    spread = (
        mixture.covariances_
        if kind in ("full", "tied")
        else [np.eye(2) * v for v in mixture.covariances_]
    )
    spreads = np.broadcast_to(spread, (3, 2, 2))
    densities = [
        multivariate_normal(m, S).pdf(x) for m, S in zip(mixture.means_, spreads, strict=True)
    ]
    np.testing.assert_allclose(
        mixture.score_samples(x), np.log(mixture.weights_ @ densities), atol=1e-6
    )
    theirs = GaussianMixture(3, covariance_type=kind, random_state=0, reg_covar=1e-12).fit(x)
    assert mixture.score(x) > theirs.score(x) - 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_a_component_without_mass_stays_without(kind):
    x, _, labels = blobs(100)
    mixture = GaussianMixture(4, covariance_type=kind)
    improve(mixture, x, np.full(len(x), 1 / len(x)), np.eye(4)[labels])
    assert mixture.weights_[3] < 1e-9
    assert np.isfinite(mixture.score_samples(x)).all()


def test_components_are_of_the_points_that_carry_mass():
    x = np.concatenate([cloud(2, 2), 100 + cloud(50, 2)])
    mixture = fit(Measure.of(x, np.r_[0.3, 0.7, np.zeros(50)]).partition, 5, "full", 0)
    np.testing.assert_allclose(sorted(mixture.weights_), [0.3, 0.7])
    assert np.abs(mixture.means_).max() < 10
