"""The kernel that forms the cost blocks of small problems on the GPU, and their first
potentials.
"""

import numpy as np

from ..small_rules import are_near, levels
from .device import cuda, device, kernel, syncthreads
from .small_layout import (
    DISTANCE,
    IS_TRIED,
    LEVEL,
    N_LEVELS,
    NEAR,
    SCALE,
    SPREAD,
    START,
    D,
    X,
    Y,
    room_of,
)
from .small_team import PARTS, reducing

THREADS = NEAR.threads
WIDTH = NEAR.columns
_reduce = reducing(NEAR)


@kernel
def begin(inputs, work, first, stop):
    """Add the coordinates first to stop to the cost blocks, and to the v that moves the mean of x
    onto that of y.
    """
    parts = cuda.shared.array((PARTS, THREADS), np.float64)
    me = np.uint32(cuda.threadIdx.x)
    q = cuda.blockIdx.x
    task = work.table[q]
    room = room_of(inputs, work, q)
    n = room.n
    m = room.m
    d = task[D]
    figures = room.figures
    scale = figures[SCALE]
    if first > 0 and first >= d:
        return

    at_x = task[X]
    at_y = task[Y]
    x = inputs.points[at_x : at_x + n * d]
    y = inputs.points[at_y : at_y + m * d]
    last = min(stop, d)
    is_last = last == d
    _add_squares(room, x, y, d, first, last, me)

    start = task[START]
    if first == 0:
        for j in range(me, m, THREADS):
            room.v[j] = inputs.weights[start + j] if start >= 0 else 0.0
    if start < 0 and not room.is_self:
        spread = figures[SPREAD]
        distance = figures[DISTANCE]
        for k in range(first, last):
            square, step = _move_mean(room, x, y, k, d, scale, parts, me)
            spread = spread + square
            distance = distance + step * step
        syncthreads()
        if me == 0:
            figures[SPREAD] = spread
            figures[DISTANCE] = distance
            n_levels = levels(scale * spread) if is_last else 0
            task[IS_TRIED] = is_last and are_near(scale * distance)
            task[LEVEL] = n_levels
            task[N_LEVELS] = n_levels


@device
def _add_squares(room, x, y, d, first, last, me):
    """Add the squared differences of the coordinates first to last to the cost block, and scale it
    after the last coordinate of all.
    """
    C = room.C
    factor = room.figures[SCALE] if last == d else 1.0
    for i in range(me // WIDTH, room.n, THREADS // WIDTH):
        for j in range(me % WIDTH, room.m, WIDTH):
            pair = i * room.m + j
            total = C[pair] if first > 0 else 0.0
            for k in range(first, last):
                origin = (x[k] + y[k]) / 2.0
                xk = x[i * d + k] - origin
                yk = y[j * d + k] - origin
                total += (xk - yk) * (xk - yk)
            C[pair] = total * factor


@device
def _move_mean(room, x, y, k, d, scale, parts, me):
    """Move v along coordinate k; the larger variance of the two sides there, and the difference of
    their means.
    """
    n = room.n
    m = room.m
    mean_x = 0.0
    mean_y = 0.0
    square_x = 0.0
    square_y = 0.0
    origin = (x[k] + y[k]) / 2.0
    for i in range(me, n, THREADS):
        xk = x[i * d + k] - origin
        mean_x += room.a[i] * xk
    for j in range(me, m, THREADS):
        yk = y[j * d + k] - origin
        mean_y += room.b[j] * yk
    syncthreads()
    parts[0, me] = mean_x
    parts[1, me] = mean_y
    _reduce(parts, 2, 0, me)
    mean_x = parts[0, 0]
    mean_y = parts[1, 0]
    step = mean_y - mean_x

    for i in range(me, n, THREADS):
        centered = x[i * d + k] - origin - mean_x
        square_x += room.a[i] * centered**2
    for j in range(me, m, THREADS):
        centered = y[j * d + k] - origin - mean_y
        square_y += room.b[j] * centered**2
        room.v[j] += 2.0 * scale * step * centered
    syncthreads()
    parts[0, me] = square_x
    parts[1, me] = square_y
    _reduce(parts, 2, 0, me)
    return max(parts[0, 0], parts[1, 0]), step
