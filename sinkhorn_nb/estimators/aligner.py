"""Move the distribution of one data set onto that of another, point by point."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from .. import validation
from ..common.array_types import ArrayLike, Coordinates, Floats, Numbers
from ..losses.arguments import between
from ..losses.divergences import diverge
from ..measures.measure import Measure
from ..results.divergence import Divergence
from ..terms import Terms
from .base import SinkhornEstimator, cloud, divergence_terms
from .labels import is_source_row
from .maps import Potential

Learned: TypeAlias = tuple[Coordinates, Floats, Floats]  # points, weights and a potential

NAMES = "X", "reference", "sample_weight", "weights of reference"


class EntropicAligner(OneToOneFeatureMixin, TransformerMixin, SinkhornEstimator):
    """Align data with a reference by the entropic map: the distribution of X moves onto that of the
    reference.

    The debiased map x -> x + T_xz(x) - T_xx(x) moves along minus the gradient of the Sinkhorn
    divergence, per unit of mass. T_xz is the barycentric map of the entropic plan from X to the
    reference, T_xx the one of X to itself. Data that is aligned with itself stays where it is, and
    queries far from the data are translated. With a reach, both displacements are multiplied by the
    ratio of mass that the plan transports at x.

    Parameters
    ----------
    reference : (m, d) array-like, optional
        The cloud to move onto. Without it, and without `sample_domain`, X is its own reference.
    debiased : bool, default True
        False gives the plain barycentric map T_xz, whose images lie within the convex hull of the
        reference.
    blur : "auto" or float, default "auto"
        Length in the unit of the points below which details are smoothed. "auto" takes 5 % of the
        root-mean-square distance of two random points, of X and the reference in equal parts.
    p : float, default 2
        Exponent of the cost |x - y|^p / p, from 1 to 2.
    reach : float, optional
        Length up to which mass is transported: outliers beyond it need no partner, and rows far
        beyond it stay where they are. None matches all mass.
    tol : float, default 1e-3
        Largest accepted marginal error.
    max_iter : int, default 3000
        Largest number of iterations.
    init : str, default "auto"
        The name of the initializer; it changes the time of a fit, not the result.
    backend : {"auto", "cpu", "cuda"}, default "auto"
        The backend of `fit`. The CPU computes the maps.
    verbose : bool, default False
        Show the progress of each solve.

    Attributes
    ----------
    blur_ : float
        The length in use.
    p_, reach_ : float
        The exponent in use, and the reach, infinite without one.
    source_points_, reference_points_ : (n, d) and (m, d) arrays
        The distinct points of the two sides.
    source_weights_, reference_weights_ : (n,) and (m,) arrays
        Their probabilities.
    source_potential_, reference_potential_ : (n,) and (m,) arrays
        The potentials between the two sides.
    source_self_potential_, reference_self_potential_ : (n,) and (m,) arrays
        The potentials of each side with itself.
    divergence_ : float
        The Sinkhorn divergence between the two sides before the alignment.
    converged_ : bool
        Whether the solver reached `tol`.
    n_iter_ : int
        The number of iterations.
    n_features_in_ : int
    feature_names_in_ : (d,) array of str
        Only if X has names of features.

    References
    ----------
    Pooladian and Niles-Weed 2021, "Entropic estimation of optimal transport maps". Feydy et al.
    2019, equation (10).

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> aligner = snb.EntropicAligner(reference=x + [3.0, 0.0]).fit(x)
    >>> bool(np.allclose(aligner.transform([[100.0, 0.0]]), [[103.0, 0.0]], atol=0.05))
    True
    """

    def __init__(
        self,
        reference: ArrayLike | None = None,
        *,
        debiased: bool = True,
        blur: float | str = "auto",
        p: float = 2,
        reach: float | None = None,
        tol: float = 1e-3,
        max_iter: int = 3000,
        init: str = "auto",
        backend: Literal["auto", "cpu", "cuda"] = "auto",
        verbose: bool = False,
    ) -> None:
        self.reference = reference
        self.debiased = debiased
        self.blur = blur
        self.p = p
        self.reach = reach
        self.tol = tol
        self.max_iter = max_iter
        self.init = init
        self.backend = backend
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(
        self,
        X: ArrayLike,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        sample_domain: ArrayLike | None = None,
    ) -> EntropicAligner:
        """Learn the map of X onto the reference, or of the source rows onto the target rows.

        Parameters
        ----------
        X : (n, d) array-like
        y : ignored
        sample_weight : (n,) array-like, optional
            Weights >= 0 of the rows.
        sample_domain : (n,) array-like of int, optional
            Labels of domains: negative for rows of the target, all others belong to the source. The
            target takes the place of the reference.

        Returns
        -------
        EntropicAligner
            The estimator itself.
        """
        validation.choice("debiased", self.debiased, (False, True))
        solver = self._solver()
        source, target = self._sides(self._fitted_points(X), sample_weight, sample_domain)
        self.blur_ = self._length(source, target)
        terms = divergence_terms(self.blur_, self.p, self.reach)
        self.p_ = float(self.p)
        self.reach_ = np.inf if self.reach is None else float(self.reach)

        solved = diverge(between(source, target, terms, NAMES), solver)
        self._learn(source, target, solved)
        return self

    def transform(self, X: ArrayLike, sample_domain: ArrayLike | None = None) -> Numbers:
        """Move each row by the map onto the reference, independently of all other rows.

        Parameters
        ----------
        X : (n, d) array-like
        sample_domain : (n,) array-like of int, optional
            Rows with negative labels belong to the target already and stay where they are.

        Returns
        -------
        (n, d) array of the dtype of X
        """
        check_is_fitted(self)
        X = self._new_points(X)
        onto = self.reference_points_, self.reference_weights_, self.reference_potential_
        own = self.source_points_, self.source_weights_, self.source_self_potential_
        moved = self._moved(X, onto, own)
        if sample_domain is not None:
            stays = ~is_source_row(sample_domain, len(X))
            moved[stays] = X[stays]
        return moved

    def fit_transform(
        self,
        X: ArrayLike,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        sample_domain: ArrayLike | None = None,
    ) -> Numbers:
        """Fit the map, and move the rows of the source; rows of the target stay where they are.

        Parameters
        ----------
        X, y, sample_weight, sample_domain
            As for `fit`.

        Returns
        -------
        (n, d) array of the dtype of X
        """
        return self.fit(X, y, sample_weight, sample_domain).transform(X, sample_domain)

    def inverse_transform(self, X: ArrayLike) -> Numbers:
        """Move each row by the map of the reference back onto the source; the two maps invert each
        other roughly.

        Parameters
        ----------
        X : (n, d) array-like

        Returns
        -------
        (n, d) array of the dtype of X
        """
        check_is_fitted(self)
        onto = self.source_points_, self.source_weights_, self.source_potential_
        own = self.reference_points_, self.reference_weights_, self.reference_self_potential_
        return self._moved(self._new_points(X), onto, own)

    def score(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Minus the Sinkhorn divergence between the moved rows and the reference: the larger the
        better, at most 0.

        Parameters
        ----------
        X : (n, d) array-like
        y : ignored
        sample_weight : (n,) array-like, optional

        Returns
        -------
        float
        """
        moved = cloud(self._new_points(self.transform(X)), sample_weight)
        reference = Measure(self.reference_points_, self.reference_weights_)
        problem = between(moved, reference, self._terms, NAMES)
        return -float(diverge(problem, self._solver()))

    @property
    def _terms(self) -> Terms:
        reach = None if np.isinf(self.reach_) else self.reach_
        return divergence_terms(self.blur_, self.p_, reach)

    def _sides(
        self, X: Coordinates, sample_weight: ArrayLike | None, sample_domain: ArrayLike | None
    ) -> tuple[Measure, Measure]:
        """The measures of the two sides, as probabilities on distinct points."""
        if sample_domain is None:
            source = cloud(X, sample_weight)
            if self.reference is None:
                return source, source
            return source, self._other_cloud("reference", self.reference)
        if self.reference is not None:
            raise ValueError(
                "sample_domain: expected None beside a reference, got labels; leave one of the two "
                "out, because both name the cloud to move onto"
            )
        is_source = is_source_row(sample_domain, len(X))
        if is_source.all() or not is_source.any():
            raise ValueError(
                "sample_domain: expected rows of the source (labels >= 0) and of the target "
                "(labels < 0), got one domain only; label the rows of both"
            )
        weights = np.ones(len(X)) if sample_weight is None else sample_weight
        weights = validation.weights("sample_weight", weights, len(X))
        source = cloud(X[is_source], weights[is_source])
        target = cloud(X[~is_source], weights[~is_source])
        return source, target

    def _learn(self, source: Measure, target: Measure, solved: Divergence) -> None:
        self.source_points_ = source.points
        self.source_weights_ = source.weights
        self.source_potential_ = solved.xy.f
        self.source_self_potential_ = solved.xx.f
        self.reference_points_ = target.points
        self.reference_weights_ = target.weights
        self.reference_potential_ = solved.xy.g
        self.reference_self_potential_ = solved.yy.f
        self.divergence_ = solved.value
        self.converged_ = solved.converged
        self.n_iter_ = max(1, solved.n_iter)

    def _moved(self, X: Coordinates, onto: Learned, own: Learned) -> Numbers:
        """The rows moved onto a side, from their own side."""
        there = Potential(*onto, self._terms)
        here = Potential(*own, self._terms)
        images: Floats
        if not self.debiased:
            images = there.images(X)
        elif np.isinf(self.reach_):
            images = X + (there.images(X) - here.images(X))
        else:
            images = X + (there.displacements(X) - here.displacements(X))
        return images.astype(X.dtype)
