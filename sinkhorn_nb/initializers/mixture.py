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
    points, weights = partition.points[carriers], partition.probabilities[carriers]
    mean = weights @ points
    points = points - mean
    scale = np.sqrt(weights @ (points**2).mean(axis=1)) or NOTHING
    points /= scale
    n_components = min(n_components, len(np.unique(points, axis=0)))
    centers, _ = kmeans_plusplus(
        points, n_components, sample_weight=weights, random_state=random_state
    )
    shares = np.eye(n_components)[cKDTree(centers).query(points)[1]]
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
    n_steps, moved = 0, 1.0
    while moved > tol and n_steps < max_iter:
        maximize(mixture, points, weights[:, None] * shares)
        before = shares
        shares = mixture.predict_proba(points)
        moved = weights @ np.abs(shares - before).sum(axis=1) / 2
        n_steps += 1
        count_pairs(shares.size)


def maximize(mixture: Any, points: Floats, masses: Floats) -> None:
    """Set the mixture to the largest likelihood for (n, K) masses of the points in the components,
    with sum 1.
    """
    totals = masses.sum(axis=0) + np.finfo(float).tiny
    mixture.weights_ = totals / totals.sum()
    mixture.means_ = (masses / totals).T @ points
    kind = mixture.covariance_type
    identity = np.eye(points.shape[1])
    moments = _variances if kind in ("diag", "spherical") else _covariances
    each = [
        moments(points - m, w) for m, w in zip(mixture.means_, (masses / totals).T, strict=True)
    ]
    # In the unit of each component if that is larger: next to an outlier's variance the others
    # would be rounding.
    sizes = [
        max(1.0, (np.trace(m) if moments is _covariances else m.sum()) / points.shape[1])
        for m in each
    ]
    unit = identity if moments is _covariances else 1.0
    spreads = np.stack(
        [m + REGULARIZATION * size * unit for m, size in zip(each, sizes, strict=True)]
    )
    if kind == "tied":
        spreads = np.tensordot(mixture.weights_, spreads, 1)
    mixture.covariances_ = spreads.mean(axis=1) if kind == "spherical" else spreads
    if moments is _covariances:
        mixture.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(spreads)).swapaxes(-1, -2)
    else:
        mixture.precisions_cholesky_ = 1 / np.sqrt(mixture.covariances_)


def _covariances(points: Floats, weights: Floats) -> Floats:
    return (weights[:, None] * points).T @ points


def _variances(points: Floats, weights: Floats) -> Floats:
    return weights @ points**2


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
            self._deviations = np.sqrt(np.broadcast_to(variances, (size, d)))
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
        roots, other_roots = self._roots(), others._roots()
        return np.array(
            [[np.linalg.svd(R.T @ L, compute_uv=False).sum() for L in other_roots] for R in roots]
        )

    def _roots(self) -> Sequence[Floats] | Floats:
        """L with S = L L', one per component."""
        if self.is_diagonal:
            return [np.diag(deviations) for deviations in self._deviations]
        return np.linalg.cholesky(self._covariances)
