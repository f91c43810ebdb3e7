"""Derivatives of values and solutions."""

from .envelope import Gradient, envelope

__all__ = ["Gradient", "envelope"]
