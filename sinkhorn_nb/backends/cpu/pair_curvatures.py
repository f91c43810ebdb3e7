"""Compiled sums over the pairs of a plan of second derivatives of costs that are functions of |x -
y|.
"""

from typing import Any, NamedTuple

import numpy as np

from ..elementary import LOW64, exp2_within
from ..jit import kernel, wide_vectors
from ..pointwise import LOG2E, Arc, Distance, Power, bend, scaled_cost, slope
from .threads import panels_of, run

KINDS = Distance, Power, Arc
COLUMNS = 512  # at a time: what is kept of their pairs stays in the cache of a core
ROWS = 32  # of a panel, at most


class Moving(NamedTuple):
    """One side of a plan that changes along a direction.

    Attributes
    ----------
    points, moves : (n, D) arrays
        Scaled as the kind of cost asks, and their velocities; (D, n) for the other side.
    exponents : (n,) array
        Potentials in temperatures; on the other side with the log of its marginal.
    tangents : (n,) array
        Changes of the potentials in temperatures.
    have_mass : (n,) boolean array
    """

    points: Any
    moves: Any
    exponents: Any
    tangents: Any
    have_mass: Any


class Scratch(NamedTuple):
    """Work space: numbers of the pairs of a row with some columns."""

    squares: Any
    approaches: Any  # <x_i - y_j, dx_i - dy_j>
    on_differences: Any
    on_moves: Any


def curvatures(own, other, kind, eps):
    """The changes of sum_j W_ij dC_ij / dx_i and these sums, (n, D) each, for shares W_ij of each
    row; None if some pair with mass, whose points move apart, may have no second derivative.
    """
    points = np.ascontiguousarray(other.points.T)
    moves = np.ascontiguousarray(other.moves.T)
    other = other._replace(points=points, moves=moves)
    changes = np.zeros(own.points.shape)
    means = np.zeros(own.points.shape)
    bounds = panels_of(ROWS, len(changes))
    are_smooth = np.ones(len(bounds), bool)

    def task(p, rows):
        are_smooth[p] = panel_curvatures(own, other, kind, eps, *rows, changes, means)

    run(task, list(enumerate(bounds)))
    return (changes, means) if are_smooth.all() else None


@kernel
def panel_curvatures(own, other, kind, eps, first, last, changes, means):
    """Add the rows from first to last. Returns whether all pairs have second derivatives."""
    wide_vectors()
    m = len(other.exponents)
    scratch = Scratch(
        squares=np.empty(COLUMNS),
        approaches=np.empty(COLUMNS),
        on_differences=np.empty(COLUMNS),
        on_moves=np.empty(COLUMNS),
    )
    is_smooth = True
    for i in range(first, last):
        for j0 in range(0, m, COLUMNS):
            j1 = min(j0 + COLUMNS, m)
            _meet(own, other, i, j0, j1, scratch)
            n_flat = _weigh(own, other, kind, eps, i, j0, j1, scratch)
            if n_flat > 0 and own.have_mass[i]:
                is_smooth &= not _moves_apart(own, other, kind, i, j0, j1, scratch)
            _add(own, other, i, j0, j1, scratch, changes, means)
    return is_smooth


@kernel
def _meet(own, other, i, j0, j1, scratch):
    """The squared distances of a row's pairs, and how they approach."""
    size = j1 - j0
    squares = scratch.squares
    approaches = scratch.approaches
    for j in range(size):
        squares[j] = 0.0
        approaches[j] = 0.0
    for k in range(len(other.points)):
        x = own.points[i, k]
        dx = own.moves[i, k]
        y = other.points[k][j0:j1]
        dy = other.moves[k][j0:j1]
        for j in range(size):
            difference = x - y[j]
            squares[j] += difference * difference
            move = dx - dy[j]
            approaches[j] += difference * move


@kernel
def _weigh(own, other, kind, eps, i, j0, j1, scratch):
    """The factors of the pairs' differences and moves; returns the number of pairs without a
    slope.
    """
    n_flat = 0
    approaches = scratch.approaches
    F = own.exponents[i]
    df = own.tangents[i]
    G = other.exponents[j0:j1]
    dg = other.tangents[j0:j1]
    for j in range(j1 - j0):
        s = scratch.squares[j]
        cost = scaled_cost(kind, s) / eps
        exponent = F + G[j] - cost
        log = min(exponent * LOG2E, 0.0)
        share = exp2_within(max(log, LOW64)) if log >= LOW64 else 0.0
        steep = slope(kind, s)
        curved = bend(kind, s) - steep * steep / eps
        tangent = df + dg[j]
        on_difference = steep * tangent + curved * approaches[j]
        scratch.on_differences[j] = share * on_difference
        scratch.on_moves[j] = share * steep
        n_flat += steep == 0.0
    return n_flat


@kernel
def _add(own, other, i, j0, j1, scratch, changes, means):
    """Add a row's pairs to its sums."""
    u = scratch.on_differences
    v = scratch.on_moves
    for k in range(len(other.points)):
        x = own.points[i, k]
        dx = own.moves[i, k]
        y = other.points[k][j0:j1]
        dy = other.moves[k][j0:j1]
        change = 0.0
        mean = 0.0
        for j in range(j1 - j0):
            difference = x - y[j]
            move = dx - dy[j]
            change += u[j] * difference + v[j] * move
            mean += v[j] * difference
        changes[i, k] += change
        means[i, k] += mean


@kernel
def _moves_apart(own, other, kind, i, j0, j1, scratch):
    """Whether a pair with mass and without a slope moves apart."""
    for j in range(j0, j1):
        is_flat = slope(kind, scratch.squares[j - j0]) == 0.0
        if is_flat and other.have_mass[j]:
            for k in range(len(other.points)):
                if own.moves[i, k] != other.moves[k, j]:
                    return True
    return False
