"""How a problem is solved, and how many are."""

from .batch import solve_together
from .sinkhorn import Sinkhorn, solve

__all__ = ["Sinkhorn", "solve", "solve_together"]
