"""Barycentric images and gradients of small problems that are solved: each by one compiled call, threads over pairs."""

from typing import Any, NamedTuple

import numpy as np

from .jit import kernel, wide_vectors
from .pointwise import exp2, log2
from .small_kernels import fill, mean
from .small_problems import panels, points_of, seen_from_origin
from .threads import run


class Solved(NamedTuple):
    """Pairs of clouds with the answers to their problems.

    `sources`, `targets` are as the caller has them; the answers have the two exchanged where `are_turned`. `same` are
    the numbers of the clouds whose self problem stands for that of each cloud.
    """

    sources: Any
    targets: Any
    are_turned: Any
    are_wanted: Any
    scale: Any  # bits per squared distance
    unit: Any  # cost of a bit
    values: Any  # of the divergences
    same: Any
    masses: Any  # of clouds


class Gradients(NamedTuple):
    """Derivatives of each pair's value per row of the caller; `ends` and `blocks` count rows and coordinates."""

    x: Any
    y: Any
    a: Any
    b: Any
    x_ends: Any
    y_ends: Any
    x_blocks: Any
    y_blocks: Any


@kernel
def images(points, others, a, b, is_self, scale, rows, columns, of_x, of_y):
    """The means of y under the plan's rows, and of x under its columns, for (n, d) and (m, d) points in bits.

    `rows` are potentials (u, v) at which the rows are exact, `columns` such at which the columns are; these are not
    looked at in self problems.
    """
    wide_vectors()
    x, y = seen_from_origin(points, others)
    (n, d), m = x.shape, y.shape[1]
    costs, shares, sums, sums_of_x = np.empty(m), np.empty(m), np.zeros(m), np.zeros((d, m))
    log_b = np.empty(m)
    for j in range(m):
        log_b[j] = log2(b[j])
    for i in range(n):
        fill(0.0, costs)
        for k in range(d):
            xk, yk = x[i, k], y[k]
            for j in range(m):
                costs[j] += (xk - yk[j]) * (xk - yk[j])
        total = 0.0
        for j in range(m):
            shares[j] = exp2(log_b[j] + rows[0][i] + rows[1][j] - scale * costs[j])
            total += shares[j]
        for k in range(d):
            of_x[i, k] = mean(shares, y[k]) / total + points[i, k] - x[i, k]
        if not is_self:
            log_a = log2(a[i])
            for j in range(m):
                shares[j] = exp2(log_a + columns[0][i] + columns[1][j] - scale * costs[j])
                sums[j] += shares[j]
            for k in range(d):
                xk, out = x[i, k], sums_of_x[k]
                for j in range(m):
                    out[j] += shares[j] * xk
    if not is_self:
        for j in range(m):
            for k in range(d):
                of_y[j, k] = sums_of_x[k, j] / sums[j] + others[j, k] - y[k, j]


@kernel
def own_images_range(forms, solved, own, first, last, out):
    """The images of clouds first to last under their plans with themselves, laid out as the clouds' coordinates."""
    for c in range(first, last):
        if solved.same[c] != c:
            continue
        points, a = points_of(forms, c)
        v_first, v_last = own.v_ends[c], own.v_ends[c + 1]
        potentials = own.u[v_first:v_last], own.v[v_first:v_last]
        of_x = out[forms.blocks[c] : forms.blocks[c + 1]].reshape(points.shape)
        images(points, points, a, a, True, solved.scale, potentials, potentials, of_x, of_x)


@kernel
def _write_side(forms, rows, solved, own, own_images, c, cross_mass, images_of, potentials, on_x, on_a):
    """Write the derivatives in the points and weights of cloud c, the latter up to a constant, per row."""
    s, d = solved.same[c], forms.dimensions[c]
    points, _ = points_of(forms, c)
    own_images_of = own_images[forms.blocks[s] : forms.blocks[s + 1]].reshape(points.shape)
    ratio, first, first_own = cross_mass / solved.masses[c], rows.ends[c], own.u_ends[s]
    for r in range(len(on_a)):
        p, weight = forms.owners[first + r], rows.weights[first + r]
        on_a[r] = solved.unit * (potentials[p] - own.u[first_own + p]) if p >= 0 else 0.0
        for k in range(d):
            on_x[r * d + k] = 0.0
            if p >= 0:
                cross, of_self = points[p, k] - images_of[p, k], points[p, k] - own_images_of[p, k]
                on_x[r * d + k] = weight * (ratio * cross - of_self)


@kernel
def _move(values, shift, out):
    """Write the values plus a number."""
    for j in range(len(values)):
        out[j] = values[j] + shift


@kernel
def _shift(value, a, b, on_a, on_b, mass):
    """Add the constant such that <a, on_a> + <b, on_b> is the value."""
    shift = (value - mean(a, on_a) - mean(b, on_b)) / mass
    for r in range(len(on_a)):
        on_a[r] += shift
    for r in range(len(on_b)):
        on_b[r] += shift


@kernel
def gradients_range(forms, rows, solved, own, own_images, cross, first, last, out):
    """Write the gradients of the divergences first to last."""
    for q in range(first, last):
        if not solved.are_wanted[q]:
            continue
        c, e = solved.sources[q], solved.targets[q]
        (points, a), (others, b) = points_of(forms, c), points_of(forms, e)
        (n, d), m = points.shape, len(b)
        u, v = cross.u[cross.u_ends[q] : cross.u_ends[q + 1]], cross.v[cross.v_ends[q] : cross.v_ends[q + 1]]
        logs = cross.logs[cross.v_ends[q] : cross.v_ends[q + 1]]
        exact = np.empty(len(v))  # of the second measure: the columns are exact there
        for j in range(len(v)):
            exact[j] = v[j] - logs[j]
        f, g, of_x, of_y = np.empty(n), np.empty(m), np.empty((n, d)), np.empty((m, d))
        if solved.are_turned[q]:
            images(others, points, b, a, False, solved.scale, (u, v), (u, exact), of_y, of_x)
            middle = (mean(b, u) - mean(a, v)) / 2.0
            _move(exact, middle, f)
            _move(u, -middle, g)
        else:
            images(points, others, a, b, False, solved.scale, (u, v), (u, exact), of_x, of_y)
            middle = (mean(a, u) - mean(b, v)) / 2.0
            _move(u, -middle, f)
            _move(exact, middle, g)
        cross_mass = (solved.masses[c] + solved.masses[e]) / 2.0
        on_a, on_b = out.a[out.x_ends[q] : out.x_ends[q + 1]], out.b[out.y_ends[q] : out.y_ends[q + 1]]
        on_x, on_y = out.x[out.x_blocks[q] : out.x_blocks[q + 1]], out.y[out.y_blocks[q] : out.y_blocks[q + 1]]
        _write_side(forms, rows, solved, own, own_images, c, cross_mass, of_x, f, on_x, on_a)
        _write_side(forms, rows, solved, own, own_images, e, cross_mass, of_y, g, on_y, on_b)
        a, b = rows.weights[rows.ends[c] : rows.ends[c + 1]], rows.weights[rows.ends[e] : rows.ends[e + 1]]
        _shift(solved.values[q], a, b, on_a, on_b, 2.0 * cross_mass)


def gradients(forms, rows, solved, own, cross):
    """The gradients of the divergences of all pairs that are wanted; zeros for the others."""
    sizes, kept = np.diff(rows.ends), np.diff(forms.ends)
    n, m, d = sizes[solved.sources], sizes[solved.targets], rows.dimensions[solved.sources]
    ends = [np.concatenate([[0], np.cumsum(counts)]) for counts in (n, m, n * d, m * d)]
    x_ends, y_ends, x_blocks, y_blocks = ends
    flat = (np.zeros(end[-1]) for end in (x_blocks, y_blocks, x_ends, y_ends))
    out, own_images = Gradients(*flat, *ends), np.empty(len(forms.x))
    run(lambda *span: own_images_range(forms, solved, own, *span, own_images), panels(kept**2))
    pairs = kept[solved.sources] * kept[solved.targets]
    run(lambda *span: gradients_range(forms, rows, solved, own, own_images, cross, *span, out), panels(pairs))
    return out
