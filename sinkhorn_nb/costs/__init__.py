"""Costs between points."""

from .base import Cost
from .city_block import CityBlock
from .cosine import Cosine
from .given import GivenCost
from .haversine import Haversine
from .matrix import MatrixCost
from .named import cost_of
from .pair_slopes import PairSlopes
from .powers import PowerOfDistance
from .squared_euclidean import SQUARED_EUCLIDEAN, SquaredEuclidean

__all__ = [
    "SQUARED_EUCLIDEAN",
    "CityBlock",
    "Cosine",
    "Cost",
    "GivenCost",
    "Haversine",
    "MatrixCost",
    "PairSlopes",
    "PowerOfDistance",
    "SquaredEuclidean",
    "cost_of",
]
