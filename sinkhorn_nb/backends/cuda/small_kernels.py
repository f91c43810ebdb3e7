"""The kernel that solves small problems on the GPU, each by a block of threads, as
`small_descent.solve` does.

It goes on from where the last launch has stopped, by a number of steps; K is built anew from its
reference, so that the bits are those of one long launch.
"""

from functools import cache

import numpy as np

from ..small_rules import Aim
from .device import cuda, device, kernel, syncthreads
from .small_descent import iterating, resumed, save
from .small_layout import (
    AIM_GAIN,
    BASE,
    IS_DONE,
    IS_FINE,
    IS_STALE,
    IS_TRIED,
    LEVEL,
    N_BUILDS,
    N_LEVELS,
    NEAR,
    OWN,
    PAIR,
    room_of,
)
from .small_mixing import SYSTEM
from .small_steps import annealing, trying
from .small_team import PARTS


@cache
def _preparing(team):
    """The function for the steps before the iterations; it returns how many are left."""
    anneal = annealing(team)
    starts_near = trying(team)

    @device
    def prepare(inputs, task, room, steps, K, parts, me):
        level = task[LEVEL]
        n_levels = task[N_LEVELS]
        is_tried = task[IS_TRIED] != 0
        own = task[OWN]
        is_stale = task[IS_STALE]
        n_builds = task[N_BUILDS]
        if is_tried:
            n_builds += 1
            steps -= 1
            potential = inputs.weights[own : own + room.m]
            if starts_near(room, potential, K, parts, me):
                level = 0
                n_levels = 0
                is_stale = 0
        while level > 0 and steps > 0:
            anneal(room, level, K, parts, me)
            level -= 1
            steps -= 1

        syncthreads()
        if me == 0:
            task[LEVEL] = level
            task[N_LEVELS] = n_levels
            task[IS_TRIED] = 0
            task[IS_STALE] = is_stale
            task[N_BUILDS] = n_builds
        syncthreads()
        return steps

    return prepare


@cache
def advancing(team):
    """The kernel that takes each of the active problems on by a number of steps: levels of
    annealing, or iterations.
    """
    is_near = team == NEAR
    prepare = _preparing(team)
    iterate = iterating(team)
    threads = team.threads

    @kernel
    def advance(inputs, work, active, steps, max_iter):
        parts = cuda.shared.array((PARTS, threads), np.float64)
        system = cuda.shared.array(SYSTEM, np.float64)
        me = np.uint32(cuda.threadIdx.x)
        q = active[cuda.blockIdx.x]
        task = work.table[q]
        room = room_of(inputs, work, q)
        behind = task[PAIR] + room.n * room.m
        K = (
            cuda.shared.array(0, np.float64)
            if is_near
            else work.pairs[behind : behind + room.n * room.stride]
        )
        steps = prepare(inputs, task, room, steps, K, parts, me)

        figures = room.figures
        aim = Aim(figures[BASE], figures[AIM_GAIN], task[IS_FINE] != 0)
        progress = resumed(task, figures)
        while steps > 0 and progress.n_iter < max_iter and not progress.is_done:
            progress = iterate(room, aim, progress, K, system, parts, me)
            steps -= 1

        syncthreads()
        if me == 0:
            save(progress, task, figures)
            task[IS_DONE] = progress.is_done or progress.n_iter == max_iter

    return advance
