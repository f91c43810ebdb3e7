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
    x_has_mass = a > 0
    y_has_mass = b > 0
    A = running_sums(a[x_has_mass])
    B = running_sums(b[y_has_mass])
    rows, columns = staircase(A, B)
    heavy_x = x[x_has_mass]
    heavy_y = y[y_has_mass]
    on_x, on_y = midpoint_potentials(heavy_x, heavy_y, rows, columns, p)

    f = np.empty(len(x))
    g = np.empty(len(y))
    other_x = x[~x_has_mass]
    other_y = y[~y_has_mass]
    f[x_has_mass] = on_x
    g[y_has_mass] = on_y
    f[~x_has_mass] = conjugate(other_x, heavy_x, heavy_y, on_y, rows, columns, p)
    g[~y_has_mass] = conjugate(other_y, heavy_y, heavy_x, on_x, columns, rows, p)
    return f, g


def running_sums(masses):
    """Sums of the first k masses of a probability, right to the last digit or two."""
    heads = np.round(masses * EXACT) / EXACT
    rests = masses - heads
    return np.cumsum(heads) + np.cumsum(rests)


@kernel
def staircase(A, B):
    """The pairs (i, j) of the monotone coupling, for running sums A and B; both advance where A and
    B are equal.

    The pairs go from the first to the last, with any rounding.
    """
    last_i = len(A) - 1
    last_j = len(B) - 1
    most = last_i + last_j + 1
    rows = np.zeros(most, np.int64)
    columns = np.zeros(most, np.int64)
    i = 0
    j = 0
    k = 0
    while i < last_i or j < last_j:
        tie = TIE * B[j]
        excess = A[i] - B[j]
        may_leave_row = i < last_i and excess <= tie
        may_leave_column = j < last_j and excess >= -tie
        row_is_full = j == last_j or may_leave_row
        column_is_full = i == last_i or may_leave_column
        i += row_is_full
        j += column_is_full
        k += 1
        rows[k] = i
        columns[k] = j
    count = k + 1
    return rows[:count].copy(), columns[:count].copy()


@leaf
def _cost(x, y, p):
    return abs(x - y) ** p / p


@kernel
def midpoint_potentials(x, y, rows, columns, p):
    """f_i + g_j = C_ij along the staircase; across a step of both, f_i midway between its
    bounds.
    """
    f = np.empty(len(x))
    g = np.empty(len(y))
    f[0] = 0.0
    g[0] = _cost(x[0], y[0], p)
    for k in range(1, len(rows)):
        i = rows[k]
        j = columns[k]
        cost = _cost(x[i], y[j], p)
        if columns[k - 1] == j:
            f[i] = cost - g[j]
        elif rows[k - 1] == i:
            g[j] = cost - f[i]
        else:
            above = _cost(x[i - 1], y[j], p)
            beside = _cost(x[i], y[j - 1], p)
            low = cost - above + f[i - 1]
            high = beside - g[j - 1]
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
    last = len(rows) - 1
    k = 0
    for q in range(len(z)):
        place = z[q]
        while k < last and x[rows[k + 1]] <= place:
            k += 1
        before = columns[k]
        after = columns[min(k + 1, last)]
        cost_before = _cost(place, y[before], p)
        cost_after = _cost(place, y[after], p)
        out[q] = min(cost_before - g[before], cost_after - g[after])
    return out


@kernel
def dual_sort_sweep(x, y, f, p):
    """min_j (C_ij - C_jj + f_j), for x and y ascending."""
    levels = np.empty(len(y))
    out = np.empty(len(x))
    for j in range(len(y)):
        diagonal = _cost(x[j], y[j], p)
        levels[j] = f[j] - diagonal
    for i in range(len(x)):
        place = x[i]
        least = _cost(place, y[0], p) + levels[0]
        for j in range(1, len(y)):
            cost = _cost(place, y[j], p)
            least = min(least, cost + levels[j])
        out[i] = least
    return out
