"""Solvers of one problem and of many."""

from .schedule import value_tol
from .sinkhorn import DEFAULT, Sinkhorn, reported, solve
from .small import any_small, solve_small, suits
from .small_starts import carried

__all__ = [
    "DEFAULT",
    "Sinkhorn",
    "any_small",
    "carried",
    "reported",
    "solve",
    "solve_small",
    "suits",
    "value_tol",
]
