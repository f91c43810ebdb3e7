"""Many small problems on the GPU: what `small_problems.solve_all` answers, by a block of threads for each problem.

They are taken in waves whose scratch fits the device, and in launches that are short. A problem that is solved is left
out of the next launch. Neither changes a bit of the others: all depend on the sizes of the problem alone.
"""

import numpy as np

from .at_once import at_once
from .cuda import COST, MOST_A_LAUNCH
from .cuda_device import cuda, devices, free_memory, on_device, starting, telling_shortage
from .cuda_small_kernels import advancing, begin
from .cuda_small_layout import (
    BEST_DUAL,
    COLUMN,
    ENTRIES,
    FAR,
    HISTORY,
    IS_DONE,
    IS_SELF,
    IS_STALE,
    LEAST_ERROR,
    LEAST_UNEVENNESS,
    N_BUILDS,
    N_COLUMN_VECTORS,
    N_ITER,
    N_LEVELS,
    N_ROW_VECTORS,
    NEAR,
    NEAR_ENTRIES,
    PAIR,
    ROW,
    SCALE,
    START,
    STRIDE,
    TOL,
    A,
    B,
    D,
    Inputs,
    M,
    N,
    Work,
    X,
    Y,
    stride_of,
)
from .small_problems import Answers

SCRATCH = 2**28  # bytes of a wave, about
BLOCKS = 16  # that work at the same time on a small GPU: a launch is as long as that share of the largest problem
STEP, COORDINATE = 40, 4  # instructions for a pair: of an iteration that builds K anew, and of a squared difference


def solve_all(problems, max_iter):
    """The answers to all problems, on all devices; the same bits in any company and on any of several equal devices."""
    table, figures = _table(problems), _figures(problems, max_iter)
    u, (v, logs) = np.empty(problems.x_ends[-1]), np.empty((2, problems.y_ends[-1]))
    order = np.argsort(np.where(_is_near(table), 0, 2**62) + table[:, N] * table[:, M], kind="stable")
    numbers = devices()

    def ask(number, share):
        with on_device(number):
            _solve_share(problems, table, figures, share, max_iter, (u, v, logs))

    shares = [(number, order[k :: len(numbers)]) for k, number in enumerate(numbers)]
    at_once(ask, [(number, share) for number, share in shares if len(share)])
    counts = table[:, [N_ITER, N_BUILDS, N_LEVELS]]
    return Answers(u, v, logs, figures[:, HISTORY:], counts, figures[:, LEAST_ERROR].copy())


def _table(problems):
    """The integers of each problem; the points and weights of x come before those of y, then the starts."""
    table = np.zeros((len(problems.dimensions), ENTRIES), np.int64)
    table[:, X], table[:, Y] = problems.x_blocks[:-1], len(problems.x) + problems.y_blocks[:-1]
    table[:, A], table[:, B] = problems.x_ends[:-1], len(problems.a) + problems.y_ends[:-1]
    starts = len(problems.a) + len(problems.b) + problems.y_ends[:-1]
    table[:, START] = np.where(problems.is_started, starts, -1)
    table[:, N], table[:, M] = np.diff(problems.x_ends), np.diff(problems.y_ends)
    table[:, D], table[:, IS_SELF], table[:, IS_STALE] = problems.dimensions, problems.is_self, 1
    table[:, STRIDE] = np.where(_is_near(table), stride_of(table[:, M]), table[:, M])
    return table


def _inputs(problems):
    """What `_table` points into, on the device."""
    points, weights = (problems.x, problems.y), (problems.a, problems.b, problems.starts)
    return Inputs(*(cuda.to_device(np.concatenate(arrays, dtype=np.float64)) for arrays in (points, weights)))


def _figures(problems, max_iter):
    figures = np.zeros((len(problems.dimensions), HISTORY + max_iter))
    figures[:, SCALE], figures[:, TOL], figures[:, BEST_DUAL] = problems.scales, problems.tols, -np.inf
    figures[:, [LEAST_ERROR, LEAST_UNEVENNESS]] = np.inf
    return figures


def _is_near(table):
    """Whether K is in shared memory."""
    return table[:, N] * stride_of(table[:, M]) <= NEAR_ENTRIES


@telling_shortage
def _solve_share(problems, table, figures, share, max_iter, vectors):
    """Solve the problems of these numbers on the current device, and write what is found into the arrays."""
    inputs = _inputs(problems)
    for numbers in _waves(table[share], max_iter):
        numbers = share[numbers]
        wave = table[numbers]
        work = _work(wave, figures[numbers])
        table[numbers] = _solved(inputs, work, wave, max_iter)
        figures[numbers] = work.figures.copy_to_host()
        u, v, logs = work.rows[0].copy_to_host(), work.columns[0].copy_to_host(), work.columns[1].copy_to_host()
        for q, (row, column, n, m) in zip(numbers, wave[:, [ROW, COLUMN, N, M]].tolist(), strict=True):
            i, j = problems.x_ends[q], problems.y_ends[q]
            vectors[0][i : i + n] = u[row : row + n]
            vectors[1][j : j + m], vectors[2][j : j + m] = v[column : column + m], logs[column : column + m]


def _waves(table, max_iter):
    """Places in the table of the problems to be solved at a time: K of all is in the same kind of memory."""
    vectors = N_ROW_VECTORS * table[:, N] + N_COLUMN_VECTORS * table[:, M]
    bytes_of_each = 8 * (vectors + _entries(table) + ENTRIES + HISTORY + max_iter)
    room = min(SCRATCH, free_memory() / 4)
    is_new = np.diff(np.cumsum(bytes_of_each) // room, prepend=0) + np.diff(_is_near(table), prepend=True)
    return [wave for wave in np.split(np.arange(len(table)), np.flatnonzero(is_new)) if len(wave)]


def _entries(table):
    """Of the cost block, and of K in global memory."""
    n, m = table[:, N], table[:, M]
    return n * m + np.where(_is_near(table), 0, n * table[:, STRIDE])


def _work(wave, figures):
    """Place the problems of a wave on the device."""
    for where, sizes in ((ROW, wave[:, N]), (COLUMN, wave[:, M]), (PAIR, _entries(wave))):
        wave[:, where] = np.cumsum(sizes) - sizes
    n, m, entries = wave[:, N].sum(), wave[:, M].sum(), _entries(wave).sum()
    shapes = (N_ROW_VECTORS, n), (N_COLUMN_VECTORS, m), entries
    vectors = (cuda.device_array(shape, np.float64) for shape in shapes)
    return Work(cuda.to_device(wave), cuda.to_device(figures), *vectors)


def _solved(inputs, work, wave, max_iter):
    """Run the launches of a wave; its table afterwards."""
    d, coordinates = wave[:, D].max(), _allowed(wave, COORDINATE)
    for first in range(0, max(d, 1), coordinates):
        with starting:
            begin[len(wave), NEAR.threads](inputs, work, first, first + coordinates)
        cuda.synchronize()
    is_near = _is_near(wave)[0]
    team, shared = (NEAR, 8 * (wave[:, N] * wave[:, STRIDE]).max()) if is_near else (FAR, 0)
    active = np.arange(len(wave))
    while len(active):
        steps = _allowed(wave[active], STEP)
        with starting:
            kernel = advancing(team)
            kernel[len(active), team.threads, 0, int(shared)](inputs, work, cuda.to_device(active), steps, max_iter)
        table = work.table.copy_to_host()
        active = np.flatnonzero(table[:, IS_DONE] == 0)
    return table


def _allowed(wave, instructions):
    """How often a launch may make so many instructions for each pair."""
    pairs = wave[:, N] * wave[:, M]
    return max(1, int(MOST_A_LAUNCH / (max(pairs.sum(), BLOCKS * pairs.max()) * instructions * COST["float64"])))
