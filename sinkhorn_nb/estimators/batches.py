"""Remove batch effects: move every batch onto a common reference."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from .. import validation
from ..common.array_types import ArrayLike, Coordinates, Floats, Numbers
from ..losses.barycenter import sinkhorn_barycenter
from ..measures.measure import Measure
from .aligner import EntropicAligner
from .base import SinkhornEstimator, cloud
from .labels import batch_labels, column_number, comparable_labels

MOST_POINTS = 1000  # of a barycenter, by default


class BatchAligner(OneToOneFeatureMixin, TransformerMixin, SinkhornEstimator):
    """Remove batch effects by moving every batch onto a common reference, by entropic maps.

    The labels of the batches are a column of X, or metadata: `sample_domain` of `fit` and
    `transform`. Rows are moved by the map of their batch, one by one.

    Parameters
    ----------
    batch : int or str, optional
        The column of X with the labels, by number or by name; it is left out of the output. Without
        it, `sample_domain` has the labels, and without both, X is one batch and stays where it is.
    reference : "largest", "barycenter" or a label, default "largest"
        The batch of the largest mass, the Sinkhorn barycenter of all batches, or a batch. Rows of a
        batch that is the reference stay where they are.
    n_points : int, optional
        Number of points of the barycenter; by default that of the largest batch, at most 1000.
    debiased : bool, default True
        As for `EntropicAligner`.
    blur : "auto" or float, default "auto"
        Length in the unit of the points below which details are smoothed. "auto" takes 5 % of the
        root-mean-square distance of two random rows.
    p, reach : float, optional
        As for `EntropicAligner`. A barycenter is always the one for p = 2 that matches all mass.
    tol : float, default 1e-3
        Largest accepted marginal error.
    max_iter : int, default 3000
        Largest number of iterations of each solve.
    init : str, default "auto"
        The name of the initializer; it changes the time of a fit, not the result.
    backend : {"auto", "cpu", "cuda"}, default "auto"
        The backend of `fit`. The CPU computes the maps.
    random_state : int or RandomState, optional
        The seed of the barycenter.
    verbose : bool, default False
        Show the progress of each solve.

    Attributes
    ----------
    batches_ : (k,) array
        The labels, in order.
    aligners_ : list of k EntropicAligner
        The map of each batch; None for a batch that is the reference.
    reference_points_, reference_weights_ : (m, d) and (m,) arrays
        The reference.
    blur_ : float
        The length in use.
    converged_ : bool
        Whether the solver reached `tol` for all batches.
    n_iter_ : int
        The largest number of iterations.
    n_features_in_ : int
    feature_names_in_ : (d,) array of str
        Only if X has names of features.

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> batch = np.repeat([0, 1], 100)
    >>> shifted = x + 5 * batch[:, None]
    >>> aligned = snb.BatchAligner(reference=0).fit_transform(shifted, sample_domain=batch)
    >>> bool(np.abs(aligned[batch == 1].mean(axis=0) - x[batch == 0].mean(axis=0)).max() < 0.01)
    True
    """

    def __init__(
        self,
        batch: int | str | None = None,
        *,
        reference: object = "largest",
        n_points: int | None = None,
        debiased: bool = True,
        blur: float | str = "auto",
        p: float = 2,
        reach: float | None = None,
        tol: float = 1e-3,
        max_iter: int = 3000,
        init: str = "auto",
        backend: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.batch = batch
        self.reference = reference
        self.n_points = n_points
        self.debiased = debiased
        self.blur = blur
        self.p = p
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
        self,
        X: ArrayLike,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        sample_domain: ArrayLike | None = None,
    ) -> BatchAligner:
        """Learn the map of each batch.

        Parameters
        ----------
        X : (n, d) array-like
        y : ignored
        sample_weight : (n,) array-like, optional
            Weights >= 0 of the rows.
        sample_domain : (n,) array-like, optional
            The batch of each row: any labels.

        Returns
        -------
        BatchAligner
            The estimator itself.
        """
        self._solver()
        validation.choice("debiased", self.debiased, (False, True))
        if self.n_points is not None:
            validation.count("n_points", self.n_points)
        rng = check_random_state(self.random_state)
        points, labels = self._split(X, sample_domain, self._fitted_points)
        weights = np.ones(len(points)) if sample_weight is None else sample_weight
        weights = validation.weights("sample_weight", weights, len(points))

        self.blur_ = self._length(cloud(points, weights))
        self.batches_ = np.unique(labels[weights > 0])
        has_labels = self.batch is not None or sample_domain is not None
        if has_labels and len(self.batches_) == 1:
            raise ValueError(
                f"batch: expected at least two batches, got the label {self.batches_[0]!r} only; "
                "pass data of several batches"
            )
        members = [labels == label for label in self.batches_]
        clouds = [cloud(points[rows], weights[rows]) for rows in members]
        masses = np.array([weights[rows].sum() for rows in members])
        chosen, reference = self._chosen(clouds, masses, rng)
        self.reference_points_, self.reference_weights_ = reference.points, reference.weights
        self.aligners_ = [
            None if k == chosen else self._aligner(own, reference) for k, own in enumerate(clouds)
        ]
        fitted = [aligner for aligner in self.aligners_ if aligner is not None]
        self.converged_ = all(aligner.converged_ for aligner in fitted)
        self.n_iter_ = max([1, *(aligner.n_iter_ for aligner in fitted)])
        return self

    def transform(self, X: ArrayLike, sample_domain: ArrayLike | None = None) -> Numbers:
        """Move each row by the map of its batch, independently of all other rows.

        Parameters
        ----------
        X : (n, d) array-like
        sample_domain : (n,) array-like, optional
            The batch of each row, if X has no column of them.

        Returns
        -------
        (n, d) array of the dtype of X
            Without the column of the labels.
        """
        check_is_fitted(self)
        points, labels = self._split(X, sample_domain, self._new_points)
        last = len(self.batches_) - 1
        places = np.searchsorted(self.batches_, labels).clip(max=last)
        unknown = self.batches_[places] != labels
        if unknown.any():
            raise ValueError(
                f"batch: expected the labels of the fit, {self.batches_.tolist()}, got "
                f"{labels[unknown][0]!r}; fit again with data of this batch"
            )
        moved = points.copy()
        for k, aligner in enumerate(self.aligners_):
            rows = places == k
            if aligner is not None and rows.any():
                moved[rows] = aligner.transform(points[rows])
        return moved

    def fit_transform(
        self,
        X: ArrayLike,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        sample_domain: ArrayLike | None = None,
    ) -> Numbers:
        """Fit the maps and move the rows.

        Parameters
        ----------
        X, y, sample_weight, sample_domain
            As for `fit`.

        Returns
        -------
        (n, d) array of the dtype of X
        """
        return self.fit(X, y, sample_weight, sample_domain).transform(X, sample_domain)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Numbers:
        """Names of the output: those of the input without the column of the labels."""
        names = super().get_feature_names_out(input_features)
        return names if self.batch is None else np.delete(names, self._column())

    def _split(
        self, X: Any, sample_domain: ArrayLike | None, check: Any
    ) -> tuple[Coordinates, Numbers]:
        """The points and the labels of all rows."""
        if self.batch is None:
            points = check(X)
            return points, batch_labels(sample_domain, len(points))
        if sample_domain is not None:
            raise ValueError(
                "sample_domain: expected None beside a column of labels, got labels; leave one of "
                "the two out"
            )
        labels = None
        if isinstance(self.batch, str) and _has_column(X, self.batch):
            # Words, which no array of numbers can hold
            labels = comparable_labels("batch", X[self.batch].to_numpy())
            X = X.assign(**{self.batch: np.zeros(len(X))})
        table = check(X)
        column = self._column()
        points = np.delete(table, column, axis=1)
        if not points.shape[1]:
            raise ValueError(
                "batch: expected features beside the column of labels, got n_features = 1; pass "
                "data"
            )
        return points, table[:, column] if labels is None else labels

    def _column(self) -> int:
        names = getattr(self, "feature_names_in_", None)
        return column_number("batch", self.batch, self.n_features_in_, names)

    def _chosen(
        self, clouds: list[Measure], masses: Floats, rng: np.random.RandomState
    ) -> tuple[int | None, Measure]:
        """The number of the batch that is the reference, or None, and the reference."""
        if isinstance(self.reference, str) and self.reference == "largest":
            chosen = int(np.argmax(masses))
            return chosen, clouds[chosen]
        if isinstance(self.reference, str) and self.reference == "barycenter":
            return None, self._barycenter(clouds, masses, rng)
        known = self.batches_.tolist()
        if self.reference not in known:
            raise ValueError(
                f'reference: expected "largest", "barycenter" or one of the labels {known}, got '
                f"{self.reference!r}; pass one of them"
            )
        chosen = known.index(self.reference)
        return chosen, clouds[chosen]

    def _barycenter(
        self, clouds: list[Measure], masses: Floats, rng: np.random.RandomState
    ) -> Measure:
        count = self.n_points
        if count is None:
            count = min(MOST_POINTS, max(len(each) for each in clouds))
        found = sinkhorn_barycenter(
            clouds,
            masses,
            blur=self.blur_,
            n_points=count,
            solver=self._solver(),
            random_state=rng.randint(2**31 - 1),
        )
        return cloud(found.points.astype(clouds[0].points.dtype))

    def _aligner(self, own: Measure, reference: Measure) -> EntropicAligner:
        """The fitted map of a batch onto the reference."""
        aligner = EntropicAligner(
            debiased=self.debiased,
            blur=self.blur_,
            p=self.p,
            reach=self.reach,
            tol=self.tol,
            max_iter=self.max_iter,
            init=self.init,
            backend=self.backend,
            verbose=self.verbose,
        )
        points = np.concatenate([own.points, reference.points])
        weights = np.concatenate([own.weights, reference.weights])
        domain = np.repeat([1, -1], [len(own), len(reference)])
        return aligner.fit(points, sample_weight=weights, sample_domain=domain)


def _has_column(X: Any, name: str) -> bool:
    """Tell whether X is a data frame with a column of this name."""
    return hasattr(X, "assign") and name in X.columns
