"""One thread for BLAS while the library is at work, and as many as before afterwards."""

import threading
from collections import Counter
from contextlib import contextmanager

import scipy.linalg.cython_blas  # noqa: F401  (the BLAS that numba calls: load it before it is limited)
import threadpoolctl

from . import forks


class _SingleThreadedBlas:
    """While any thread is inside, BLAS keeps to one thread, because the panels are parallel already.

    An interruption at any point leaves a state that the next one who leaves puts right.
    """

    def __init__(self):
        self._lock = threading.RLock()
        self._inside = Counter()  # how many times each thread is
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
                self._inside += Counter()  # drops those who are no longer inside
                self._restore()

    def _limit(self):
        if self._libraries is None:
            self._libraries = threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers
        if self._before is None:  # else the one who left before was interrupted
            self._before = [(library, library.get_num_threads()) for library in self._libraries]
        if self._inside.total() == 1:
            for library in self._libraries:
                library.set_num_threads(1)

    def _restore(self):
        if self._inside or self._before is None:
            return
        _claim_openblas()
        for library, n_threads in self._before:
            if library.get_num_threads() == 1:  # else another library has set it meanwhile
                library.set_num_threads(n_threads)
        _claim_openblas()
        self._before = None

    def _forget_other_threads(self):
        """Keep only the thread that forked: a child has no other."""
        me = threading.get_ident()
        self._inside = +Counter({me: self._inside[me]})
        self._restore()


def _claim_openblas():
    """Since threadpoolctl 3.8 only the first thread to set OpenBLAS's threads may set them again: end its reign."""
    controller = getattr(threadpoolctl, "OpenBLASController", None)
    release = getattr(controller, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)


single_threaded_blas = _SingleThreadedBlas()
