"""Estimators with the conventions of scikit-learn."""

from .aligner import EntropicAligner
from .batches import BatchAligner
from .drift import Drift, SinkhornDriftDetector
from .kmeans import SinkhornKMeans
from .quantiles import EntropicQuantileTransformer

__all__ = [
    "BatchAligner",
    "Drift",
    "EntropicAligner",
    "EntropicQuantileTransformer",
    "SinkhornDriftDetector",
    "SinkhornKMeans",
]
