"""Distribute tasks over threads, processes or a cluster by joblib; the user chooses its backend."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterable
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

from ..backends.cpu import threads

__all__ = ["Parcel", "effective_n_jobs", "spread"]


class Parcel:
    """Objects that are sent to another process. They arrive as copies that can be written to.

    joblib and Dask pass large arrays as read-only views of shared memory. Numba would compile every
    kernel again for read-only arrays.
    """

    def __init__(self, *contents: Any) -> None:
        self.contents = contents

    def __reduce__(self) -> tuple[Callable[[bytes], Parcel], tuple[bytes]]:
        return _unpacked, (pickle.dumps(self.contents, pickle.HIGHEST_PROTOCOL),)


def spread(
    function: Callable[..., tuple[Any, ...]], tasks: Iterable[tuple[Any, ...]], n_jobs: int | None
) -> Generator[Parcel, None, None]:
    """Yield a parcel with the value of function(*task) for each task, in the order in which tasks
    are done.

    `tasks` is read only as far as there are free jobs. In any process, a job uses its share of the
    threads of this process.
    """
    backend, _ = get_active_backend()
    return_as = "generator_unordered" if backend.supports_return_generator else "list"
    n_threads = max(1, threads.count() // effective_n_jobs(n_jobs))
    parallel = Parallel(n_jobs=n_jobs, return_as=return_as)
    yield from parallel(delayed(_at_work)(n_threads, function, *task) for task in tasks)


def _at_work(n_threads: int, function: Callable[..., tuple[Any, ...]], *task: Any) -> Parcel:
    with threads.at_most(n_threads):
        return Parcel(*function(*task))


def _unpacked(data: bytes) -> Parcel:
    return Parcel(*pickle.loads(data))
