"""Moments of the points in each cell of a grid, as sums of integers: the same bits for any order of
the points.
"""

import numpy as np

from ..jit import exact_kernel
from .compressed_sums import UNIT, equal_pieces, over_pieces
from .threads import count, run

KEY_BITS = 63
CUT_BITS = 6  # per axis, for the number of a part of a grid cell, or fewer in many dimensions
PARENT_BITS = 21  # at least, for the number of the grid cell
EMPTY = -1  # key of an unused slot of a table
FIRST_ROOM = 1 << 12  # cells in the first table of a thread
BLOCK = 128  # points


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
    owner = np.empty(n, np.int32)
    spans = _spans(n)
    parts = _bin(points, weights, grid, owner, spans)
    keys, moments, places = _merged(parts)

    def rename_part(t, start, stop):
        rename(places[t], owner, owner, start, stop)

    run(rename_part, spans)
    return keys, moments, owner


def moments_of_cells(points, weights, origin, side):
    """Keys and moments like those of `moments_by_cell`, without the cell of each point."""
    n, d = points.shape
    grid = origin, side, *_parts(None, None, d), KEY_BITS // d
    no_owner = np.empty(0, np.int32)
    parts = _bin(points, weights, grid, no_owner, _spans(n))
    keys, moments, _ = _merged(parts)
    return keys, moments


def owners_in(parents, owner):
    """The parent of the cell of each point."""
    names = parents.astype(np.int32)
    n = len(owner)
    out = np.empty(n, np.int32)
    over_pieces(lambda start, stop: rename(names, owner, out, start, stop), n)
    return out


def points_in(are_some, owner):
    """The points of some of the cells, in order."""
    if not are_some.any():
        return np.empty(0, np.int64)
    pieces = {}

    def list_piece(start, stop):
        pieces[start, stop] = listed(are_some, owner, start, stop)  # empty ones share a start

    over_pieces(list_piece, len(owner))
    return np.concatenate([pieces[ends] for ends in sorted(pieces)])


def _spans(n):
    """Number, start and stop of the points of each thread."""
    return [(t, *ends) for t, ends in enumerate(equal_pieces(n, count()))]


def _bin(points, weights, grid, owner, spans):
    """Keys and moments of each span of points."""
    parts = [None] * len(spans)

    def bin_part(t, start, stop):
        parts[t] = _binned(points, weights, grid, owner, start, stop)

    run(bin_part, spans)
    return parts


def _merged(parts):
    """The keys of all parts in order, the sums of their moments, and the place of each part's keys
    among all.
    """
    all_keys = [keys for keys, _ in parts]
    keys, places = np.unique(np.concatenate(all_keys), return_inverse=True)
    ends = np.cumsum([len(own) for own in all_keys])[:-1]
    places = np.split(places.astype(np.int32), ends)
    n_moments = parts[0][1].shape[1]
    moments = np.zeros((len(keys), n_moments), np.int64)
    for place, (_, own) in zip(places, parts, strict=True):
        moments[place] += own  # each key once in a part; np.add.at takes five times as long
    return keys, moments, places


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
    n_moments = 2 + d + d * (d + 1) // 2
    keys = np.empty(0, np.int64)
    moments = np.empty((0, n_moments), np.int64)

    i = start
    used = 0
    room = FIRST_ROOM
    while i < stop:
        keys = _enlarged(keys, room)
        moments = _enlarged(moments, room)
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
def rename(names, owner, out, start, stop):
    """out_i is the name of the cell of point i, for the points from start to stop."""
    for i in range(start, stop):
        out[i] = names[owner[i]]


@exact_kernel
def listed(are_some, owner, start, stop):
    """The points from start to stop that lie in some of the cells, in order."""
    n = 0
    for i in range(start, stop):
        n += are_some[owner[i]]
    points = np.empty(n, np.int64)
    n = 0
    for i in range(start, stop):
        if are_some[owner[i]]:
            points[n] = i
            n += 1
    return points


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
    """Add points to the moments of their cells until the keys are full. Returns the next point and
    the number of cells.

    Blocks of points take three loops, of which the first and the last are vectorized.
    """
    z = np.empty((points.shape[1], BLOCK))
    numbers = np.empty(BLOCK, np.int64)
    cells = np.empty(BLOCK, np.int32)
    terms = np.empty((moments.shape[1], BLOCK), np.int64)
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        some = points[first:last]
        if len(parents):
            their_parents = parents[first:last]
            place_in_parts(some, origin, side, their_parents, cuts, bits, z, numbers)
        else:
            place(some, origin, side, bits, z, numbers)
        their_numbers = numbers[: len(some)]
        used, are_known = find(their_numbers, table, slots, keys, used, cells)
        if not are_known:
            return first, used
        if len(owner):
            owner[first:last] = cells[: len(some)]
        add_moments(weights[first:last], z, cells, terms, moments)
    return stop, used


@exact_kernel
def place(points, origin, side, bits, z, numbers):
    """The keys of the cells of some points, and the points' places z in them."""
    n = len(points)
    numbers[:] = 0
    for k in range(points.shape[1]):
        corner = origin[k]
        for i in range(n):
            t = (points[i, k] - corner) / side
            c = np.floor(t)
            z[k, i] = t - c - 0.5
            shifted = numbers[i] << bits
            numbers[i] = shifted | np.int64(c)


@exact_kernel
def place_in_parts(points, origin, side, parents, cuts, bits, z, numbers):
    """The keys of the parts of cells for some points, and the points' places z in them."""
    n = len(points)
    numbers[:n] = parents
    for k in range(points.shape[1]):
        corner = origin[k]
        for i in range(n):
            most = cuts[parents[i], k]
            t = (points[i, k] - corner) / side
            t = (t - np.floor(t)) * most
            c = min(np.floor(t), most - 1.0)  # rounding may reach the upper end
            z[k, i] = t - c - 0.5
            shifted = numbers[i] << bits
            numbers[i] = shifted | np.int64(c)


@exact_kernel
def find(numbers, table, slots, keys, used, cells):
    """Write the cells with some keys, new ones included. Returns the number of all cells, and
    whether there was room for them.
    """
    mask = len(table) - 1
    for i in range(len(numbers)):
        key = numbers[i]
        q = mixed(key) & mask
        while table[q] != key and table[q] != EMPTY:
            q = (q + 1) & mask
        if table[q] == EMPTY:
            if used == len(keys):
                return used, False
            table[q] = key
            slots[q] = used
            keys[used] = key
            used += 1
        cells[i] = slots[q]
    return used, True


@exact_kernel
def add_moments(weights, z, cells, terms, moments):
    """Add points to the moments of their cells."""
    n = len(weights)
    for i in range(n):
        terms[0, i] = 1 if weights[i] > 0 else 0
        terms[1, i] = np.int64(weights[i] * UNIT)
    m = 2
    for k in range(len(z)):
        for i in range(n):
            mass = weights[i] * UNIT
            first_moment = mass * z[k, i]
            terms[m, i] = np.int64(first_moment)
        m += 1
    for k in range(len(z)):
        for j in range(k + 1):
            for i in range(n):
                mass = weights[i] * UNIT
                first_moment = mass * z[k, i]
                second_moment = first_moment * z[j, i]
                terms[m, i] = np.int64(second_moment)
            m += 1

    for i in range(n):
        row = moments[cells[i]]
        for q in range(m):
            row[q] += terms[q, i]
