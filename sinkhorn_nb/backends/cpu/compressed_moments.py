"""Moments of the points in each cell of a grid, as sums of integers: the same bits for any order of
the points.
"""

import numpy as np

from ..jit import exact_kernel
from .threads import count, run

UNIT = 2.0**61  # the integer that stands for all the mass
KEY_BITS = 63
CUT_BITS = 6  # per axis, for the number of a part of a grid cell, or fewer in many dimensions
PARENT_BITS = 21  # at least, for the number of the grid cell
EMPTY = -1  # key of an unused slot of a table
FIRST_ROOM = 1 << 12  # cells in the first table of a thread


def moments_by_cell(points, weights, origin, side, parents=None, cuts=None):
    """Keys and moments of the occupied cells, in the order of the keys, and the cell of each point.

    The cells are those of a grid. If `parents`, the grid cell of each point, is given, each grid
    cell p is cut into cuts[p, k] equal parts along axis k. The columns of the moments are: number
    of points with mass, mass, sums of w z_k, and sums of w z_k z_j for j <= k, where z is in [-1/2,
    1/2] within a cell and a mass of 1 is UNIT.
    """
    n, d = points.shape
    bits = KEY_BITS // d if parents is None else cut_bits(d)
    grid = origin, side, *_parts(parents, cuts, d), bits
    n_threads = count()
    edges = [n * t // n_threads for t in range(n_threads + 1)]
    owner = np.empty(n, np.int32)
    parts = [None] * n_threads

    def bin_part(t):
        parts[t] = _binned(points, weights, grid, owner, edges[t], edges[t + 1])

    run(bin_part, [(t,) for t in range(n_threads)])
    keys, places = np.unique(np.concatenate([keys for keys, _ in parts]), return_inverse=True)
    ends = np.cumsum([len(keys) for keys, _ in parts])[:-1]
    places = np.split(places.astype(np.int32), ends)
    moments = np.zeros((len(keys), parts[0][1].shape[1]), np.int64)
    for place, (_, own) in zip(places, parts, strict=True):
        moments[place] += own  # each key once in a part; np.add.at takes five times as long

    def rename(t):
        span = slice(edges[t], edges[t + 1])
        owner[span] = places[t][owner[span]]

    run(rename, [(t,) for t in range(n_threads)])
    return keys, moments, owner


def cut_bits(d):
    """Bits per axis for the number of a part of a grid cell."""
    return min(CUT_BITS, (KEY_BITS - PARENT_BITS) // d)


def _parts(parents, cuts, d):
    if parents is None:
        return np.empty(0, np.int32), np.ones((1, d))
    return parents, cuts


def _binned(points, weights, grid, owner, start, stop):
    """Keys and moments of the cells of some of the points, whose entries of `owner` are filled."""
    d = points.shape[1]
    keys = np.empty(0, np.int64)
    moments = np.empty((0, 2 + d + d * (d + 1) // 2), np.int64)
    i, used, room = start, 0, FIRST_ROOM
    while i < stop:
        keys, moments = _enlarged(keys, room), _enlarged(moments, room)
        table = np.full(2 * room, EMPTY, np.int64)
        slots = np.empty(2 * room, np.int32)
        enter(keys, used, table, slots)
        i, used = add_points(
            points, weights, i, stop, *grid, table, slots, keys, moments, used, owner
        )
        room *= 2
    return keys[:used], moments[:used]


def _enlarged(array, size):
    out = np.zeros((size, *array.shape[1:]), array.dtype)
    out[: len(array)] = array
    return out


@exact_kernel
def bounding_box(points):
    """(2, d) lowest and highest coordinates; NumPy takes ten times as long for few columns."""
    d = points.shape[1]
    box = np.empty((2, d))
    for k in range(d):
        low = high = points[0, k]
        for i in range(len(points)):
            low = min(low, points[i, k])
            high = max(high, points[i, k])
        box[0, k] = low
        box[1, k] = high
    return box


@exact_kernel
def mixed(key):
    """A hash of an integer."""
    h = key * np.int64(-0x61C8864680B583EB)
    return h ^ (h >> 32)


@exact_kernel
def enter(keys, used, table, slots):
    """Enter known cells in an empty table."""
    mask = len(table) - 1
    for s in range(used):
        q = mixed(keys[s]) & mask
        while table[q] != EMPTY:
            q = (q + 1) & mask
        table[q] = keys[s]
        slots[q] = s


@exact_kernel
def add_points(
    points,
    weights,
    start,
    stop,
    origin,
    side,
    parents,
    cuts,
    bits,
    table,
    slots,
    keys,
    moments,
    used,
    owner,
):
    """Add points to the moments of their cells until the keys are full; the next point, and the
    number of cells.
    """
    d = points.shape[1]
    mask = len(table) - 1
    is_cut = len(parents) > 0
    z = np.empty(d)
    for i in range(start, stop):
        p = parents[i] if is_cut else 0
        key = np.int64(p)
        for k in range(d):
            t = (points[i, k] - origin[k]) / side
            c = np.floor(t)
            if is_cut:
                t = (t - c) * cuts[p, k]
                c = min(np.floor(t), cuts[p, k] - 1.0)  # rounding may reach the upper end
            z[k] = t - c - 0.5
            key = (key << bits) | np.int64(c)
        q = mixed(key) & mask
        while table[q] != key and table[q] != EMPTY:
            q = (q + 1) & mask
        if table[q] == EMPTY:
            if used == len(keys):
                return i, used
            table[q] = key
            slots[q] = used
            keys[used] = key
            used += 1
        owner[i] = slots[q]
        add_moments(moments[slots[q]], weights[i], z)
    return stop, used


@exact_kernel
def add_moments(row, weight, z):
    """Add one point to the moments of its cell."""
    if weight > 0:
        row[0] += 1
    w = weight * UNIT
    row[1] += np.int64(w)
    m = 2
    for k in range(len(z)):
        row[m] += np.int64(w * z[k])
        m += 1
    for k in range(len(z)):
        for j in range(k + 1):
            row[m] += np.int64(w * z[k] * z[j])
            m += 1
