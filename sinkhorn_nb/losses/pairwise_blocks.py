"""Divergences of many pairs, block by block. A block is the task of one job and the unit of
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np

from ..common.array_types import Floats, Indices
from ..measures.measure import Measure
from ..results.solution import Solution
from ..results.status import warn
from ..solver import Sinkhorn
from ..solver.progress import counter
from ..terms import Terms
from .jobs import Parcel, effective_n_jobs, spread
from .pairwise_values import Failure, Values, self_solutions, values

LARGEST = 1024  # pairs of a block: their solutions take about 40 MB at 300 points
WORK = 2**26  # pairs of points of a block: the progress bar moves about every second
BLOCKS_PER_JOB = 8  # at least, so that no job waits for long while the last blocks end


@dataclass(frozen=True)
class Effort:
    """The solver of every pair, the number of jobs in joblib's convention, and whether a bar shows
    the progress.
    """

    solver: Sinkhorn
    n_jobs: int | None
    progress: bool


def evaluate(
    measures: list[Measure], pairs: Indices, names: list[str], terms: Terms, effort: Effort
) -> Floats:
    """S_eps of pairs (P, 2) of indices into `measures`, each i < j; the names of the measures are
    for the warning.
    """
    sizes = np.array([len(measure) for measure in measures])
    report = _Report()
    selves = _compared_with_themselves(measures, np.unique(pairs), sizes, terms, effort, report)
    value = np.empty(len(pairs))
    tasks = (
        _task(block, pairs[block], selves, effort.solver)
        for block in _blocks(pairs, sizes, effort.n_jobs)
    )
    for block, found in _done(_compare, tasks, "pairs of clouds", len(pairs), effort, report):
        value[block] = found.value
        report.add(block, found)
    report.close(pairs, names)
    return value


def _compared_with_themselves(
    measures: list[Measure],
    numbers: Indices,
    sizes: Indices,
    terms: Terms,
    effort: Effort,
    report: _Report,
) -> list[Solution | None]:
    """The self solutions of the clouds with these numbers, by number."""
    chunks = _chunks(numbers, sizes, effort.n_jobs)
    tasks = ((chunk, _sent(measures, chunk), terms, effort.solver) for chunk in chunks)
    selves: list[Solution | None] = [None] * len(measures)
    for chunk, solutions in _done(
        _solve, tasks, "clouds with themselves", len(numbers), effort, report
    ):
        for k, solution in zip(chunk, solutions, strict=True):
            selves[k] = solution
    return selves


def _done(
    function: Callable[..., tuple[Any, ...]],
    tasks: Iterable[tuple[Any, ...]],
    what: str,
    total: int,
    effort: Effort,
    report: _Report,
) -> Iterator[tuple[Indices, Any]]:
    """Yield the rows and the answer of each task when it is done."""
    bar: Any = counter(what, total) if effort.progress else nullcontext()
    with bar, closing(spread(function, tasks, effort.n_jobs)) as answers:
        for parcel in answers:
            rows, answer, said = parcel.contents
            report.hear(said)
            yield rows, answer
            if effort.progress:
                bar.update(len(rows))


def _solve(
    chunk: Indices, parcel: Parcel, terms: Terms, solver: Sinkhorn
) -> tuple[Indices, list[Solution], list[str]]:
    said: list[str] = []
    (measures,) = parcel.contents
    return chunk, self_solutions(measures, terms, solver, said.append), said


def _task(
    block: Indices, pairs: Indices, selves: list[Solution | None], solver: Sinkhorn
) -> tuple[Indices, Indices, Parcel, Sinkhorn]:
    """The clouds that a block needs, and its pairs by their numbers among these."""
    needed, local = np.unique(pairs, return_inverse=True)
    return block, local.reshape(pairs.shape), _sent(selves, needed), solver


def _sent(objects: Sequence[object], numbers: Indices) -> Parcel:
    """The objects with these numbers, for a job."""
    return Parcel([objects[k] for k in numbers])


def _compare(
    block: Indices, pairs: Indices, parcel: Parcel, solver: Sinkhorn
) -> tuple[Indices, Values, list[str]]:
    said: list[str] = []
    (selves,) = parcel.contents
    return block, values(selves, pairs, solver, said.append), said


def _chunks(numbers: Indices, sizes: Indices, n_jobs: int | None) -> list[Indices]:
    """Numbers of clouds, grouped by task."""
    count = len(numbers)
    longest = _most(count, np.mean(sizes[numbers] ** 2.0), n_jobs)
    return [numbers[first : first + longest] for first in range(0, count, longest)]


def _blocks(pairs: Indices, sizes: Indices, n_jobs: int | None) -> list[Indices]:
    """Rows of `pairs`, grouped by task. A task is a square of the table, because its pairs have few
    clouds.
    """
    count = len(pairs)
    work = np.mean(sizes[pairs].prod(axis=1))
    most = _most(count, work, n_jobs)
    edge = isqrt(most) if most < count else len(sizes)
    squares = pairs // edge
    order = np.lexsort(squares.T)
    steps = np.diff(squares[order], axis=0)
    ends = np.flatnonzero(steps.any(axis=1)) + 1
    return np.split(order, ends)


def _most(count: int, work: float, n_jobs: int | None) -> int:
    """The largest number of problems per task, out of `count` problems of `work` pairs of points
    each.
    """
    n_jobs = effective_n_jobs(n_jobs)
    share = count if n_jobs == 1 else count // (BLOCKS_PER_JOB * n_jobs)
    return max(1, min(LARGEST, int(WORK / work), share))


class _Report:
    """One warning for all blocks: an early one if a blur is too small, else one about the worst
    pair at the end.
    """

    def __init__(self) -> None:
        self._has_warned, self._n_failed = False, 0
        self._worst: Failure | None = None

    def hear(self, said: list[str]) -> None:
        """Pass on the early warning of a block, if there was none before."""
        if said and not self._has_warned:
            self._has_warned = True
            warn(said[0])

    def add(self, block: Indices, found: Values) -> None:
        """Count the failures of a block and remember the worst of all."""
        self._n_failed += int(np.count_nonzero(~found.converged))
        if found.failure is not None:
            failure = found.failure._replace(row=block[found.failure.row])
            both = self._worst or failure, failure
            self._worst = max(both, key=lambda own: (own.marginal_error, -own.row))

    def close(self, pairs: Indices, names: list[str]) -> None:
        """Warn if any pair has not converged."""
        if self._worst is not None and not self._has_warned:
            x, y = (names[k] for k in pairs[self._worst.row])
            warn(
                f"{self._n_failed} of {len(pairs)} divergences have not converged, the worst of "
                f"them between {x} and "
                f"{y}: {self._worst.message}"
            )
