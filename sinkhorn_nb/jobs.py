"""Tasks spread over threads, processes or a cluster by joblib, whose backends the user chooses."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterable
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

from .backends import threads

__all__ = ["Parcel", "effective_n_jobs", "spread"]


class Parcel:
    """Objects on their way to another process. They arrive as copies that can be written to.

    joblib and Dask hand over large arrays as read-only views of shared memory, for which every kernel would be compiled
    once more.
    """

    def __init__(self, *contents: Any) -> None:
        self.contents = contents

    def __reduce__(self) -> tuple[Callable[[bytes], Parcel], tuple[bytes]]:
        return _unpacked, (pickle.dumps(self.contents, pickle.HIGHEST_PROTOCOL),)


def spread(
    function: Callable[..., tuple[Any, ...]], tasks: Iterable[tuple[Any, ...]], n_jobs: int | None
) -> Generator[Parcel, None, None]:
    """Yield a parcel of what function(*task) returns for each task, in the order in which they are done.

    `tasks` is read as far as there are jobs to do them. A job takes its share of the threads that this process has,
    in any process.
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
