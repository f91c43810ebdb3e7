"""Costs between points."""

from .base import Cost
from .named import cost_of
from .squared_euclidean import SQUARED_EUCLIDEAN, SquaredEuclidean

__all__ = ["SQUARED_EUCLIDEAN", "Cost", "SquaredEuclidean", "cost_of"]
