"""Tell whether new data still comes from the distribution of a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .. import validation
from ..common.array_types import ArrayLike, Coordinates, Floats
from ..common.representation import Represented
from ..losses.arguments import between
from ..losses.divergences import diverge
from ..losses.two_sample import sinkhorn_two_sample_test
from ..measures.measure import Measure
from ..plotting import plot_drift, plot_features, row_of_axes
from ..terms import Terms
from .base import SinkhornEstimator, cloud

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = "X", "the reference", "weights of X", "weights of the reference"


@dataclass(frozen=True, eq=False, repr=False)
class Drift(Represented):
    """The result of one test of a detector.

    Attributes
    ----------
    statistic : float
    pvalue : float
        Exact: at most p with a probability of at most p while there is no drift.
    is_drift : bool
        Whether the p-value is at most `alpha`.
    attributions : (m, d) float64 array
        For each row and feature the share of the divergence that it accounts for; they are >= 0.
    """

    statistic: float
    pvalue: float
    is_drift: bool
    attributions: Floats

    @property
    def of_features(self) -> Floats:
        """(d,) sums of the attributions over the rows."""
        return self.attributions.sum(axis=0)

    @property
    def of_samples(self) -> Floats:
        """(m,) sums of the attributions over the features."""
        return self.attributions.sum(axis=1)

    def _facts(self) -> dict[str, object]:
        return {"statistic": self.statistic, "pvalue": self.pvalue, "is_drift": self.is_drift}


class SinkhornDriftDetector(SinkhornEstimator):
    """Detect drift: an exact two-sample test of new data against a reference, with its causes.

    Parameters
    ----------
    alpha : float, default 0.05
        The level: the probability of a false alarm in one test.
    n_permutations : int, default 999
        Number of random labelings of a test.
    statistic : {"sinkhorn", "energy", "mmd"}, default "sinkhorn"
        The statistic of the test, as for `sinkhorn_two_sample_test`.
    window : int, optional
        Number of the latest rows that `update` tests; as many as the reference has by default.
    blur : "auto" or float, default "auto"
        Length in the unit of the points below which details are smoothed. "auto" takes 5 % of the
        root-mean-square distance of two random points of the reference.
    tol : float, default 1e-3
        Largest accepted marginal error of the attributions.
    max_iter : int, default 3000
        Largest number of iterations of the attributions.
    init : str, default "auto"
        The name of the initializer; it changes the time, not the result.
    backend : {"auto", "cpu", "cuda"}, default "auto"
        The backend of the attributions.
    random_state : int or RandomState, optional
        The seed of the labelings.
    n_jobs : int, optional
        Number of processes of the test.
    verbose : bool, default False
        Show the progress of each solve.

    Attributes
    ----------
    reference_points_ : (n, d) array
    blur_ : float
        The length in use.
    window_ : (k, d) array
        The latest rows that `update` has seen.
    statistic_, pvalue_, is_drift_ : float, float, bool
        The result of the latest test.
    attributions_ : (m, d) float64 array
        Shares of the divergence per row and feature in the latest test.
    null_distribution_ : (n_permutations,) float64 array
        Statistics of the random labelings in the latest test.
    n_features_in_ : int
    feature_names_in_ : (d,) array of str
        Only if the reference has names of features.

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> rng = np.random.default_rng(0)
    >>> detector = snb.SinkhornDriftDetector(random_state=0).fit(rng.normal(size=(100, 3)))
    >>> drift = detector.test(rng.normal(size=(80, 3)) + [0.0, 1.0, 0.0])
    >>> drift.is_drift, int(drift.of_features.argmax())
    (True, 1)
    """

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        n_permutations: int = 999,
        statistic: Literal["sinkhorn", "energy", "mmd"] = "sinkhorn",
        window: int | None = None,
        blur: float | str = "auto",
        tol: float = 1e-3,
        max_iter: int = 3000,
        init: str = "auto",
        backend: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.alpha = alpha
        self.n_permutations = n_permutations
        self.statistic = statistic
        self.window = window
        self.blur = blur
        self.tol = tol
        self.max_iter = max_iter
        self.init = init
        self.backend = backend
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: object = None) -> SinkhornDriftDetector:
        """Remember the reference.

        Parameters
        ----------
        X : (n, d) array-like
        y : ignored

        Returns
        -------
        SinkhornDriftDetector
            The estimator itself.
        """
        self._solver()
        validation.share("alpha", self.alpha)
        if self.window is not None:
            validation.count("window", self.window)
        points = self._fitted_points(X)

        self.blur_ = self._length(cloud(points))
        self.reference_points_ = np.array(points)
        self.window_ = self.reference_points_[:0]
        return self

    def test(self, X: ArrayLike) -> Drift:
        """Test whether X comes from the distribution of the reference.

        Parameters
        ----------
        X : (m, d) array-like

        Returns
        -------
        Drift
            statistic, pvalue, is_drift, attributions.
        """
        check_is_fitted(self)
        return self._tested(self._new_points(X))

    def update(self, X: ArrayLike) -> Drift:
        """Append rows to the window of the latest rows, and test the window.

        The level holds for each test by itself; in a long run of tests, false alarms are to be
        expected at the rate alpha.

        Parameters
        ----------
        X : (k, d) array-like
            New rows, in the order of their arrival.

        Returns
        -------
        Drift
            The result for the window.
        """
        check_is_fitted(self)
        size = len(self.reference_points_) if self.window is None else self.window
        rows = np.concatenate([self.window_, self._new_points(X)])
        self.window_ = rows[-size:]
        return self._tested(self.window_)

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Minus the Sinkhorn divergence between X and the reference: at most 0, the larger the
        closer.

        Parameters
        ----------
        X : (m, d) array-like
        y : ignored

        Returns
        -------
        float
        """
        check_is_fitted(self)
        value, _ = self._divergence(self._new_points(X))
        return -value

    def plot(self) -> Figure:
        """Draw the latest test: the statistic among those of random labelings, and the features.

        Returns
        -------
        matplotlib.figure.Figure
        """
        check_is_fitted(self, "attributions_")
        figure, (left, right) = row_of_axes(2, width=4.0)
        plot_drift(self, ax=left)
        plot_features(self, ax=right)
        return figure

    def _tested(self, X: Coordinates) -> Drift:
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        result = sinkhorn_two_sample_test(
            self.reference_points_,
            X,
            blur=self.blur_,
            n_permutations=self.n_permutations,
            statistic=self.statistic,
            random_state=seed,
            n_jobs=self.n_jobs,
        )
        self.statistic_, self.pvalue_ = result.statistic, result.pvalue
        self.is_drift_ = result.pvalue <= self.alpha
        self.null_distribution_ = result.null_distribution
        _, self.attributions_ = self._divergence(X)
        return Drift(self.statistic_, self.pvalue_, self.is_drift_, self.attributions_)

    def _divergence(self, X: Coordinates) -> tuple[float, Floats]:
        """S_eps, and for each row and feature half of the squared displacement by -grad S / a, in
        shares of S.
        """
        source = Measure.of(X)
        target = Measure.of(self.reference_points_)
        problem = between(source, target, Terms(self.blur_**2), NAMES)
        solved = diverge(problem, self._solver())
        squares = solved.gradient().x ** 2
        total = squares.sum()
        if total > 0:
            return solved.value, solved.value * squares / total
        return solved.value, squares
