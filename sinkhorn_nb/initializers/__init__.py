"""Where a solve starts."""

from .base import Start
from .coarse import Coarse
from .zeros import Zeros

__all__ = ["Coarse", "Start", "Zeros"]
