"""The second pass for heavy pairs: their columns are listed by rows, in increasing order.

The first pass has summed the light pairs and counted the heavy ones in each row and chunk. So each
row of a chunk has its places in the list, and no two blocks write to the same ones.
"""

from functools import cache

import numpy as np

from . import tiles
from .device import EXP2, device, syncthreads
from .kernels import Reduction, walking


def places_of(counts):
    """(n + 1,) starts of the rows in the list, and (chunks, n, 2) the next place and the end of
    each row in each chunk.
    """
    ends = np.cumsum(counts.T.astype(np.int64)).reshape(counts.T.shape).T
    starts = np.concatenate([[0], ends[-1]])
    return starts, np.stack([ends - counts.astype(np.int64), ends], axis=2)


@cache
def list_kernel(dtype, shape, kind):
    """The kernel that writes the columns of heavy pairs to a list; blocks of rows whose places in a
    chunk are full are skipped.
    """
    reduction = Reduction(
        n_placed=1,
        n_totals=1,
        total=np.uint64,
        n_parts=1,
        columns_too=False,
        clear=_clear_nothing,
        is_open=_being_open(dtype, shape),
        begin=tiles.beginning(shape),
        add_tile=_noting(dtype, shape),
        add_rows=_listing(shape),
    )
    return walking(dtype, shape, False, kind, reduction)


@device
def _clear_nothing(x, p, y, q, places, listed, me):
    """The first launch adds to the lists, too."""


def _being_open(dtype, shape):
    number = np.dtype(dtype).type
    threads = shape.threads
    block = shape.block

    @device
    def is_open(places, q, base, i1, shared, me):
        """Tell whether a row of the block has places left."""
        syncthreads()
        for r in range(me, block, threads):
            shared[r] = number(0)
            if base + r < i1:
                shared[r] = number(places[q, base + r, 0] < places[q, base + r, 1])
        syncthreads()
        count = number(0)
        for r in range(block):
            count += shared[r]
        syncthreads()
        return count > 0

    return is_open


def _noting(dtype, shape):
    """The function that sets bit s * columns + c of a row for a heavy pair. A thread has at most 64
    columns of a tile.
    """
    exp2 = EXP2[dtype]
    lanes = shape.lanes
    rows = shape.rows
    columns = shape.columns
    step = shape.step

    @device
    def note(x, s, terms, t, beside, a, bits, sums, own, me):
        first = np.uint32(s * np.uint32(step) + me % np.uint32(lanes))
        for c in range(columns):
            B = beside[first + c * lanes, 1]
            bit = np.uint64(s * np.uint32(columns) + np.uint32(c))
            for r in range(rows):
                is_heavy = exp2(t[r, c]) * max(a[r], B) > x.limit
                bits[r, 0] |= np.uint64(is_heavy) << bit

    return note


def _listing(shape):
    threads = shape.threads
    lanes = shape.lanes
    groups = shape.groups
    rows = shape.rows
    block = shape.block
    n_bits = shape.tile // lanes

    @device
    def list_rows(x, s, y, t, base, i1, j0, bits, parts, places, listed, q, me):
        """Append the columns of a tile to the lists of a block's rows."""
        syncthreads()
        for r in range(rows):
            parts[me % lanes, me // lanes + r * groups] = bits[r, 0]
        syncthreads()
        for r in range(me, min(block, i1 - base), threads):
            found = np.uint64(0)
            for lane in range(lanes):
                found |= parts[lane, r]
            if found == 0:
                continue
            place = places[q, base + r, 0]
            end = places[q, base + r, 1]
            for bit in range(n_bits):
                if (found >> np.uint64(bit)) & np.uint64(1):
                    for lane in range(lanes):
                        if (parts[lane, r] >> np.uint64(bit)) & np.uint64(1):
                            if place < end:
                                listed[place] = j0 + bit * lanes + lane
                            place += 1
            places[q, base + r, 0] = place

    return list_rows
