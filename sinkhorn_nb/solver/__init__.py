"""Solvers of one problem and of many."""

from .schedule import value_tol
from .sinkhorn import Sinkhorn, reported
from .small import is_small, solve_from, solve_together, suits

__all__ = ["Sinkhorn", "is_small", "reported", "solve_from", "solve_together", "suits", "value_tol"]
