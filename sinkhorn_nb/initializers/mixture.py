"""Gaussian mixtures: their fit to weighted points, and the data for a problem between their
components.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from ..common.array_types import Floats
from ..kernels.ledger import count_pairs
from ..measures.partition import Partition

REGULARIZATION = 1e-6  # variance added to the components, relative to the variances of the points
NOTHING = 1e-100  # deviation of equal points
# Of expectation maximization; TOL bounds the mass that changes its component in a step
TOL, MAX_ITER = 3e-3, 100


def fit(partition: Partition, n_components: int, covariance_type: str, random_state: Any) -> Any:
    """Fit a scikit-learn mixture with at most as many components as different points.

    The fit of scikit-learn takes no weights, so the step of expectation maximization that uses them
    is written here.
    """
    from sklearn.cluster import kmeans_plusplus  # takes a second, and only mixtures need it
    from sklearn.mixture import GaussianMixture

    carriers = partition.probabilities > 0
    points = partition.points[carriers]
    weights = partition.probabilities[carriers]
    mean = weights @ points
    points = points - mean
    variance = weights @ (points**2).mean(axis=1)
    scale = np.sqrt(variance) or NOTHING
    points /= scale

    n_different = len(np.unique(points, axis=0))
    n_components = min(n_components, n_different)
    centers, _ = kmeans_plusplus(
        points, n_components, sample_weight=weights, random_state=random_state
    )
    _, nearest = cKDTree(centers).query(points)
    shares = np.eye(n_components)[nearest]
    mixture = GaussianMixture(n_components, covariance_type=covariance_type)
    improve(mixture, points, weights, shares)
    mixture.means_ = mean + scale * mixture.means_
    mixture.covariances_ = scale**2 * mixture.covariances_
    mixture.precisions_cholesky_ = mixture.precisions_cholesky_ / scale
    return mixture


def improve(
    mixture: Any,
    points: Floats,
    weights: Floats,
    shares: Floats,
    tol: float = TOL,
    max_iter: int = MAX_ITER,
) -> None:
    """Run expectation maximization from (n, K) shares of the points in the components."""
    n_steps = 0
    moved = 1.0
    while moved > tol and n_steps < max_iter:
        maximize(mixture, points, weights[:, None] * shares)
        before = shares
        shares = mixture.predict_proba(points)
        changes = np.abs(shares - before).sum(axis=1)
        moved = weights @ changes / 2
        n_steps += 1
        count_pairs(shares.size)


def maximize(mixture: Any, points: Floats, masses: Floats) -> None:
    """Set the mixture to the largest likelihood for (n, K) masses of the points in the components,
    with sum 1.
    """
    totals = masses.sum(axis=0) + np.finfo(float).tiny
    shares = (masses / totals).T
    mixture.weights_ = totals / totals.sum()
    mixture.means_ = shares @ points
    kind = mixture.covariance_type
    is_diagonal = kind in ("diag", "spherical")
    moments = _variances if is_diagonal else _covariances
    spreads = np.stack(
        [moments(points - mean, w) for mean, w in zip(mixture.means_, shares, strict=True)]
    )
    if kind == "tied":
        spreads = np.tensordot(mixture.weights_, spreads, 1)
    mixture.covariances_ = spreads.mean(axis=1) if kind == "spherical" else spreads
    if is_diagonal:
        mixture.precisions_cholesky_ = 1 / np.sqrt(mixture.covariances_)
    else:
        roots = np.linalg.cholesky(spreads)
        mixture.precisions_cholesky_ = np.linalg.inv(roots).swapaxes(-1, -2)


def _covariances(points: Floats, weights: Floats) -> Floats:
    """The regularized covariance matrix of points with mean 0."""
    d = points.shape[1]
    moments = (weights[:, None] * points).T @ points
    return moments + _added(np.trace(moments) / d) * np.eye(d)


def _variances(points: Floats, weights: Floats) -> Floats:
    """The regularized variances along the axes of points with mean 0."""
    d = points.shape[1]
    moments = weights @ points**2
    return moments + _added(moments.sum() / d)


def _added(variance: float) -> float:
    """The variance added to a component, in its own unit if that is larger than that of all points:
    next to an outlier's variance the others would be rounding.
    """
    return REGULARIZATION * max(1.0, variance)


class Components:
    """The Gaussians of a fitted scikit-learn mixture."""

    def __init__(self, mixture: Any) -> None:
        self._mixture = mixture
        self.weights = np.asarray(mixture.weights_)
        self.means = np.asarray(mixture.means_)
        (size, d) = self.means.shape
        covariances = np.asarray(mixture.covariances_)
        self.is_diagonal = mixture.covariance_type in ("diag", "spherical")
        if self.is_diagonal:
            variances = covariances.reshape(size, -1)
            along_axes = np.broadcast_to(variances, (size, d))
            self._deviations = np.sqrt(along_axes)
            self.traces = (self._deviations**2).sum(axis=1)
        else:
            self._covariances = np.broadcast_to(covariances, (size, d, d))
            self.traces = np.trace(self._covariances, axis1=1, axis2=2)

    def posteriors(self, points: Floats) -> Floats:
        """(n, K) probabilities of the components at points. The origin is near them, because
        squares are subtracted.
        """
        count_pairs(len(points) * len(self.means))
        origin = self.weights @ self.means
        centered = copy(self._mixture)
        centered.means_ = self.means - origin
        return centered.predict_proba(points - origin)

    def fidelities(self, others: Components) -> Floats:
        """F_kl = tr (S_k^(1/2) S_l S_k^(1/2))^(1/2): the Bures distance is tr S_k + tr S_l - 2
        F_kl.
        """
        if self.is_diagonal and others.is_diagonal:
            return self._deviations @ others._deviations.T
        other_roots = others._roots()
        fidelities = [[_fidelity(R, L) for L in other_roots] for R in self._roots()]
        return np.array(fidelities)

    def _roots(self) -> Sequence[Floats] | Floats:
        """L with S = L L', one per component."""
        if self.is_diagonal:
            return [np.diag(deviations) for deviations in self._deviations]
        return np.linalg.cholesky(self._covariances)


def _fidelity(R: Floats, L: Floats) -> float:
    """tr ((R R')^(1/2) L L' (R R')^(1/2))^(1/2), the sum of the singular values of R'L."""
    singular_values = np.linalg.svd(R.T @ L, compute_uv=False)
    return float(singular_values.sum())
