"""Solvers of one problem and of many."""

from .sinkhorn import DEFAULT, Sinkhorn, reported
from .small import MOST_ROWS, SmallSolutions, solve_small, suits

__all__ = ["DEFAULT", "MOST_ROWS", "Sinkhorn", "SmallSolutions", "reported", "solve_small", "suits"]
