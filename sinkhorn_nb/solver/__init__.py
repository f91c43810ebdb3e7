"""How a problem is solved."""

from .sinkhorn import Sinkhorn, solve

__all__ = ["Sinkhorn", "solve"]
