"""Memory for the work on one small problem after another. It is made in Python: kernels that make
no arrays need no code that counts references, are compiled sooner, and take less time for few
points.
"""

from typing import Any, NamedTuple

import numpy as np

from ..jit import inlined, view
from .small_mixing import MEMORY, Mixing

VECTORS = 2 * MEMORY + 14  # of the second cloud
# Scratch for more pairs than this waits for the next problems, up to so many bytes in all: the
# system clears fresh memory page by page, which took a fourth of the time of a divergence between
# 1024 points. The allocator itself reuses smaller arrays.
LEAST_KEPT, MOST_KEPT = 2**18, 2**26


LINE = 8  # numbers of a cache line


def aligned(count):
    """Room for so many numbers from the start of a cache line on: vectors of a processor that lie
    in two lines took a tenth of the time of a gradient.
    """
    room = np.empty(count + LINE)
    address = room.__array_interface__["data"][0]
    first = -(address // room.itemsize) % LINE
    return room[first : first + count]


class Scratch(NamedTuple):
    """Flat arrays that hold the largest problem."""

    costs: Any
    kernels: Any
    rows: Any  # vectors of the first cloud
    columns: Any  # vectors of the second cloud
    coordinates: Any  # of both clouds
    square: Any
    system: Any

    @classmethod
    def of(cls, pairs, size, numbers):
        """Scratch for problems with so many pairs, points in a cloud and numbers in a block of
        coordinates.
        """
        return cls(
            np.empty(pairs),
            np.empty(pairs),
            np.empty(4 * size),
            np.empty(VECTORS * size),
            np.empty(2 * numbers),
            np.empty((MEMORY + 1, MEMORY)),
            np.empty((MEMORY, MEMORY + 1)),
        )

    def holds(self, pairs, size, numbers):
        """Whether there is room for problems of this size."""
        return (
            len(self.costs) >= pairs
            and len(self.rows) >= 4 * size
            and len(self.coordinates) >= 2 * numbers
        )

    @property
    def n_bytes(self):
        """The size of all arrays."""
        return sum(array.nbytes for array in self)


_waiting: list[Scratch] = []  # one thread alone takes each: `list.pop` is atomic


def borrow(pairs, size, numbers):
    """Scratch for problems of this size: of earlier ones, or new. What is too small is freed."""
    while _waiting and pairs > LEAST_KEPT:
        try:
            scratch = _waiting.pop()
        except IndexError:  # another thread took the last one
            break
        if scratch.holds(pairs, size, numbers):
            return scratch
    return Scratch.of(pairs, size, numbers)


def give_back(scratch):
    """Keep large scratch for the next problems, unless too much is kept already."""
    kept = sum(other.n_bytes for other in _waiting)
    if len(scratch.costs) > LEAST_KEPT and kept + scratch.n_bytes <= MOST_KEPT:
        _waiting.append(scratch)


class Room(NamedTuple):
    """Scratch vectors: `top` and `shares` have n numbers, all others m."""

    base: Any
    top: Any
    row: Any
    half: Any
    reference: Any
    residual: Any
    plain: Any
    last: Any
    last_residual: Any
    factors: Any
    sums: Any
    aims: Any
    shares: Any
    logs: Any


@inlined
def room_in(scratch, n, m):
    """The vectors of a problem of n by m: u, v, and the room around them."""
    r = view(scratch.rows, 0, (3, n))
    c = view(scratch.columns, 0, (VECTORS - 2 * MEMORY, m))
    room = Room(
        base=c[0],
        top=r[0],
        row=c[1],
        half=c[2],
        reference=c[3],
        residual=c[4],
        plain=c[5],
        last=c[6],
        last_residual=c[7],
        factors=c[8],
        sums=c[9],
        aims=c[10],
        shares=r[1],
        logs=c[11],
    )
    return r[2], c[12], room


@inlined
def mixing_in(scratch, m):
    """Room for the mixing of vectors of m numbers."""
    first = VECTORS - 2 * MEMORY
    return Mixing(
        changes=view(scratch.columns, first * m, (MEMORY, m)),
        corrections=view(scratch.columns, (first + MEMORY) * m, (MEMORY, m)),
        gram=scratch.square[:MEMORY],
        shares=scratch.square[MEMORY],
        system=scratch.system,
    )
