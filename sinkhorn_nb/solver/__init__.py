"""How a problem is solved, and how many are."""

from .batch import solve_together
from .sinkhorn import Sinkhorn, reported

__all__ = ["Sinkhorn", "reported", "solve_together"]
