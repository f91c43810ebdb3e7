"""Sums of monomials over pairs of nodes: moments of y given x up to the third order, from one
exponential per pair.
"""

import numpy as np

from ..elementary import exp2
from ..jit import exact_kernel, kernel, wide_vectors
from .backend import panels
from .kernels import COLUMNS, ROWS, _columns, _rows, _same_tile, _scratch
from .threads import run, single_threaded_blas
from .tiles import along, fill, tile

TILE = ROWS  # nodes per tile


def monomial_sums(x, F, y, G, b, near, centres, terms):
    """(n, len(terms)) sums of b_j p_ij times monomials of y_j minus the center of the tile of x_i.

    x and y are clouds of the CPU backend in float32, `near` is what `near_tiles` gives, `centres`
    has the unit of the clouds. Monomial q is monomial terms[q, 0] times coordinate terms[q, 1];
    monomial 0 is 1.
    """
    pointers, seen = near
    grown = terms[:, 0].copy()
    axis = terms[:, 1].copy()
    x_side = x.side(F, np.zeros(x.n))
    y_side = y.side(G, b)
    runs, _ = x.runs(y)
    columns = np.concatenate([[0], np.cumsum(np.diff(y.bounds)[seen])])[pointers]
    costs = (runs.stops - runs.starts) * np.diff(columns)[runs.tiles]
    out = np.zeros((x.size, len(terms)))

    def task(_, bounds):
        panel_monomials(x_side, y_side, runs, *bounds, pointers, seen, centres, grown, axis, out)

    with single_threaded_blas():
        run(task, panels(costs))
    return out[x._slots]


@exact_kernel
def near_tiles(x_tiles, y_tiles, least):
    """Tiles of y that may have a pair with each tile of x whose f + g - cost is above `least`:
    pointers and tiles.

    Tiles are arrays (centers, half widths, heights h, slopes s): the potential at a point is below
    h + <s, point - center>.
    """
    cx, hx, fx, sx = x_tiles
    cy, hy, gy, sy = y_tiles
    pointers = np.zeros(len(cx) + 1, np.int64)
    seen = np.empty(len(cx) * len(cy), np.int32)
    n = 0
    for k in range(len(cx)):
        for t in range(len(cy)):
            most = fx[k] + gy[t]
            for c in range(cx.shape[1]):
                D = cx[k, c] - cy[t, c]
                gap = max(abs(D) - hx[k, c] - hy[t, c], 0.0)
                apart = abs(sx[k, c]) * hx[k, c] + abs(sy[t, c]) * hy[t, c] - gap * gap / 2
                along = abs(sx[k, c] - D) * hx[k, c] + abs(sy[t, c] + D) * hy[t, c] - D * D / 2
                most += min(along, apart)
            if most > least:
                seen[n] = t
                n += 1
        pointers[k + 1] = n
    return pointers, seen[:n].copy()


@kernel
def panel_monomials(x, y, runs, first, last, pointers, seen, centres, grown, axis, out):
    """Add to out_i the sums over the tiles that are near i's tile."""
    wide_vectors()
    scratch, A, B, _ = _scratch(y.weights)
    exponents = np.empty(ROWS * COLUMNS, dtype=y.weights.dtype)
    room = np.empty(len(grown) * COLUMNS, dtype=y.weights.dtype)
    while first < last:
        stop = _same_tile(runs, first, last)
        own = runs.tiles[first]
        for t in seen[pointers[own] : pointers[own + 1]]:
            j0 = y.bounds[t]
            j1 = y.bounds[t + 1]
            d = _columns(x, own, y, t, B)
            V = room[: len(grown) * (j1 - j0)].reshape(len(grown), j1 - j0)
            add_monomials(y, t, centres[own], grown, axis, V)
            for r in range(first, stop):
                i0, i1 = _rows(x, runs, r, d, y.references[t], A)
                flat = exponents[: (i1 - i0) * (j1 - j0)]
                pairs = flat.reshape(i1 - i0, j1 - j0)
                x_tile, y_tile = tile(x.cost, x.points, y.points, i0, i1, j0, j1, scratch)
                fill(x.cost, x_tile, A, y_tile, B, pairs)
                for j in range(len(flat)):
                    flat[j] = exp2(flat[j])
                product = np.dot(pairs, V.T)
                for i in range(i1 - i0):
                    for q in range(len(grown)):
                        out[i0 + i, q] += product[i, q]
        first = stop


@kernel
def add_monomials(y, t, centre, grown, axis, V):
    """V_qj = b_j times monomial q of y_j - centre, for the points of tile t."""
    j0 = y.bounds[t]
    j1 = y.bounds[t + 1]
    weights = y.weights[j0:j1]
    for j in range(j1 - j0):
        V[0, j] = weights[j]
    for q in range(1, len(grown)):
        u = along(y.points, axis[q])[j0:j1]
        shift = np.float32(along(y.centres, axis[q])[t] - centre[axis[q]])
        old = V[grown[q]]
        new = V[q]
        for j in range(j1 - j0):
            new[j] = old[j] * (u[j] + shift)
