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

SYSTEM = 2, MEMORY, MEMORY + 1


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
            square += room.b[j] * (residual[j] - last[j]) * (residual[j] - last[j])
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
        for j in range(me, room.m, threads):
            change = (residual[j] - last[j]) / size
            room.changes[slot, j] = change
            room.corrections[slot, j] = (room.v[j] - room.last[j] + residual[j] - last[j]) / size
            for p in range(min(n_seen + 1, MEMORY)):
                parts[p, me] += room.changes[p, j] * change * room.b[j]
        reduce(parts, MEMORY, 0, me)
        for p in range(me, min(n_seen + 1, MEMORY), threads):
            room.figures[GRAM + p * MEMORY + slot] = room.figures[GRAM + slot * MEMORY + p] = parts[
                p, 0
            ]
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
                inner += room.changes[p, j] * room.b[j] * room.residual[j]
            parts[p, me] = inner
        reduce(parts, n_known, 0, me)
        for e in range(me, n_known * (MEMORY + 1), threads):
            p, q = e // (MEMORY + 1), e % (MEMORY + 1)
            system[0, p, q] = (
                parts[p, 0]
                if q == MEMORY
                else room.figures[GRAM + p * MEMORY + q] + RIDGE * (p == q)
            )
        eliminate(system, n_known, me)
        for j in range(me, room.m, threads):
            for p in range(n_known):
                share = system[n_known % 2, p, MEMORY] / system[n_known % 2, p, p]
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
            for e in range(me, size * (MEMORY + 1), threads):
                q, r = e // (MEMORY + 1), e % (MEMORY + 1)
                value = system[now, q, r]
                if q != p:
                    value -= system[now, q, p] / system[now, p, p] * system[now, p, r]
                system[then, q, r] = value
        syncthreads()

    return eliminate
