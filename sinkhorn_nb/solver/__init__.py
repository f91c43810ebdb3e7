"""How a problem is solved, and how many are."""

from .batch import is_small, solve_together
from .sinkhorn import Sinkhorn, reported

__all__ = ["Sinkhorn", "is_small", "reported", "solve_together"]
