"""Derivatives of values and solutions."""

from .envelope import Gradient, envelope, envelope_of_normal_forms, pull, with_value
from .linear_system import LINEAR_TOL

__all__ = [
    "LINEAR_TOL",
    "Gradient",
    "envelope",
    "envelope_of_normal_forms",
    "pull",
    "with_value",
]
