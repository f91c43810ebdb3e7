"""Estimators with the conventions of scikit-learn."""

from .aligner import EntropicAligner
from .drift import Drift, SinkhornDriftDetector
from .quantiles import EntropicQuantileTransformer

__all__ = ["Drift", "EntropicAligner", "EntropicQuantileTransformer", "SinkhornDriftDetector"]
