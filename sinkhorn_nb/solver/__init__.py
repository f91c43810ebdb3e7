"""Solvers of one problem and of many."""

from .sinkhorn import Sinkhorn, reported
from .small import is_small, solve_from, solve_together, suits

__all__ = ["Sinkhorn", "is_small", "reported", "solve_from", "solve_together", "suits"]
