"""Solvers of one problem and of many."""

from .batch import is_small, solve_together
from .sinkhorn import Sinkhorn, reported

__all__ = ["Sinkhorn", "is_small", "reported", "solve_together"]
