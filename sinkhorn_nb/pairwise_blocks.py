"""Divergences of many pairs, block by block. A block is the task of one job and the unit of memory."""

from contextlib import closing, nullcontext
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np

from .jobs import Parcel, effective_n_jobs, spread
from .pairwise_values import self_solutions, values
from .solver.progress import counter
from .status import warn

LARGEST = 1024  # pairs of a block: their solutions take about 40 MB at 300 points
WORK = 2**26  # pairs of points of a block: the progress bar moves about every second
BLOCKS_PER_JOB = 8  # at least, so that no job waits for long while the last blocks end


@dataclass(frozen=True)
class Effort:
    """The solver of every pair, the number of jobs in joblib's convention, and whether a bar shows the progress."""

    solver: Any
    n_jobs: int | None
    progress: bool


def evaluate(measures, pairs, names, eps, effort):
    """S_eps of pairs (P, 2) of indices into `measures`, each i < j; the names of the measures are for the warning."""
    sizes, report = np.array([len(measure) for measure in measures]), _Report()
    selves = _compared_with_themselves(measures, np.unique(pairs), sizes, eps, effort, report)
    value = np.empty(len(pairs))
    tasks = (_task(block, pairs[block], selves, effort.solver) for block in _blocks(pairs, sizes, effort.n_jobs))
    for block, found in _done(_compare, tasks, "pairs of clouds", len(pairs), effort, report):
        value[block] = found.value
        report.add(block, found)
    report.close(pairs, names)
    return value


def _compared_with_themselves(measures, numbers, sizes, eps, effort, report):
    """The self solutions of the clouds with these numbers, by number."""
    chunks = _chunks(numbers, sizes, effort.n_jobs)
    tasks = ((chunk, Parcel([measures[k] for k in chunk]), eps, effort.solver) for chunk in chunks)
    selves = [None] * len(measures)
    for chunk, solutions in _done(_solve, tasks, "clouds with themselves", len(numbers), effort, report):
        for k, solution in zip(chunk, solutions, strict=True):
            selves[k] = solution
    return selves


def _done(function, tasks, what, total, effort, report):
    """Yield the rows and the answer of each task when it is done."""
    bar = counter(what, total) if effort.progress else nullcontext()
    with bar, closing(spread(function, tasks, effort.n_jobs)) as answers:
        for parcel in answers:
            rows, answer, said = parcel.contents
            report.hear(said)
            yield rows, answer
            if effort.progress:
                bar.update(len(rows))


def _solve(chunk, parcel, eps, solver):
    said = []
    return chunk, self_solutions(*parcel.contents, eps, solver, said.append), said


def _task(block, pairs, selves, solver):
    """The clouds that a block needs, and its pairs by their numbers among these."""
    needed, local = np.unique(pairs, return_inverse=True)
    return block, local.reshape(pairs.shape), Parcel([selves[k] for k in needed]), solver


def _compare(block, pairs, parcel, solver):
    said = []
    return block, values(*parcel.contents, pairs, solver, said.append), said


def _chunks(numbers, sizes, n_jobs):
    """Numbers of clouds, grouped by task."""
    longest = _most(len(numbers), np.mean(sizes[numbers] ** 2.0), n_jobs)
    return [numbers[first : first + longest] for first in range(0, len(numbers), longest)]


def _blocks(pairs, sizes, n_jobs):
    """Rows of `pairs`, grouped by task. A task is a square of the table, because its pairs have few clouds."""
    most = _most(len(pairs), np.mean(sizes[pairs[:, 0]] * sizes[pairs[:, 1]]), n_jobs)
    edge = isqrt(most) if most < len(pairs) else len(sizes)
    squares = pairs // edge
    order = np.lexsort(squares.T)
    cuts = np.flatnonzero(np.diff(squares[order], axis=0).any(axis=1)) + 1
    return np.split(order, cuts)


def _most(count, work, n_jobs):
    """The largest number of problems per task, out of `count` problems of `work` pairs of points each."""
    n_jobs = effective_n_jobs(n_jobs)
    share = count if n_jobs == 1 else count // (BLOCKS_PER_JOB * n_jobs)
    return max(1, min(LARGEST, int(WORK / work), share))


class _Report:
    """One warning for all blocks: an early one if a blur is too small, else one about the worst pair at the end."""

    def __init__(self):
        self._has_warned, self._n_failed, self._worst = False, 0, None

    def hear(self, said):
        """Pass on the early warning of a block, if there was none before."""
        if said and not self._has_warned:
            self._has_warned = True
            warn(said[0])

    def add(self, block, found):
        """Count the failures of a block and remember the worst of all."""
        self._n_failed += np.count_nonzero(~found.converged)
        if found.failure is not None:
            failure = found.failure._replace(row=block[found.failure.row])
            self._worst = max(self._worst or failure, failure, key=lambda f: (f.marginal_error, -f.row))

    def close(self, pairs, names):
        """Warn if any pair has not converged."""
        if self._worst is not None and not self._has_warned:
            x, y = (names[k] for k in pairs[self._worst.row])
            warn(
                f"{self._n_failed} of {len(pairs)} divergences have not converged, the worst of them between {x} and "
                f"{y}: {self._worst.message}"
            )
