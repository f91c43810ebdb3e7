"""Limit BLAS to one thread during a solve, and restore its number of threads afterwards."""

import threading
from collections import Counter
from contextlib import contextmanager

import scipy.linalg.cython_blas  # noqa: F401  (the BLAS that numba calls: load it before it is limited)
import threadpoolctl

from . import forks


class _SingleThreadedBlas:
    """A context in which BLAS uses one thread, because the panels are parallel already.

    An interruption at any point leaves a state that the next thread corrects when it leaves the
    context.
    """

    def __init__(self):
        self._lock = threading.RLock()
        self._inside = Counter()  # number of times that each thread is inside
        self._libraries = None
        self._before = None  # (library, its number of threads) while they are limited
        forks.wait_for(self._lock, self._forget_other_threads)

    @contextmanager
    def __call__(self):
        me = threading.get_ident()
        try:
            with self._lock:
                self._inside[me] += 1
                self._limit()
            yield
        finally:
            with self._lock:
                self._inside[me] -= 1
                self._inside += Counter()  # drops threads that are no longer inside
                self._restore()

    def _limit(self):
        if self._libraries is None:
            self._libraries = (
                threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers
            )
        if self._before is None:  # else the last thread to leave was interrupted
            self._before = [(library, library.get_num_threads()) for library in self._libraries]
        if self._inside.total() == 1:
            for library in self._libraries:
                library.set_num_threads(1)

    def _restore(self):
        if self._inside or self._before is None:
            return
        _claim_openblas()
        for library, n_threads in self._before:
            if library.get_num_threads() == 1:  # else another library has changed it meanwhile
                library.set_num_threads(n_threads)
        _claim_openblas()
        self._before = None

    def _forget_other_threads(self):
        """Keep only the thread that forked, because a child has no other."""
        me = threading.get_ident()
        self._inside = +Counter({me: self._inside[me]})
        self._restore()


def _claim_openblas():
    """Let any thread set OpenBLAS's threads: since threadpoolctl 3.8 only the first thread that set
    them may do so.
    """
    controller = getattr(threadpoolctl, "OpenBLASController", None)
    release = getattr(controller, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)


single_threaded_blas = _SingleThreadedBlas()
