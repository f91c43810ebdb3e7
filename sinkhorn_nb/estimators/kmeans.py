"""Clusters of equal or given mass: k-means whose assignment is an entropic transport plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from scipy.special import softmax
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.cluster import kmeans_plusplus
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from .. import validation
from ..common.array_types import ArrayLike, Coordinates, Floats, Indices, Numbers
from ..initializers.base import sketch
from ..initializers.one_sided import OfTarget
from ..losses.arguments import between
from ..losses.momentum import Momentum
from ..measures.measure import Measure
from ..results.status import warn
from ..solver import Sinkhorn
from ..terms import single_price, terms_of
from .base import SinkhornEstimator, cloud

NAMES = "X", "the centers", "sample_weight", "masses"
# Marginal errors of plans: the first ones are rough, later ones are as exact as the centers have
# come to rest, and those below EXACT are within the tolerance.
ROUGH, EXACT = 0.03, 1e-3


class SinkhornKMeans(
    ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin, SinkhornEstimator
):
    """Clusters of equal or given mass, by k-means with an entropic assignment.

    Lloyd's two steps in turn: the entropic plan between the points and the centers, whose masses
    are prescribed, and the means of the points under this plan.

    Parameters
    ----------
    n_clusters : int, default 8
    masses : (n_clusters,) array-like, optional
        Shares of the mass, > 0; they are divided by their sum. Equal by default.
    blur : "auto" or float, default "auto"
        Length in the unit of the points: how soft the assignment is. "auto" takes 5 % of the
        root-mean-square distance of two random points.
    reach : float, optional
        Length that says how strictly the masses hold, at the price rho = reach**2 of a change of
        mass: at a small reach clusters have the size of the data's own ones. None keeps the masses.
    tol : float, default 1e-3
        Largest accepted marginal error of the assignment, and the movement of the centers, relative
        to the root-mean-square distance of two random points, below which `fit` ends.
    max_iter : int, default 300
        Largest number of pairs of steps.
    init : str, default "auto"
        The name of the initializer of the first plan; later ones start from the plan before. The
        first centers are those of k-means++.
    backend : {"auto", "cpu", "cuda"}, default "auto"
        The backend of `fit`.
    random_state : int or RandomState, optional
        The seed of the first centers.
    verbose : bool, default False
        Show the progress of each solve.

    Attributes
    ----------
    cluster_centers_ : (n_clusters, d) float64 array
    cluster_masses_ : (n_clusters,) float64 array
        Their shares of the mass.
        With a reach, the plan's own masses are the means of the columns of `transform`.
    potential_ : (n_clusters,) float64 array
        The potential of the centers: x goes to the center c_j of mass b_j with the
        largest `g_j - |x - c_j|^2 / 2 + eps log b_j`.
    labels_ : (n,) int array
        Of the fitted rows.
    blur_ : float
        The length in use.
    converged_ : bool
        Whether the centers have come to rest and the last plan is within `tol`.
    n_iter_ : int
        The number of pairs of steps.
    n_features_in_ : int
    feature_names_in_ : (d,) array of str
        Only if X has names of features.

    References
    ----------
    Genevay, Dulac-Arnold and Vert 2019, "Differentiable deep clustering with cluster size
    constraints".

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> x = np.concatenate([np.zeros((60, 1)), np.ones((20, 1))]) + np.linspace(0, 0.1, 80)[:, None]
    >>> halves = snb.SinkhornKMeans(n_clusters=2, blur=0.01, random_state=0).fit(x)
    >>> np.bincount(halves.labels_)
    array([40, 40])
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        masses: ArrayLike | None = None,
        blur: float | str = "auto",
        reach: float | None = None,
        tol: float = 1e-3,
        max_iter: int = 300,
        init: str = "auto",
        backend: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.n_clusters = n_clusters
        self.masses = masses
        self.blur = blur
        self.reach = reach
        self.tol = tol
        self.max_iter = max_iter
        self.init = init
        self.backend = backend
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> SinkhornKMeans:
        """Find the clusters.

        Parameters
        ----------
        X : (n, d) array-like
        y : ignored
        sample_weight : (n,) array-like, optional
            Weights >= 0 of the rows.

        Returns
        -------
        SinkhornKMeans
            The estimator itself.
        """
        solver = self._solver()
        X = self._fitted_points(X)
        points = cloud(X, sample_weight)
        self.cluster_masses_ = self._shares(len(X))
        self.blur_ = self._length(points)

        self._alternate(points, solver)
        self.labels_ = self._labels(X)
        return self

    def predict(self, X: ArrayLike) -> Indices:
        """The most likely cluster of each row.

        Parameters
        ----------
        X : (m, d) array-like

        Returns
        -------
        (m,) int array
        """
        check_is_fitted(self)
        return self._labels(self._new_points(X))

    def transform(self, X: ArrayLike) -> Numbers:
        """The soft assignment: the probability of each cluster, given the row.

        Parameters
        ----------
        X : (m, d) array-like

        Returns
        -------
        (m, n_clusters) array of the dtype of X
        """
        check_is_fitted(self)
        X = self._new_points(X)
        return softmax(self._logits(X), axis=1).astype(X.dtype)

    @property
    def _n_features_out(self) -> int:
        return len(self.cluster_centers_)

    def _solver(self) -> Sinkhorn:
        """The solver of a plan; `max_iter` counts the steps of the centers."""
        validation.count("max_iter", self.max_iter)
        return replace(super()._solver(), max_iter=Sinkhorn.max_iter)

    def _shares(self, n_samples: int) -> Floats:
        """The masses of the clusters, of sum 1."""
        count = validation.count("n_clusters", self.n_clusters)
        if count > n_samples:
            raise ValueError(
                f"n_clusters: expected at most one cluster per row, got {count} for "
                f"n_samples = {n_samples}; ask for fewer clusters"
            )
        if self.masses is None:
            return np.full(count, 1 / count)
        masses = validation.weights("masses", self.masses, count)
        if not masses.all():
            raise ValueError("masses: expected shares > 0, got 0; leave out empty clusters")
        return masses / masses.sum()

    def _alternate(self, points: Measure, solver: Sinkhorn) -> None:
        """Alternate plans and means, from the centers of k-means++, until the centers rest."""
        centers = self._first_centers(points)
        single_price("reach", self.reach)
        reach = None if self.reach is None else validation.positive("reach", self.reach)
        terms = terms_of(blur=self.blur_, reach=(None, reach))
        distance = _rms_distance(points) or self.blur_  # of equal points
        momentum = Momentum()
        start = solver._start
        plan_tol = max(ROUGH, self.tol)
        self.converged_ = False
        for n_iter in range(1, self.max_iter + 1):
            problem = between(points, Measure(centers, self.cluster_masses_), terms, NAMES)
            is_rough = plan_tol > self.tol and n_iter < self.max_iter
            # Without the early warning about neighboring points, which does not hold for few
            # centers.
            if is_rough:
                solved = sketch(solver, problem, start, plan_tol, solver.max_iter)
            else:
                solved = replace(solver, init=start).attempt(problem)
            steps = solved.map_back() - centers
            self.cluster_centers_ = centers
            self.potential_ = solved.g
            self.n_iter_ = n_iter
            moved = np.sqrt(self.cluster_masses_ @ (steps**2).sum(axis=1)) / distance
            if moved <= self.tol and not is_rough:
                self.converged_ = solved.converged
                break
            plan_tol = min(moved, ROUGH) if moved > max(self.tol, EXACT) else self.tol
            last, centers = centers, momentum.next(centers, steps)
            moves = centers - last
            # Of the plan's mean costs to the centers, which are quadratic
            gains = (moves * (steps - moves / 2)).sum(axis=1)
            start = OfTarget(solved.g - gains)
        if not solved.converged:
            warn(solved.message)

    def _first_centers(self, points: Measure) -> Floats:
        rng = check_random_state(self.random_state)
        count = min(self.n_clusters, len(points))
        centers, _ = kmeans_plusplus(
            points.points.astype(np.float64),
            count,
            sample_weight=points.weights,
            random_state=rng,
        )
        # Of fewer points than clusters, some are several centers
        return centers[np.arange(self.n_clusters) % count]

    def _labels(self, X: Coordinates) -> Indices:
        return self._logits(X).argmax(axis=1)

    def _logits(self, X: Coordinates) -> Floats:
        """Logarithms of the assignment, up to a constant per row. A row depends on itself alone."""
        origin = self.cluster_masses_ @ self.cluster_centers_
        centers = self.cluster_centers_ - origin
        points = X - origin
        half_squares = (centers**2).sum(axis=1) / 2
        logits = np.tile(self.potential_ - half_squares, (len(X), 1))
        for k in range(X.shape[1]):  # a product of matrices has other bits in other company
            logits += points[:, k, None] * centers[:, k]
        return logits / self.blur_**2 + np.log(self.cluster_masses_)


def _rms_distance(points: Measure) -> float:
    """The root-mean-square distance of two random points."""
    variances = points.probabilities @ (points.points - points.centroid) ** 2
    return float(np.sqrt(2 * variances.sum()))
