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
    x_side = x.side(F)
    y_side = y.side(G, b)
    runs = x.runs()

    seen_sizes = np.diff(y.bounds)[seen]
    before = np.concatenate([[0], np.cumsum(seen_sizes)])[pointers]
    n_columns = np.diff(before)
    n_rows = runs.stops - runs.starts
    costs = n_rows * n_columns[runs.tiles]
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
    n_x = len(cx)
    n_y = len(cy)
    pointers = np.zeros(n_x + 1, np.int64)
    seen = np.empty(n_x * n_y, np.int32)

    n = 0
    for k in range(n_x):
        for t in range(n_y):
            most = fx[k] + gy[t]
            for c in range(cx.shape[1]):
                x_half = hx[k, c]
                y_half = hy[t, c]
                x_slope = sx[k, c]
                y_slope = sy[t, c]
                D = cx[k, c] - cy[t, c]
                # The cost is at least that of the gap, and that of its tangent at the centers
                gap = max(abs(D) - x_half - y_half, 0.0)
                x_rise = abs(x_slope) * x_half
                y_rise = abs(y_slope) * y_half
                by_gap = x_rise + y_rise - gap * gap / 2
                x_rise = abs(x_slope - D) * x_half
                y_rise = abs(y_slope + D) * y_half
                by_tangent = x_rise + y_rise - D * D / 2
                most += min(by_tangent, by_gap)
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
    dtype = y.weights.dtype
    n_terms = len(grown)
    exponents = np.empty(ROWS * COLUMNS, dtype=dtype)
    room = np.empty(n_terms * COLUMNS, dtype=dtype)

    while first < last:
        stop = _same_tile(runs, first, last)
        own = runs.tiles[first]
        for t in seen[pointers[own] : pointers[own + 1]]:
            j0 = y.bounds[t]
            j1 = y.bounds[t + 1]
            n_columns = j1 - j0
            reference = y.references[t]
            d = _columns(x, own, y, t, B)
            V = room[: n_terms * n_columns].reshape(n_terms, n_columns)
            add_monomials(y, t, centres[own], grown, axis, V)
            for r in range(first, stop):
                i0, i1 = _rows(x, runs, r, d, reference, A)
                n_rows = i1 - i0
                flat = exponents[: n_rows * n_columns]
                pairs = flat.reshape(n_rows, n_columns)
                x_tile, y_tile = tile(x.cost, x.points, y.points, i0, i1, j0, j1, scratch)
                fill(x.cost, x_tile, A, y_tile, B, pairs)
                for j in range(len(flat)):
                    flat[j] = exp2(flat[j])
                product = np.dot(pairs, V.T)
                for i in range(n_rows):
                    for q in range(n_terms):
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
        k = axis[q]
        u = along(y.points, k)[j0:j1]
        tile_centre = along(y.centres, k)[t]
        shift = np.float32(tile_centre - centre[k])
        old = V[grown[q]]
        new = V[q]
        for j in range(j1 - j0):
            new[j] = old[j] * (u[j] + shift)
