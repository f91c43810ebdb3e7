"""Many small problems on the GPU: what `small_problems.solve_all` answers, by a block of threads
for each problem.

They are taken in waves whose scratch fits the device, and in launches that are short. A problem
that is solved is left out of the next launch. Neither changes a bit of the others: all depend on
the sizes of the problem alone.
"""

import numpy as np

from ..at_once import at_once
from ..cpu.small_problems import Answers
from ..small_rules import NO_VALUE, START_ERROR, first_look
from .device import cuda, devices, free_memory, on_device, starting, telling_shortage
from .passes import COST, MOST_A_LAUNCH
from .small_begin import begin
from .small_kernels import advancing
from .small_layout import (
    AIM_GAIN,
    BASE,
    BEST_DUAL,
    COLUMN,
    ENTRIES,
    FAR,
    GAIN,
    HISTORY,
    IS_ACCURATE,
    IS_DONE,
    IS_FINE,
    IS_SELF,
    IS_STALE,
    LAST_ERROR,
    LEAST_ERROR,
    LEAST_UNEVENNESS,
    N_BUILDS,
    N_COLUMN_VECTORS,
    N_ITER,
    N_LEVELS,
    N_ROW_VECTORS,
    NEAR,
    NEAR_ENTRIES,
    NEXT_LOOK,
    OWN,
    PAIR,
    ROW,
    SCALE,
    START,
    STRIDE,
    TOL,
    VALUE,
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

SCRATCH = 2**28  # bytes of a wave, about
# That work at the same time on a small GPU: a launch is as long as that share of the largest
# problem
BLOCKS = 16
# Instructions for a pair: of an iteration that builds K anew, and of a squared difference
STEP, COORDINATE = 40, 4


def solve_all(forms, problems, own, max_iter):
    """The answers to all problems, on all devices, as `small_problems.solve_all` gives them.

    They are the same bits in any company, and on any of several equal devices.
    """
    sizes = np.diff(forms.ends)
    answers = Answers.room(sizes[problems.sources], sizes[problems.targets], max_iter)
    own = answers if own is None else own
    table = _table(forms, problems, own, answers)
    figures = _figures(problems, own, max_iter)
    order = np.argsort(
        np.where(_is_near(table), 0, 2**62) + table[:, N] * table[:, M], kind="stable"
    )
    order = order[problems.are_wanted[order]]
    numbers = devices()

    def ask(number, share):
        with on_device(number):
            _solve_share(_host_inputs(forms, problems, own), table, figures, share, answers)

    shares = [(number, order[k :: len(numbers)]) for k, number in enumerate(numbers)]
    if len(order):
        at_once(ask, [(number, share) for number, share in shares if len(share)])
    _write(table[order], figures[order], order, answers)
    return answers


def _host_inputs(forms, problems, own):
    """Points and numbers that `_table` points into: the weights of clouds, starts, potentials of
    self problems.
    """
    return forms.x, np.concatenate([forms.a, problems.starts, own.v])


def _table(forms, problems, own, answers):
    """The integers of each problem."""
    c = problems.sources
    e = problems.targets
    sizes = np.diff(forms.ends)
    table = np.zeros((len(c), ENTRIES), np.int64)
    table[:, X] = forms.blocks[c]
    table[:, Y] = forms.blocks[e]
    table[:, D] = forms.dimensions[c]
    table[:, A] = forms.ends[c]
    table[:, B] = forms.ends[e]
    table[:, N] = sizes[c]
    table[:, M] = sizes[e]
    table[:, START] = np.where(problems.are_started, len(forms.a) + answers.v_ends[:-1], -1)
    table[:, IS_SELF] = c == e
    table[:, IS_STALE] = 1
    table[:, IS_FINE] = problems.are_fine & (c != e)
    if own is not answers:
        table[:, OWN] = len(forms.a) + len(problems.starts) + own.v_ends[e]
    table[:, STRIDE] = np.where(_is_near(table), stride_of(table[:, M]), table[:, M])
    table[:, NEXT_LOOK] = [first_look(pairs) for pairs in (table[:, N] * table[:, M]).tolist()]
    return table


def _figures(problems, own, max_iter):
    """The numbers of each problem."""
    figures = np.zeros((len(problems.sources), HISTORY + max_iter))
    figures[:, SCALE] = problems.profile.scale
    figures[:, TOL] = problems.tols
    figures[:, LAST_ERROR] = START_ERROR
    figures[:, BEST_DUAL] = NO_VALUE
    figures[:, [LEAST_ERROR, LEAST_UNEVENNESS]] = -NO_VALUE
    figures[:, BASE], figures[:, AIM_GAIN] = NO_VALUE, 0.0
    is_cross = np.flatnonzero(problems.sources != problems.targets)
    shares = problems.shares[is_cross].T
    c, e = problems.sources[is_cross], problems.targets[is_cross]
    base = shares[0] * own.values[c] + shares[1] * own.values[e]
    figures[is_cross, BASE] = base - problems.constants[is_cross]
    figures[is_cross, AIM_GAIN] = shares[0] * own.gains[c] + shares[1] * own.gains[e]
    return figures


def _write(table, figures, numbers, answers):
    """Put how it went into the answers to the problems of these numbers."""
    answers.values[numbers] = figures[:, VALUE]
    answers.gains[numbers] = figures[:, GAIN]
    answers.errors[numbers] = figures[:, LEAST_ERROR]
    answers.histories[numbers] = figures[:, HISTORY:]
    answers.counts[numbers] = table[:, [N_ITER, N_BUILDS, N_LEVELS]]
    answers.are_accurate[numbers] = table[:, IS_ACCURATE]


def _is_near(table):
    """Whether K is in shared memory."""
    return table[:, N] * stride_of(table[:, M]) <= NEAR_ENTRIES


@telling_shortage
def _solve_share(inputs, table, figures, share, answers):
    """Solve the problems of these numbers on the current device; table, figures and potentials are
    written.
    """
    inputs = Inputs(*map(cuda.to_device, inputs))
    for wave in _waves(table[share], answers.histories.shape[1]):
        numbers = share[wave]
        wave = table[numbers]
        work = _work(wave, figures[numbers])
        table[numbers] = _solved(inputs, work, wave, answers.histories.shape[1])
        figures[numbers] = work.figures.copy_to_host()
        u = work.rows[0].copy_to_host()
        v = work.columns[0].copy_to_host()
        logs = work.columns[1].copy_to_host()
        for q, (row, column, n, m) in zip(
            numbers, wave[:, [ROW, COLUMN, N, M]].tolist(), strict=True
        ):
            i, j = answers.u_ends[q], answers.v_ends[q]
            answers.u[i : i + n] = u[row : row + n]
            answers.v[j : j + m] = v[column : column + m]
            answers.logs[j : j + m] = logs[column : column + m]


def _waves(table, max_iter):
    """Places in the table of the problems to be solved at a time: K of all is in the same kind of
    memory.
    """
    vectors = N_ROW_VECTORS * table[:, N] + N_COLUMN_VECTORS * table[:, M]
    bytes_of_each = 8 * (vectors + _entries(table) + ENTRIES + HISTORY + max_iter)
    room = min(SCRATCH, free_memory() / 4)
    is_new = np.diff(np.cumsum(bytes_of_each) // room, prepend=0) + np.diff(
        _is_near(table), prepend=True
    )
    return [wave for wave in np.split(np.arange(len(table)), np.flatnonzero(is_new)) if len(wave)]


def _entries(table):
    """The numbers of entries of the cost block and of K in global memory."""
    n, m = table[:, N], table[:, M]
    return n * m + np.where(_is_near(table), 0, n * table[:, STRIDE])


def _work(wave, figures):
    """Place the problems of a wave on the device."""
    for where, sizes in ((ROW, wave[:, N]), (COLUMN, wave[:, M]), (PAIR, _entries(wave))):
        wave[:, where] = np.cumsum(sizes) - sizes
    n = wave[:, N].sum()
    m = wave[:, M].sum()
    entries = _entries(wave).sum()
    shapes = (N_ROW_VECTORS, n), (N_COLUMN_VECTORS, m), entries
    vectors = (cuda.device_array(shape, np.float64) for shape in shapes)
    return Work(cuda.to_device(wave), cuda.to_device(figures), *vectors)


def _solved(inputs, work, wave, max_iter):
    """Run the launches of a wave; its table afterwards."""
    d = wave[:, D].max()
    coordinates = _allowed(wave, COORDINATE)
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
            kernel[len(active), team.threads, 0, int(shared)](
                inputs, work, cuda.to_device(active), steps, max_iter
            )
        table = work.table.copy_to_host()
        active = np.flatnonzero(table[:, IS_DONE] == 0)
    return table


def _allowed(wave, instructions):
    """The number of iterations that a launch may take at so many instructions per pair."""
    pairs = wave[:, N] * wave[:, M]
    return max(
        1,
        int(
            MOST_A_LAUNCH
            / (max(pairs.sum(), BLOCKS * pairs.max()) * instructions * COST["float64"])
        ),
    )
