"""Anderson mixing of one vector by a block of threads: `small_mixing` on the GPU.

`system` holds, in shared memory, two matrices of the inner products of changes, each with a
right-hand side.
"""

import math
from functools import cache

from ..cpu.small_mixing import MEMORY, RIDGE
from .device import device, syncthreads
from .small_layout import GRAM
from .small_team import reducing

WIDTH = MEMORY + 1  # of a matrix and its right-hand side
SYSTEM = 2, MEMORY, WIDTH


@cache
def remembering(team):
    """The function that adds the last change of the residual to the rings; it returns how many have
    been seen.
    """
    reduce = reducing(team)
    threads = team.threads

    @device
    def remember(room, n_seen, parts, me):
        square = 0.0
        residual = room.residual
        last = room.last_residual
        for j in range(me, room.m, threads):
            change = residual[j] - last[j]
            square += room.b[j] * change * change
        syncthreads()
        parts[0, me] = square
        reduce(parts, 1, 0, me)
        size = math.sqrt(parts[0, 0])
        slot = n_seen % MEMORY
        if not size > 0:
            return n_seen
        syncthreads()
        for p in range(MEMORY):
            parts[p, me] = 0.0
        n_known = min(n_seen + 1, MEMORY)
        for j in range(me, room.m, threads):
            change = (residual[j] - last[j]) / size
            correction = room.v[j] - room.last[j] + residual[j] - last[j]
            room.changes[slot, j] = change
            room.corrections[slot, j] = correction / size
            for p in range(n_known):
                inner = room.changes[p, j] * change
                parts[p, me] += inner * room.b[j]
        reduce(parts, MEMORY, 0, me)
        for p in range(me, n_known, threads):
            inner = parts[p, 0]
            room.figures[GRAM + p * MEMORY + slot] = inner
            room.figures[GRAM + slot * MEMORY + p] = inner
        return n_seen + 1

    return remember


@cache
def mixing(team):
    """The function that subtracts from v what undoes the residual within the span of the known
    changes.
    """
    reduce = reducing(team)
    eliminate = _eliminating(team)
    threads = team.threads

    @device
    def mix(room, n_known, system, parts, me):
        syncthreads()
        for p in range(n_known):
            inner = 0.0
            for j in range(me, room.m, threads):
                weighted = room.changes[p, j] * room.b[j]
                inner += weighted * room.residual[j]
            parts[p, me] = inner
        reduce(parts, n_known, 0, me)
        for e in range(me, n_known * WIDTH, threads):
            p = e // WIDTH
            q = e % WIDTH
            if q == MEMORY:
                system[0, p, q] = parts[p, 0]
            else:
                inner = room.figures[GRAM + p * MEMORY + q]
                system[0, p, q] = inner + RIDGE * (p == q)
        eliminate(system, n_known, me)
        solved = n_known % 2
        for j in range(me, room.m, threads):
            for p in range(n_known):
                share = system[solved, p, MEMORY] / system[solved, p, p]
                room.v[j] -= share * room.corrections[p, j]

    return mix


@cache
def _eliminating(team):
    threads = team.threads

    @device
    def eliminate(system, size, me):
        """Make the matrix left of the last column diagonal; its rows go back and forth between two
        arrays.
        """
        for p in range(size):
            syncthreads()
            now = p % 2
            then = (p + 1) % 2
            for e in range(me, size * WIDTH, threads):
                q = e // WIDTH
                r = e % WIDTH
                value = system[now, q, r]
                if q != p:
                    factor = system[now, q, p] / system[now, p, p]
                    value -= factor * system[now, p, r]
                system[then, q, r] = value
        syncthreads()

    return eliminate
