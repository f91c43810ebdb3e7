"""Estimators with the conventions of scikit-learn."""

from .aligner import EntropicAligner

__all__ = ["EntropicAligner"]
