"""The exact dual of transport on a line, for the cost |x - y|^p / p, and the sweeps that approach
it.
"""

import numpy as np

from .jit import kernel, leaf

# Leading parts of the masses are multiples of its inverse, so they are summed without rounding
EXACT = 2.0**52
TIE = 2.0**-48  # relative difference of running sums that comes from the rounding of the weights


def midpoint_dual(x, a, y, b, p):
    """f (n,), g (m,) with f_i + g_j <= C_ij and <a, f> + <b, g> the cost of transport; the midpoint
    if not unique.

    Points ascend, a and b are probabilities. Points without mass take min_j (C_ij - g_j) over
    points with mass.
    """
    heavy_x, heavy_y = a > 0, b > 0
    rows, columns = staircase(running_sums(a[heavy_x]), running_sums(b[heavy_y]))
    f = np.empty(len(x))
    g = np.empty(len(y))
    f[heavy_x], g[heavy_y] = midpoint_potentials(x[heavy_x], y[heavy_y], rows, columns, p)
    f[~heavy_x] = conjugate(x[~heavy_x], x[heavy_x], y[heavy_y], g[heavy_y], rows, columns, p)
    g[~heavy_y] = conjugate(y[~heavy_y], y[heavy_y], x[heavy_x], f[heavy_x], columns, rows, p)
    return f, g


def running_sums(masses):
    """Sums of the first k masses of a probability, right to the last digit or two."""
    heads = np.round(masses * EXACT) / EXACT
    return np.cumsum(heads) + np.cumsum(masses - heads)


@kernel
def staircase(A, B):
    """The pairs (i, j) of the monotone coupling, for running sums A and B; both advance where A and
    B are equal.

    The pairs go from the first to the last, with any rounding.
    """
    n, m = len(A), len(B)
    rows = np.zeros(n + m - 1, np.int64)
    columns = np.zeros(n + m - 1, np.int64)
    i, j, k = 0, 0, 0
    while i < n - 1 or j < m - 1:
        tied = abs(A[i] - B[j]) <= TIE * B[j]
        row_is_full = j == m - 1 or (i < n - 1 and (tied or A[i] < B[j]))
        column_is_full = i == n - 1 or (j < m - 1 and (tied or A[i] > B[j]))
        i += row_is_full
        j += column_is_full
        k += 1
        rows[k], columns[k] = i, j
    return rows[: k + 1].copy(), columns[: k + 1].copy()


@leaf
def _cost(t, p):
    return abs(t) ** p / p


@kernel
def midpoint_potentials(x, y, rows, columns, p):
    """f_i + g_j = C_ij along the staircase; across a step of both, f_i midway between its
    bounds.
    """
    f = np.empty(len(x))
    g = np.empty(len(y))
    f[0] = 0.0
    g[0] = _cost(x[0] - y[0], p)
    for k in range(1, len(rows)):
        i, j = rows[k], columns[k]
        if columns[k - 1] == j:
            f[i] = _cost(x[i] - y[j], p) - g[j]
        elif rows[k - 1] == i:
            g[j] = _cost(x[i] - y[j], p) - f[i]
        else:
            cost = _cost(x[i] - y[j], p)
            low = cost - _cost(x[i - 1] - y[j], p) + f[i - 1]
            high = _cost(x[i] - y[j - 1], p) - g[j - 1]
            f[i] = (low + high) / 2
            g[j] = cost - f[i]
    return f, g


@kernel
def conjugate(z, x, y, g, rows, columns, p):
    """min_j (c(z_q, y_j) - g_j) at other points z, ascending.

    The cost is Monge: the minimum is at the last partner of the x before z or at the first partner
    of the x after z.
    """
    out = np.empty(len(z))
    k = 0
    for q in range(len(z)):
        while k < len(rows) - 1 and x[rows[k + 1]] <= z[q]:
            k += 1
        before = columns[k]
        after = columns[min(k + 1, len(rows) - 1)]
        out[q] = min(_cost(z[q] - y[before], p) - g[before], _cost(z[q] - y[after], p) - g[after])
    return out


@kernel
def dual_sort_sweep(x, y, f, p):
    """min_j (C_ij - C_jj + f_j), for x and y ascending."""
    levels = np.empty(len(y))
    out = np.empty(len(x))
    for j in range(len(y)):
        levels[j] = f[j] - _cost(x[j] - y[j], p)
    for i in range(len(x)):
        least = _cost(x[i] - y[0], p) + levels[0]
        for j in range(1, len(y)):
            least = min(least, _cost(x[i] - y[j], p) + levels[j])
        out[i] = least
    return out
