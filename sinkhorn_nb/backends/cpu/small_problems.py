"""Many small problems between point clouds: threads over problems, each solved whole by one
thread.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..jit import inlined, leaf, plain_kernel, view
from ..normal_forms import ends_of, sizes_of
from ..small_rules import NO_VALUE, Aim
from .small_begin import start
from .small_costs import cost_block
from .small_descent import Beginning, solve
from .small_kernels import copy, fill
from .small_mixing import MEMORY
from .small_scratch import borrow, give_back, mixing_in, room_in
from .threads import run

PAIRS_A_PANEL = 2**17  # fewer are not worth a thread's start
FEW = 2**12  # numbers of histories that may wait for nothing
# Of all iterations on a problem: two-level and sparse steps need less time than more of them. At
# n = 1024, these are 192 iterations, which take about as long.
MOST_PAIRS = 3 * 2**26


class Problems(NamedTuple):
    """Problems between clouds, which are given by their numbers; a cloud and itself is a self
    problem.
    """

    sources: Any
    targets: Any
    profile: Any  # of the cost in bits
    rates: Any  # (problems, 2) eps / rho of both sides; 0 for exact marginals
    tols: Any
    # A divergence, in units of the plan's mass, is a value minus these shares (problems, 2) of the
    # values of the self problems, plus a constant in bits
    shares: Any
    constants: Any
    # Whether the blur is so small that no estimate of the accuracy is to be trusted at first
    are_fine: Any
    are_wanted: Any  # the others are passed over
    starts: Any  # of v, laid out as the answers
    are_started: Any  # whether the start of each is given


class Answers(NamedTuple):
    """The best potentials of each problem in bits, log2 of the ratios of its second marginal, and
    how it went.

    Problems that were passed over have zeros, NO_VALUE and an infinite error.
    """

    u: Any
    v: Any
    logs: Any
    u_ends: Any  # where those of each problem end, counted from 0
    v_ends: Any
    values: Any  # dual values in bits
    gains: Any
    errors: Any
    counts: Any  # (problems, 3): iterations, kernels built, levels of annealing
    are_accurate: Any
    histories: Any  # (problems, max_iter)

    @classmethod
    def room(cls, n, m, max_iter):
        """Room for the answers of problems of n by m points."""
        u_ends = ends_of(n)
        v_ends = u_ends if m is n else ends_of(m)
        count = len(n)
        u = np.zeros(u_ends[-1])
        v = np.zeros(v_ends[-1])
        logs = np.zeros(v_ends[-1])

        values = np.empty(count)
        values.fill(NO_VALUE)  # a third of the time of numpy.full
        gains = np.zeros(count)
        errors = np.empty(count)
        errors.fill(np.inf)
        counts = np.zeros((count, 3), dtype=np.int64)
        are_accurate = np.zeros(count, dtype=np.bool_)

        return cls(
            u,
            v,
            logs,
            u_ends,
            v_ends,
            values,
            gains,
            errors,
            counts,
            are_accurate,
            np.empty((count, max_iter)),
        )

    def of(self, q):
        """The answer to one problem, apart from its history."""
        in_u = slice(*self.u_ends[q : q + 2])
        in_v = slice(*self.v_ends[q : q + 2])
        return Answer(
            u=self.u[in_u].copy(),
            v=self.v[in_v].copy(),
            logs=self.logs[in_v].copy(),
            value=self.values[q],
            gain=self.gains[q],
            error=self.errors[q],
            counts=self.counts[q].copy(),
        )

    def put(self, q, answer, is_free):
        """Write the answer to one problem, which is accurate; it may count as found without an
        iteration.
        """
        in_u = slice(*self.u_ends[q : q + 2])
        in_v = slice(*self.v_ends[q : q + 2])
        self.u[in_u] = answer.u
        self.v[in_v] = answer.v
        self.logs[in_v] = answer.logs
        self.values[q] = answer.value
        self.gains[q] = answer.gain
        self.errors[q] = answer.error
        self.counts[q] = answer.counts
        self.are_accurate[q] = True
        if is_free:
            self.counts[q] = 0


class Answer(NamedTuple):
    """The answer to one problem, as in `Answers`."""

    u: Any
    v: Any
    logs: Any
    value: Any
    gain: Any
    error: Any
    counts: Any


@inlined
def part_of(values, ends, q):
    """The numbers of one problem or cloud, from an array that holds all of them."""
    first = ends[q]
    return view(values, first, (ends[q + 1] - first,))


@inlined
def points_of(forms, c):
    """The (n, d) points of a cloud, and their probabilities."""
    a = part_of(forms.a, forms.ends, c)
    return view(forms.x, forms.blocks[c], (len(a), forms.dimensions[c])), a


@leaf
def see_from_origin(points, others, x, y):
    """Write two clouds as (n, d) points and (d, m) coordinates, from an origin near both."""
    (n, d) = points.shape
    m = others.shape[0]
    for k in range(d):
        origin = (points[0, k] + others[0, k]) / 2.0
        for i in range(n):
            x[i, k] = points[i, k] - origin
        for j in range(m):
            y[k, j] = others[j, k] - origin


@inlined
def aim_of(problems, own, q):
    """The accuracy that the value of a problem must have, from the answers to the self problems."""
    c = problems.sources[q]
    e = problems.targets[q]
    on_source = problems.shares[q, 0]
    on_target = problems.shares[q, 1]
    source_value = on_source * own.values[c]
    target_value = on_target * own.values[e]
    source_gain = on_source * own.gains[c]
    target_gain = on_target * own.gains[e]
    base = source_value + target_value - problems.constants[q]
    return Aim(base, source_gain + target_gain, problems.are_fine[q])


@plain_kernel
def solve_range(forms, problems, all_rates, own, first, last, scratch, answers):
    """Solve the problems first to last, one after another; `own` are the answers of each cloud with
    itself.

    `all_rates` are None for exact marginals: numba then compiles half as much.
    """
    for q in range(first, last):
        if not problems.are_wanted[q]:
            continue
        c = problems.sources[q]
        e = problems.targets[q]
        is_self = c == e
        (points, a) = points_of(forms, c)
        (others, b) = points_of(forms, e)
        (n, d) = points.shape
        m = len(b)

        x = view(scratch.coordinates, 0, (n, d))
        y = view(scratch.coordinates, n * d, (d, m))
        see_from_origin(points, others, x, y)
        C = view(scratch.costs, 0, (n, m))
        K = view(scratch.kernels, 0, (n, m))
        cost_block(problems.profile, x, y, is_self, C)
        u, v, room = room_in(scratch, n, m)
        fill(0.0, v)

        beginning = Beginning(False, False, 0)
        aim = Aim(NO_VALUE, 0.0, False)
        if not is_self:
            aim = aim_of(problems, own, q)
        if problems.are_started[q]:
            copy(part_of(problems.starts, answers.v_ends, q), v)
        elif not is_self:
            own_v = part_of(own.v, own.v_ends, e)
            is_trial, n_levels = start(
                problems.profile, x, y, a, b, own_v, v, room.plain, scratch.square[MEMORY, :2]
            )
            beginning = Beginning(is_trial, not is_trial, n_levels)

        mixing = mixing_in(scratch, m)
        best_u = part_of(answers.u, answers.u_ends, q)
        best_v = part_of(answers.v, answers.v_ends, q)
        best_logs = part_of(answers.logs, answers.v_ends, q)
        best = best_u, best_v, best_logs
        most = min(answers.histories.shape[1], MOST_PAIRS // (n * m))
        history = answers.histories[q, :most]
        outcome = solve(
            C,
            K,
            a,
            b,
            is_self,
            all_rates,
            q,
            problems.tols[q],
            aim,
            beginning,
            u,
            v,
            room,
            mixing,
            best,
            history,
        )

        answers.values[q] = outcome.value
        answers.gains[q] = outcome.gain
        answers.errors[q] = outcome.error
        answers.are_accurate[q] = outcome.is_accurate
        answers.counts[q, 0] = outcome.n_iter
        answers.counts[q, 1] = outcome.n_builds
        answers.counts[q, 2] = outcome.n_levels


def solve_all(forms, problems, own, max_iter):
    """The answers to all problems; the same bits in any company and for any number of threads.

    `own` are the answers of each cloud with itself; None for such problems.
    """
    sizes = sizes_of(forms.ends)
    n = sizes[problems.sources]
    m = n if problems.targets is problems.sources else sizes[problems.targets]
    answers = Answers.room(n, m, max_iter)
    pairs = n * m * problems.are_wanted
    most = max(pairs.tolist())  # for few problems, sooner than by NumPy
    if most == 0:
        return answers
    widest = max(sizes.tolist())
    numbers = widest * max(forms.dimensions.tolist())
    own = answers if own is None else own
    all_rates = problems.rates if problems.rates.any() else None

    def task(first, last):
        scratch = borrow(most, widest, numbers)
        solve_range(forms, problems, all_rates, own, first, last, scratch, answers)
        give_back(scratch)

    run(task, panels(pairs))
    if answers.histories.size <= FEW:
        return answers
    # Few problems take many iterations: the others need no room for so many
    longest = answers.counts[:, 0].max()
    return answers._replace(histories=answers.histories[:, :longest].copy())


def panels(pairs):
    """Ranges of problems with so many pairs each, every range with work enough for a thread."""
    if sum(pairs.tolist()) <= PAIRS_A_PANEL:
        return [(0, len(pairs))]
    numbers = np.cumsum(pairs) // PAIRS_A_PANEL
    cuts = np.flatnonzero(np.diff(numbers)) + 1
    return list(pairwise([0, *cuts.tolist(), len(pairs)]))
