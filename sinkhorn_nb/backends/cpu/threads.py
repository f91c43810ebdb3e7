"""Threads over panels: their number is numba's setting, and they run kernels that release the GIL.

Unlike numba's parallel loops, this may be called from several threads at once, survives a fork,
reacts to Ctrl-C between panels, and compiles in a fraction of the time.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numba
from numba.np.ufunc import parallel

from .. import forks
from ..blas import single_threaded_blas

__all__ = ["at_most", "count", "panels_of", "run", "single_threaded_blas"]


class _Pool:
    """One executor per process, made at its first use."""

    def __init__(self):
        self._lock = threading.RLock()
        self._executor = None
        self._here = threading.local()
        forks.wait_for(self._lock, self._forget)  # a child does not have the threads of its parent

    def _forget(self):
        self._executor = None

    def _mark(self):
        self._here.is_worker = True

    def is_here(self):
        """Whether the calling thread belongs to the pool, or has joined it."""
        return getattr(self._here, "is_worker", False)

    @contextmanager
    def joined(self):
        """Let the calling thread be one of the pool's."""
        self._mark()
        try:
            yield
        finally:
            self._here.is_worker = False

    def submit(self, function):
        """Call a function in a thread of the pool; raise a RuntimeError if no thread can be
        started.
        """
        with self._lock:
            if self._executor is None:  # the thread of a caller makes up for the missing one
                self._executor = ThreadPoolExecutor(
                    max(1, numba.config.NUMBA_NUM_THREADS - 1), "sinkhorn_nb", self._mark
                )
            return self._executor.submit(function)


_pool = _Pool()
_limits = threading.local()
_launching = threading.RLock()
forks.wait_for(_launching)


@contextmanager
def at_most(n_threads):
    """Limit the threads for calls of `run` from this thread, which shares the machine with other
    jobs.
    """
    before = _limit()
    _limits.n_threads = min(n_threads, before)
    try:
        yield
    finally:
        _limits.n_threads = before


def count():
    """The largest number of threads for a call of `run` from this thread: numba's setting, within
    the limit.
    """
    return min(_n_threads(), _limit())


def _limit():
    return getattr(_limits, "n_threads", numba.config.NUMBA_NUM_THREADS)


def run(task, panels):
    """Call task(*panel) for each panel, in any order, on `count()` threads: the calling one, and
    others of the pool. Whichever is awake takes the next panel, so that little work never waits for
    a thread to wake up.
    """
    queue = iter(panels)
    futures = []

    def work():
        for panel in queue:
            task(*panel)

    try:
        for _ in range(_threads_for(len(panels)) - 1):
            try:
                futures.append(_pool.submit(work))
            except RuntimeError:  # no new threads, because the interpreter is about to end
                break
        if futures:
            with _pool.joined():
                work()
        else:
            work()
        for future in futures:
            if not future.cancel():  # it has begun
                future.result()
    except BaseException:
        for _ in queue:  # leave nothing to the threads that still run
            pass
        raise


def panels_of(size, n):
    """The first and the last of each panel of n things: panels of this size, and a smaller one at
    the end.
    """
    return [(first, min(first + size, n)) for first in range(0, n, size)]


def _threads_for(n_panels):
    """At most one thread per panel; one within a thread of the pool, which would otherwise wait for
    itself.
    """
    return 1 if n_panels == 1 or _pool.is_here() else min(count(), n_panels)


def _n_threads():
    """Return numba.get_num_threads(), but without its lock.

    Parent and forked children share that lock: if one of them is killed while it holds the lock,
    all others stop.
    """
    ask = getattr(parallel, "_get_num_threads", None)
    if ask is not None:
        return ask()
    with _launching:
        return numba.get_num_threads()
