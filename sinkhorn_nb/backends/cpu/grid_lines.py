"""Log-sum-exp along the lines of a grid, in tilted blocks: exact at every blur.

Along one axis, out_i = log2 sum_j 2^(L_j - c (x_i - j)^2 / 2), where x_i = i + offset is the place
of output i between the sources j. Outputs go in blocks around a center m. With x_i = m + s,
rho_j = L_j - c (m - j)^2 / 2, and any source j*,

    L_j - c (x_i - j)^2 / 2 = rho_j - c s (m - j*) - c s^2 / 2 + c s (j - j*).

A block thus needs one exponential per source, 2^(rho_j - rho_j*), and a dot product per output with
a table of 2^(c s (j - j*)). j* is nearly the best source of the center. Sources come in groups; a
group is skipped if all its terms are below 2^-TAIL of the best one. Where the table would leave
the range of float64, which happens if the blur is near a pixel, the block takes plain exponentials.
"""

import numpy as np

from ..elementary import exp2_within, log2
from ..jit import formula, kernel, wide_vectors

GROUP = 16  # sources that are skipped together
LINES = 16  # lines whose results are transposed together
NOTHING = -1e30  # the logarithm of zero
EMPTY = -1e29  # logarithms below are those of zero
TAIL = 56.0  # of the sums: terms below 2^-TAIL are left out
RANGE = 950.0  # bound of the exponents whose powers are multiplied
LOWEST = -1000.0  # 2^LOWEST is a normal number


@formula
def padded(n):
    """The length of the buffer of a line: whole groups, and a last block of outputs."""
    return (n + 63) // 64 * 64 + 64


@kernel
def tilted_lines(L, first, last, c, offset, table, out):
    """Write the sums of the lines L[first:last], transposed, to out (n_out, number of lines)."""
    wide_vectors()
    n_out = out.shape[0]
    line = np.full(padded(L.shape[1]), NOTHING)
    highest = np.empty(len(line) // GROUP)
    powers = np.zeros(len(line))
    sums = np.empty((LINES, padded(n_out)))

    for start in range(first, last, LINES):
        stop = min(start + LINES, last)
        for row in range(start, stop):
            for j in range(L.shape[1]):
                line[j] = max(L[row, j], NOTHING)
            _group_maxima(line, highest)
            own_sums = sums[row - start]
            for i in range(0, n_out, len(table)):
                _block(line, highest, i, n_out, c, offset, table, powers, own_sums)
        for i in range(n_out):
            for row in range(start, stop):
                out[i, row] = sums[row - start, i]


@kernel
def _group_maxima(line, highest):
    for q in range(len(highest)):
        first = q * GROUP
        top = line[first]
        for j in range(first, first + GROUP):
            top = max(top, line[j])
        highest[q] = top


@kernel
def _block(line, highest, first, n_out, c, offset, table, powers, out):
    """The sums of the outputs from `first` on, one for each row of the table."""
    size = len(table)
    reach = table.shape[1] // 2
    half = (size - 1) / 2
    center = first + half + offset
    top, star = _near_best(line, highest, center, c)
    if top < EMPTY:
        for i in range(first, first + size):
            out[i] = NOTHING
        return

    begin, end = _window(highest, center, c, half, top, star)
    top, star = _best(line, begin, end, center, c, top, star)
    before = abs(begin - star)
    after = abs(end - 1 - star)
    far = max(before, after)
    overflows = half * c * far + TAIL > RANGE
    if overflows or far > reach:
        for i in range(first, min(first + size, n_out)):
            out[i] = _plain(line, begin, end, i + offset, c)
        return

    _powers(line, begin, end, center, c, top, powers)
    start = reach - star + begin
    _products(powers, end - begin, table, start, out[first:])
    for s in range(size):
        i = first + s
        x = s - half
        tilt = x * (center - star) + 0.5 * x * x
        log_sum = log2(out[i]) + top
        out[i] = log_sum - c * tilt


@kernel
def _distance(q, center):
    """The distance from a center to the nearest source of a group."""
    first = q * GROUP
    last = first + GROUP - 1
    return max(0.0, max(first - center, center - last))


@kernel
def _near_best(line, highest, center, c):
    """The best source of the group with the best bound."""
    best = -1e300
    at = 0
    for q in range(len(highest)):
        d = _distance(q, center)
        cost = 0.5 * c * d * d
        bound = highest[q] - cost
        if bound > best:
            best = bound
            at = q
    top = -1e300
    star = 0
    first = at * GROUP
    for j in range(first, first + GROUP):
        x = center - j
        cost = 0.5 * c * x * x
        rho = line[j] - cost
        if rho > top:
            top = rho
            star = j
    # The mass of an empty line is not near, however far away it is
    return (top if best >= EMPTY else NOTHING), star


@kernel
def _window(highest, center, c, half, top, star):
    """The sources from the first to the last group that is not skipped."""
    begin = len(highest)
    end = 0
    for q in range(len(highest)):
        d = _distance(q, center)
        first = q * GROUP
        last = first + GROUP - 1
        far = max(star - first, last - star)
        cost = 0.5 * c * d * d
        most = highest[q] - cost + half * c * far
        if most > top - TAIL:
            begin = min(begin, q)
            end = max(end, q + 1)
    return begin * GROUP, end * GROUP


@kernel
def _best(line, begin, end, center, c, top, star):
    """The best source of a window, up to rounding."""
    near = line[begin:end]  # index arithmetic in the loop costs 2 to 3 times the loop
    x = center - begin
    best = top
    for j in range(end - begin):
        move = x - j
        cost = 0.5 * c * move * move
        best = max(best, near[j] - cost)
    if best > top:
        for j in range(end - begin):
            move = x - j
            cost = 0.5 * c * move * move
            if near[j] - cost >= best - 1e-9:
                star = begin + j
    return best, star


@kernel
def _plain(line, begin, end, x, c):
    """The sum of one output at the place x, with an exponential per source."""
    near = line[begin:end]
    x -= begin
    top = -1e300
    for j in range(end - begin):
        move = x - j
        cost = 0.5 * c * move * move
        top = max(top, near[j] - cost)
    total = 0.0
    for j in range(end - begin):
        move = x - j
        cost = 0.5 * c * move * move
        exponent = near[j] - cost - top
        total += exp2_within(max(exponent, LOWEST))
    return log2(total) + top


@kernel
def _powers(line, begin, end, center, c, top, powers):
    """2^(rho_j - top) for the sources of a window."""
    near = line[begin:end]
    x = center - begin
    for j in range(end - begin):
        move = x - j
        cost = 0.5 * c * move * move
        exponent = max(near[j] - cost - top, LOWEST)
        power = exp2_within(exponent)
        powers[j] = power if exponent > -RANGE else 0.0


@kernel
def _products(powers, size, table, start, out):
    """Dot products of the powers with the rows of the table, four at a time."""
    for s in range(0, len(table), 4):
        row_0 = table[s, start : start + size]
        row_1 = table[s + 1, start : start + size]
        row_2 = table[s + 2, start : start + size]
        row_3 = table[s + 3, start : start + size]
        sum_0 = sum_1 = sum_2 = sum_3 = 0.0
        for j in range(size):
            power = powers[j]
            sum_0 += power * row_0[j]
            sum_1 += power * row_1[j]
            sum_2 += power * row_2[j]
            sum_3 += power * row_3[j]
        out[s] = sum_0
        out[s + 1] = sum_1
        out[s + 2] = sum_2
        out[s + 3] = sum_3
