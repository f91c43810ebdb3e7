"""Polynomials about the means of cells, evaluated at all points, and rows drawn at random from
cells.
"""

import numpy as np

from ..jit import exact_kernel, float64_as_int
from .compressed_moments import mixed
from .compressed_sums import UNIT, over_pieces

MANTISSA = (1 << 52) - 1


def taylor(points, owner, centres, expansion, quadratic):
    """Potential, map and the square of the map's last term at points, from expansions (f, T, K2,
    K3) at the centers.

    quadratic is 1, or 0 for the difference of two expansions, in which |z|^2 / 2 cancels.
    """
    n = len(points)
    f = np.empty(n)
    T = np.empty(points.shape)
    last = np.empty(n)

    def evaluate(start, stop):
        taylor_points(points, owner, centres, quadratic, *expansion, f, T, last, start, stop)

    over_pieces(evaluate, n)
    return f, T, last


@exact_kernel
def taylor_points(points, owner, centres, quadratic, f0, T0, K2, K3, f, T, last, start, stop):
    """f0 + <q c - T0, z> + q |z|^2 / 2 - K2[z, z] / 2 - K3[z, z, z] / 6 and T0 + K2 z + K3[z, z] /
    2.
    """
    d = points.shape[1]
    z = np.empty(d)
    for i in range(start, stop):
        s = owner[i]
        value = f0[s]
        size = 0.0

        for k in range(d):
            z[k] = points[i, k] - centres[s, k]

        for k in range(d):
            two = 0.0
            three = 0.0
            for j in range(d):
                two += K2[s, k, j] * z[j]
                for m in range(d):
                    coefficient = K3[s, k, j, m]
                    three += coefficient * z[j] * z[m]
            T[i, k] = T0[s, k] + two + three / 2
            size += three * three / 4
            middle = centres[s, k] + z[k] / 2
            linear = quadratic * middle - T0[s, k]
            factor = linear - two / 2 - three / 6
            value += factor * z[k]
        f[i] = value
        last[i] = size


@exact_kernel
def race(points, weights, owner, pointers, start, stop, best, chosen, mass):
    """Each point runs for one draw of its cell, by hashes of its coordinates; lighter points run
    slower.

    Draws pointers[c] to pointers[c + 1] belong to cell c. `chosen` are the winners, -1 for a draw
    without points; `mass` is the mass of all points that ran for a draw.
    """
    for i in range(start, stop):
        first = pointers[owner[i]]
        draws = pointers[owner[i] + 1] - first
        w = weights[i]
        if draws > 0 and w > 0:
            h = float64_as_int(w)
            for k in range(points.shape[1]):
                place = np.float64(points[i, k])
                h = mixed(h ^ float64_as_int(place))
            q = first + (h & 0xFFFFFF) % draws
            uniform = ((mixed(h) & MANTISSA) + 0.5) / (MANTISSA + 1)
            finish = -np.log(uniform) / w
            mass[q] += np.int64(w * UNIT)
            if finish < best[q]:
                best[q] = finish
                chosen[q] = i


def drawn_points(points, weights, owner, pointers, rows):
    """The winner of each draw, -1 for none, and the mass of the points that ran for it, in units of
    1 / UNIT.
    """
    races = {}

    def run_piece(start, stop):
        best = np.full(rows, np.inf)
        chosen = np.full(rows, -1)
        mass = np.zeros(rows, np.int64)
        race(points, weights, owner, pointers, start, stop, best, chosen, mass)
        races[start, stop] = best, chosen, mass

    over_pieces(run_piece, len(points))
    in_order = [races[ends] for ends in sorted(races)]  # of equal points, the first is chosen
    by_field = zip(*in_order, strict=True)
    best, chosen, mass = map(np.stack, by_field)
    fastest = best.argmin(axis=0)
    return chosen[fastest, np.arange(rows)], mass.sum(axis=0)
