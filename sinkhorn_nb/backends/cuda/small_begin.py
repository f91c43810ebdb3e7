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

THREADS, WIDTH = NEAR.threads, NEAR.columns
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
    scale = room.figures[SCALE]
    if first > 0 and first >= d:
        return
    x = inputs.points[task[X] : task[X] + n * d]
    y = inputs.points[task[Y] : task[Y] + m * d]
    last = min(stop, d)
    start = task[START]
    for i in range(me // WIDTH, n, THREADS // WIDTH):
        for j in range(me % WIDTH, m, WIDTH):
            total = room.C[i * m + j] if first > 0 else 0.0
            for k in range(first, last):
                origin = (x[k] + y[k]) / 2.0
                difference = (x[i * d + k] - origin) - (y[j * d + k] - origin)
                total += difference * difference
            room.C[i * m + j] = total * scale if last == d else total
    if first == 0:
        for j in range(me, m, THREADS):
            room.v[j] = inputs.weights[start + j] if start >= 0 else 0.0
    if start < 0 and not room.is_self:
        spread, distance = room.figures[SPREAD], room.figures[DISTANCE]
        for k in range(first, last):
            square, step = _move_mean(room, x, y, k, d, scale, parts, me)
            spread = spread + square
            distance = distance + step * step
        syncthreads()
        if me == 0:
            room.figures[SPREAD], room.figures[DISTANCE] = spread, distance
            task[IS_TRIED] = last == d and are_near(scale * distance)
            task[LEVEL] = task[N_LEVELS] = levels(scale * spread) if last == d else 0


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
        mean_x += room.a[i] * (x[i * d + k] - origin)
    for j in range(me, m, THREADS):
        mean_y += room.b[j] * (y[j * d + k] - origin)
    syncthreads()
    parts[0, me], parts[1, me] = mean_x, mean_y
    _reduce(parts, 2, 0, me)
    mean_x, mean_y = parts[0, 0], parts[1, 0]
    for i in range(me, n, THREADS):
        square_x += room.a[i] * (x[i * d + k] - origin - mean_x) ** 2
    for j in range(me, m, THREADS):
        centered = y[j * d + k] - origin - mean_y
        square_y += room.b[j] * centered**2
        room.v[j] += 2.0 * scale * (mean_y - mean_x) * centered
    syncthreads()
    parts[0, me], parts[1, me] = square_x, square_y
    _reduce(parts, 2, 0, me)
    return max(parts[0, 0], parts[1, 0]), mean_y - mean_x
