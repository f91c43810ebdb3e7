"""Counts of the pairs that are treated: each kernel writes its own, and a solve reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Ledger:
    """A count of pairs; what is written to any ledger is written to all open ones, too."""

    def __init__(self) -> None:
        self.pairs = 0.0

    def write(self, pairs: float) -> None:
        """Add a number of pairs."""
        self.pairs += pairs
        count_pairs(pairs)


# Each thread has its own, so that solves at the same time do not count each other's pairs
_open: ContextVar[tuple[Ledger, ...]] = ContextVar("open ledgers", default=())


@contextmanager
def counting() -> Iterator[Ledger]:
    """Open a ledger of all pairs that are treated within the block, in this thread."""
    ledger = Ledger()
    token = _open.set((*_open.get(), ledger))
    try:
        yield ledger
    finally:
        _open.reset(token)


def count_pairs(pairs: float) -> None:
    """Write a number of pairs to the open ledgers, for work without a kernel."""
    for ledger in _open.get():
        ledger.pairs += pairs
