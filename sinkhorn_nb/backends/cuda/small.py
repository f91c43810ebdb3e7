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
    n = sizes[problems.sources]
    m = sizes[problems.targets]
    answers = Answers.room(n, m, max_iter)
    own = answers if own is None else own
    table = _table(forms, problems, own, answers)
    figures = _figures(problems, own, max_iter)
    order = _order(table, problems.are_wanted)

    def ask(number, share):
        inputs = _host_inputs(forms, problems, own)
        with on_device(number):
            _solve_share(inputs, table, figures, share, answers)

    numbers = devices()
    count = len(numbers)
    shares = [(number, order[k::count]) for k, number in enumerate(numbers)]
    if shares := [(number, share) for number, share in shares if len(share)]:
        at_once(ask, shares)
    _write(table[order], figures[order], order, answers)
    return answers


def _order(table, are_wanted):
    """The problems that are wanted, those with K in shared memory first, small ones before large
    ones.
    """
    pairs = table[:, N] * table[:, M]
    far_last = np.where(_is_near(table), 0, 2**62)
    order = np.argsort(far_last + pairs, kind="stable")
    return order[are_wanted[order]]


def _host_inputs(forms, problems, own):
    """Points and numbers that `_table` points into: the weights of clouds, starts, potentials of
    self problems.
    """
    weights = np.concatenate([forms.a, problems.starts, own.v])
    return forms.x, weights


def _table(forms, problems, own, answers):
    """The integers of each problem."""
    c = problems.sources
    e = problems.targets
    sizes = np.diff(forms.ends)
    n_weights = len(forms.a)
    n_starts = len(problems.starts)

    table = np.zeros((len(c), ENTRIES), np.int64)
    table[:, X] = forms.blocks[c]
    table[:, Y] = forms.blocks[e]
    table[:, D] = forms.dimensions[c]
    table[:, A] = forms.ends[c]
    table[:, B] = forms.ends[e]
    table[:, N] = sizes[c]
    table[:, M] = sizes[e]
    starts = n_weights + answers.v_ends[:-1]
    table[:, START] = np.where(problems.are_started, starts, -1)
    table[:, IS_SELF] = c == e
    table[:, IS_STALE] = 1
    table[:, IS_FINE] = problems.are_fine & (c != e)
    if own is not answers:
        table[:, OWN] = n_weights + n_starts + own.v_ends[e]
    n = table[:, N]
    m = table[:, M]
    table[:, STRIDE] = np.where(_is_near(table), stride_of(m), m)
    table[:, NEXT_LOOK] = [first_look(pairs) for pairs in (n * m).tolist()]
    return table


def _figures(problems, own, max_iter):
    """The numbers of each problem."""
    count = len(problems.sources)
    figures = np.zeros((count, HISTORY + max_iter))
    figures[:, SCALE] = problems.profile.scale
    figures[:, TOL] = problems.tols
    figures[:, LAST_ERROR] = START_ERROR
    figures[:, BEST_DUAL] = NO_VALUE
    figures[:, [LEAST_ERROR, LEAST_UNEVENNESS]] = -NO_VALUE
    figures[:, BASE] = NO_VALUE

    cross = np.flatnonzero(problems.sources != problems.targets)
    c = problems.sources[cross]
    e = problems.targets[cross]
    of_c, of_e = problems.shares[cross].T
    value = of_c * own.values[c] + of_e * own.values[e]
    gain = of_c * own.gains[c] + of_e * own.gains[e]
    figures[cross, BASE] = value - problems.constants[cross]
    figures[cross, AIM_GAIN] = gain
    return figures


def _write(table, figures, numbers, answers):
    """Put values, errors and counts into the answers to the problems of these numbers."""
    answers.values[numbers] = figures[:, VALUE]
    answers.gains[numbers] = figures[:, GAIN]
    answers.errors[numbers] = figures[:, LEAST_ERROR]
    answers.histories[numbers] = figures[:, HISTORY:]
    answers.counts[numbers] = table[:, [N_ITER, N_BUILDS, N_LEVELS]]
    answers.are_accurate[numbers] = table[:, IS_ACCURATE]


def _is_near(table):
    """Whether K is in shared memory."""
    stride = stride_of(table[:, M])
    return table[:, N] * stride <= NEAR_ENTRIES


@telling_shortage
def _solve_share(inputs, table, figures, share, answers):
    """Solve the problems of these numbers on the current device; table, figures and potentials are
    written.
    """
    inputs = Inputs(*map(cuda.to_device, inputs))
    max_iter = answers.histories.shape[1]
    for places in _waves(table[share], max_iter):
        numbers = share[places]
        wave = table[numbers]
        work = _work(wave, figures[numbers])
        table[numbers] = _solved(inputs, work, wave, max_iter)
        figures[numbers] = work.figures.copy_to_host()
        _write_potentials(work, wave, numbers, answers)


def _write_potentials(work, wave, numbers, answers):
    """Put the best potentials and logs of a wave into the answers to the problems of these
    numbers.
    """
    u = work.rows[0].copy_to_host()
    v = work.columns[0].copy_to_host()
    logs = work.columns[1].copy_to_host()
    for q, task in zip(numbers, wave, strict=True):
        row = task[ROW]
        column = task[COLUMN]
        rows = slice(row, row + task[N])
        columns = slice(column, column + task[M])
        of_u = slice(answers.u_ends[q], answers.u_ends[q + 1])
        of_v = slice(answers.v_ends[q], answers.v_ends[q + 1])
        answers.u[of_u] = u[rows]
        answers.v[of_v] = v[columns]
        answers.logs[of_v] = logs[columns]


def _waves(table, max_iter):
    """Places in the table of the problems to be solved at a time: K of all is in the same kind of
    memory.
    """
    of_rows = N_ROW_VECTORS * table[:, N]
    of_columns = N_COLUMN_VECTORS * table[:, M]
    numbers = of_rows + of_columns + _entries(table) + ENTRIES + HISTORY + max_iter
    room = min(SCRATCH, free_memory() / 4)
    is_full = np.diff(np.cumsum(8 * numbers) // room, prepend=0)
    is_elsewhere = np.diff(_is_near(table), prepend=True)
    starts = np.flatnonzero(is_full + is_elsewhere)
    waves = np.split(np.arange(len(table)), starts)
    return [wave for wave in waves if len(wave)]


def _entries(table):
    """The numbers of entries of the cost block and of K in global memory."""
    n = table[:, N]
    of_kernel = np.where(_is_near(table), 0, n * table[:, STRIDE])
    return n * table[:, M] + of_kernel


def _work(wave, figures):
    """Place the problems of a wave on the device."""
    n = wave[:, N]
    m = wave[:, M]
    entries = _entries(wave)
    for where, sizes in ((ROW, n), (COLUMN, m), (PAIR, entries)):
        wave[:, where] = np.cumsum(sizes) - sizes
    rows = cuda.device_array((N_ROW_VECTORS, n.sum()), np.float64)
    columns = cuda.device_array((N_COLUMN_VECTORS, m.sum()), np.float64)
    pairs = cuda.device_array(entries.sum(), np.float64)
    return Work(cuda.to_device(wave), cuda.to_device(figures), rows, columns, pairs)


def _solved(inputs, work, wave, max_iter):
    """Run the launches of a wave; its table afterwards."""
    d = wave[:, D].max()
    coordinates = _allowed(wave, COORDINATE)
    for first in range(0, max(d, 1), coordinates):
        with starting:
            begin[len(wave), NEAR.threads](inputs, work, first, first + coordinates)
        cuda.synchronize()

    team = FAR
    shared = 0
    if _is_near(wave)[0]:
        team = NEAR
        entries = wave[:, N] * wave[:, STRIDE]
        shared = 8 * int(entries.max())
    active = np.arange(len(wave))
    while len(active):
        steps = _allowed(wave[active], STEP)
        numbers = cuda.to_device(active)
        with starting:
            kernel = advancing(team)
            kernel[len(active), team.threads, 0, shared](inputs, work, numbers, steps, max_iter)
        table = work.table.copy_to_host()
        active = np.flatnonzero(table[:, IS_DONE] == 0)
    return table


def _allowed(wave, instructions):
    """The number of iterations that a launch may take at so many instructions per pair."""
    pairs = wave[:, N] * wave[:, M]
    pairs_at_work = max(pairs.sum(), BLOCKS * pairs.max())
    per_iteration = pairs_at_work * instructions * COST["float64"]
    return max(1, int(MOST_A_LAUNCH / per_iteration))
