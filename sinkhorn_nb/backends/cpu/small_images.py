"""Barycentric images of the points of small problems that are solved; threads over problems."""

import numpy as np

from ..elementary import exp2
from ..jit import kernel, wide_vectors
from ..normal_forms import ends_of, sizes_of
from .small_kernels import fill, log2, mean
from .small_problems import panels, points_of, seen_from_origin
from .threads import run


@kernel
def images(points, others, a, b, is_self, scale, rows, columns, of_x, of_y):
    """The means of y under the plan's rows, and of x under its columns, for (n, d) and (m, d)
    points in bits.

    `rows` are potentials (u, v) at which the rows are exact, `columns` such at which the columns
    are; these are not looked at in self problems.
    """
    wide_vectors()
    x, y = seen_from_origin(points, others)
    (n, d) = x.shape
    m = y.shape[1]
    costs = np.empty(m)
    shares = np.empty(m)
    sums = np.zeros(m)
    sums_of_x = np.zeros((d, m))
    log_b = np.empty(m)
    for j in range(m):
        log_b[j] = log2(b[j])
    for i in range(n):
        fill(0.0, costs)
        for k in range(d):
            xk = x[i, k]
            yk = y[k]
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
                xk = x[i, k]
                out = sums_of_x[k]
                for j in range(m):
                    out[j] += shares[j] * xk
    if not is_self:
        for j in range(m):
            for k in range(d):
                of_y[j, k] = sums_of_x[k, j] / sums[j] + others[j, k] - y[k, j]


@kernel
def images_range(
    forms, sources, targets, are_wanted, scale, answers, first, last, of_x, of_y, x_blocks, y_blocks
):
    """The images of problems first to last, in the orientation of their answers; `of_y` of self
    problems is left.
    """
    for q in range(first, last):
        if not are_wanted[q]:
            continue
        (points, a) = points_of(forms, sources[q])
        (others, b) = points_of(forms, targets[q])
        u = answers.u[answers.u_ends[q] : answers.u_ends[q + 1]]
        v = answers.v[answers.v_ends[q] : answers.v_ends[q + 1]]
        exact = np.empty(len(v))  # the columns are exact there
        for j in range(len(v)):
            exact[j] = v[j] - answers.logs[answers.v_ends[q] + j]
        on_x = of_x[x_blocks[q] : x_blocks[q + 1]].reshape(points.shape)
        on_y = of_y[y_blocks[q] : y_blocks[q + 1]].reshape(others.shape)
        images(
            points, others, a, b, sources[q] == targets[q], scale, (u, v), (u, exact), on_x, on_y
        )


def all_images(forms, sources, targets, are_wanted, scale, answers):
    """The images of both clouds' points in every problem that is wanted, as two flat arrays of
    coordinates.
    """
    d = forms.dimensions[sources]
    ends = [ends_of(d * sizes_of(points)) for points in (answers.u_ends, answers.v_ends)]
    of_x = np.empty(ends[0][-1])
    of_y = np.empty(ends[1][-1])
    sizes = sizes_of(forms.ends)
    arguments = forms, sources, targets, are_wanted, scale, answers
    pairs = np.where(are_wanted, sizes[sources] * sizes[targets], 0)
    run(lambda *span: images_range(*arguments, *span, of_x, of_y, *ends), panels(pairs))
    return of_x, of_y
