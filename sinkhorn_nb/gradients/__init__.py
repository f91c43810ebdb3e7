"""Derivatives of values and solutions."""

from .envelope import (
    BOTH,
    Gradient,
    Sides,
    envelope,
    envelope_of_normal_forms,
    pull,
    with_value,
)
from .linear_system import LINEAR_TOL

__all__ = [
    "BOTH",
    "LINEAR_TOL",
    "Gradient",
    "Sides",
    "envelope",
    "envelope_of_normal_forms",
    "pull",
    "with_value",
]
