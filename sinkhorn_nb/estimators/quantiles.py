"""Multivariate ranks: the distribution of the data is moved onto a uniform or normal one."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import ndtri
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from .. import validation
from ..common.array_types import ArrayLike, Coordinates, Floats, Numbers
from ..losses.arguments import between
from ..measures.measure import Measure
from ..terms import Terms, terms_of
from .base import SinkhornEstimator, cloud
from .maps import Potential

NAMES = "X", "reference", "sample_weight", "weights of reference"


class EntropicQuantileTransformer(OneToOneFeatureMixin, TransformerMixin, SinkhornEstimator):
    """Multivariate ranks by entropic transport onto a reference distribution.

    The map is the barycentric map of the entropic plan from X to the reference, which is scaled to
    the spread of X. For p = 2 it is the gradient of a convex function. On a line it is monotone for
    any p, and tends to `sklearn.preprocessing.QuantileTransformer` as the blur tends to 0.

    Parameters
    ----------
    reference : {"uniform", "normal"} or (m, d) array-like, default "uniform"
        The uniform distribution on the unit cube, the standard normal distribution, or a cloud.
    n_reference : int, default 1000
        Number of points that stand for a named distribution: quasi-random ones, an even grid on a
        line.
    blur : "auto" or float, default "auto"
        Length in the unit of X below which details are smoothed. "auto" takes 5 % of the
        root-mean-square distance of two random points of X.
    p : float, default 2
        Exponent >= 1 of the cost |x - y|^p / p.
    tol : float, default 1e-3
        Largest accepted marginal error.
    max_iter : int, default 3000
        Largest number of iterations.
    init : str, default "auto"
        The name of the initializer; it changes the time of a fit, not the result.
    backend : {"auto", "cpu", "cuda"}, default "auto"
        The backend of `fit`. The CPU computes the maps.
    random_state : int or RandomState, optional
        The seed of the quasi-random points.
    verbose : bool, default False
        Show the progress of the solve.

    Attributes
    ----------
    blur_, p_ : float
        The length and the exponent in use.
    source_points_, reference_points_ : (n, d) and (m, d) arrays
        The distinct points of X, and those of the reference.
    source_weights_, reference_weights_ : (n,) and (m,) arrays
        Their probabilities.
    source_potential_, reference_potential_ : (n,) and (m,) arrays
        The potentials between X and the scaled reference.
    mean_, reference_mean_ : (d,) arrays
    scale_ : float
        The spread of X in units of the one of the reference.
    converged_ : bool
        Whether the solver reached `tol`.
    n_iter_ : int
        The number of iterations.
    n_features_in_ : int
    feature_names_in_ : (d,) array of str
        Only if X has names of features.

    References
    ----------
    Hallin et al. 2021, "Distribution and quantile functions, ranks and signs in dimension d: a
    measure transportation approach".

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> x = np.linspace(0, 1, 500)[:, None] ** 2
    >>> ranks = snb.EntropicQuantileTransformer(blur=0.01).fit(x)
    >>> ranks.transform([[0.25]]).round(2)  # the median
    array([[0.5]])
    """

    def __init__(
        self,
        reference: Literal["uniform", "normal"] | ArrayLike = "uniform",
        *,
        n_reference: int = 1000,
        blur: float | str = "auto",
        p: float = 2,
        tol: float = 1e-3,
        max_iter: int = 3000,
        init: str = "auto",
        backend: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.reference = reference
        self.n_reference = n_reference
        self.blur = blur
        self.p = p
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
    ) -> EntropicQuantileTransformer:
        """Learn the map of X onto the reference.

        Parameters
        ----------
        X : (n, d) array-like
        y : ignored
        sample_weight : (n,) array-like, optional
            Weights >= 0 of the rows.

        Returns
        -------
        EntropicQuantileTransformer
            The estimator itself.
        """
        solver = self._solver()
        source = cloud(self._fitted_points(X), sample_weight)
        reference = self._reference_cloud()
        self.blur_ = self._length(source)
        self.mean_, self.reference_mean_ = source.centroid, reference.centroid
        self.scale_ = _spread(source) / (_spread(reference) or 1.0) or 1.0

        target = Measure(self._scaled(reference.points), reference.weights)
        terms = terms_of(blur=self.blur_, p=self.p)
        self.p_ = float(self.p)
        solved = solver.solve(between(source, target, terms, NAMES))
        self.source_points_, self.source_weights_ = source.points, source.weights
        self.reference_points_, self.reference_weights_ = reference.points, reference.weights
        self.source_potential_, self.reference_potential_ = solved.f, solved.g
        self.converged_ = solved.converged
        self.n_iter_ = max(1, solved.n_iter)
        return self

    def transform(self, X: ArrayLike) -> Numbers:
        """Map each row to its rank, independently of all other rows.

        Parameters
        ----------
        X : (n, d) array-like

        Returns
        -------
        (n, d) array of the dtype of X
            Points of the convex hull of the reference.
        """
        check_is_fitted(self)
        X = self._new_points(X)
        points = self._scaled(self.reference_points_)
        onto = Potential(points, self.reference_weights_, self.reference_potential_, self._terms)
        images = onto.images(X)
        ranks = self.reference_mean_ + (images - self.mean_) / self.scale_
        return ranks.astype(X.dtype)

    def inverse_transform(self, X: ArrayLike) -> Numbers:
        """Map ranks back to quantiles of the data.

        Parameters
        ----------
        X : (n, d) array-like
            Points in the space of the reference.

        Returns
        -------
        (n, d) array of the dtype of X
            Points of the convex hull of the fitted data.
        """
        check_is_fitted(self)
        X = self._new_points(X)
        learned = self.source_points_, self.source_weights_, self.source_potential_
        own = Potential(*learned, self._terms)
        return own.images(self._scaled(X)).astype(X.dtype)

    @property
    def _terms(self) -> Terms:
        return terms_of(blur=self.blur_, p=self.p_)

    def _scaled(self, points: Coordinates) -> Floats:
        """Points of the space of the reference, at the place and with the spread of the data."""
        return self.mean_ + (points - self.reference_mean_) * self.scale_

    def _reference_cloud(self) -> Measure:
        if not isinstance(self.reference, str):
            return self._other_cloud("reference", self.reference)
        validation.choice("reference", self.reference, ("uniform", "normal"))
        count = validation.count("n_reference", self.n_reference)
        rng = check_random_state(self.random_state)
        points = even_points(count, self.n_features_in_, rng)
        return cloud(points if self.reference == "uniform" else ndtri(points))


def even_points(count: int, d: int, rng: np.random.RandomState) -> Floats:
    """(count, d) points that fill the open unit cube evenly: midpoints on a line, else Roberts'
    additive sequence from a random start.
    """
    steps = np.arange(count)[:, None]
    if d == 1:
        return (steps + 0.5) / count
    ratio = 2.0
    for _ in range(64):  # the root of r^(d + 1) = r + 1, the golden ratio for d = 1
        ratio = (1 + ratio) ** (1 / (d + 1))
    strides = ratio ** -np.arange(1.0, d + 1)
    points = (rng.uniform(size=d) + steps * strides) % 1.0
    return np.clip(points, 1e-9, 1 - 1e-9)


def _spread(measure: Measure) -> float:
    squares = ((measure.points - measure.centroid) ** 2).sum(axis=1)
    return float(np.sqrt(measure.probabilities @ squares))
