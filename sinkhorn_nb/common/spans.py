"""Ranges cut into parts of equal length."""

from __future__ import annotations


def spans(count: int, length: int) -> list[tuple[int, int]]:
    """(first, last) of consecutive parts of range(count); the last one may be shorter."""
    starts = range(0, count, length)
    return [(first, min(first + length, count)) for first in starts]
