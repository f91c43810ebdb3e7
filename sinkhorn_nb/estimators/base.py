"""The parts that all estimators share: their settings, the checks of their input, the automatic
blur.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from .. import validation
from ..common.array_types import ArrayLike, Coordinates
from ..measures.grid import refuse_grid
from ..measures.measure import Measure
from ..measures.pixels import Pixels
from ..solver import Sinkhorn
from ..terms import Terms, terms_with_one_price, with_divergence

AUTO_SHARE = 0.05  # of the root-mean-square distance of two random points
CURE_FOR_PIXELS = (
    "pass grid.points.reshape(-1, d), with grid.weights.ravel() as sample_weight if it is taken; "
    "to compare images with each other, use pairwise_sinkhorn_divergence(grids, ...)"
)
DTYPES = [np.float64, np.float32]


class SinkhornEstimator(BaseEstimator):
    """An estimator of scikit-learn that solves entropic transport problems. Its settings are plain
    values.
    """

    blur: float | str
    tol: float
    max_iter: int
    init: str
    backend: Literal["auto", "cpu", "cuda"]
    verbose: bool

    def _solver(self) -> Sinkhorn:
        """The solver with the settings of the estimator."""
        validation.choice("verbose", self.verbose, (False, True))
        if not isinstance(self.init, str):
            raise TypeError(
                f"init: expected the name of an initializer, got {type(self.init).__name__}; "
                'settings of estimators are plain values, such as "auto"'
            )
        return Sinkhorn(
            tol=self.tol,
            max_iter=self.max_iter,
            init=self.init,
            backend=self.backend,
            progress=bool(self.verbose),
        )

    def _fitted_points(self, X: ArrayLike) -> Coordinates:
        """Check the points of a fit, and remember the number and the names of their features."""
        _refuse_what_is_no_table(X)
        return validate_data(self, X, dtype=DTYPES)

    def _new_points(self, X: ArrayLike, **checks: Any) -> Coordinates:
        """Check new points against the fitted ones."""
        _refuse_what_is_no_table(X)
        return validate_data(self, X, dtype=DTYPES, reset=False, **checks)

    def _other_cloud(self, name: str, points: ArrayLike) -> Measure:
        """Check a cloud, a measure or a grid that is a setting; it must have the features of the
        fitted points, under the same names. Return the measure as `cloud` does.
        """
        measure = Measure.of(points, names=(name, f"weights of {name}"))
        if measure.dimension != self.n_features_in_:
            raise ValueError(
                f"{name}: expected {self.n_features_in_} features like X, got {measure.dimension}; "
                "pass points with the same features"
            )
        known = getattr(self, "feature_names_in_", None)
        names = measure.traits.columns
        if known is not None and names is not None and list(known) != list(names):
            raise ValueError(
                f"{name}: expected the features {list(known)} of X, got {list(names)}; pass the "
                "same columns in the same order"
            )
        has_own_weights = isinstance(points, Measure) or isinstance(measure, Pixels)
        return cloud(measure.points, measure.weights if has_own_weights else None)

    def _length(self, *measures: Measure) -> float:
        """The blur: the given length, or a share of the root-mean-square distance in the pooled
        measures.
        """
        if isinstance(self.blur, str) and self.blur == "auto":
            return automatic_blur(*measures)
        if isinstance(self.blur, str):
            raise ValueError(
                f'blur: expected "auto" or a length > 0, got {self.blur!r}; pass "auto" or a number'
            )
        return validation.blur(self.blur, *(measure.points for measure in measures))


def _refuse_what_is_no_table(X: Any) -> None:
    """Refuse objects that scikit-learn's own checks take for a table of numbers."""
    what = "an (n_samples, n_features) array"
    refuse_grid("X", X, what, CURE_FOR_PIXELS)
    validation.refuse_mask("X", X, what)


def divergence_terms(blur: float, p: float, reach: float | None) -> Terms:
    """Check the exponent and the reach of an estimator that compares measures by divergences."""
    return with_divergence(terms_with_one_price(blur=blur, p=p, reach=reach))


def cloud(X: Coordinates, sample_weight: ArrayLike | None = None) -> Measure:
    """Return the probability measure of a fit: one row for each distinct point with mass, in
    canonical order.

    Integer weights and repeated rows give the same bits, because their sums are exact before the
    division by the mass.
    """
    if sample_weight is None:
        weights = np.ones(len(X))
    else:
        weights = validation.weights("sample_weight", sample_weight, len(X))
    measure = Measure(np.ascontiguousarray(X), weights).reduced
    order = np.lexsort(measure.points.T[::-1])
    weights = measure.weights[order]
    return Measure(measure.points[order], weights / math.fsum(weights))


def automatic_blur(*measures: Measure) -> float:
    """Return 5 % of the root-mean-square distance of two random points of the pooled measures: O(n
    d) by moments.
    """
    masses = [measure.mass for measure in measures]
    center = np.average([measure.centroid for measure in measures], axis=0, weights=masses)
    variances = []
    for measure in measures:
        squares = ((measure.points - center) ** 2).sum(axis=1)
        variances.append(measure.probabilities @ squares)
    variance = float(np.average(variances, weights=masses))
    distance = math.sqrt(2 * variance)
    if distance <= 1e-12 * float(np.abs(center).max(initial=0.0)):
        raise ValueError(
            'blur: expected at least two different points for blur="auto", got n_samples = 1 after '
            "equal ones are merged; pass more data, or a length"
        )
    return AUTO_SHARE * distance
