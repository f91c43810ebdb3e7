"""Threads over panels: as many as numba's own setting says, each in kernels that release the GIL.

Compared with numba's parallel loops this may be called from several threads at once, survives a
fork, answers Ctrl-C between panels, and compiles in a fraction of the time.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numba
import scipy.linalg.cython_blas  # noqa: F401  (the BLAS that numba calls: load it before it is limited)
import threadpoolctl


class _Pool:
    """One executor a process, made when first needed."""

    def __init__(self):
        self.reset()
        if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
            os.register_at_fork(after_in_child=self.reset)

    def reset(self):
        self._lock = threading.Lock()
        self._executor = None

    def submit(self, function):
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(numba.config.NUMBA_NUM_THREADS, "sinkhorn_nb")
        return self._executor.submit(function)


_pool = _Pool()


def run(task, panels):
    """Call task(*panel) for each panel, in any order, on numba.get_num_threads() threads."""
    queue = iter(panels)
    n_threads = min(numba.get_num_threads(), len(panels))

    def work():
        for panel in queue:
            task(*panel)

    if n_threads == 1:
        return work()
    futures = [_pool.submit(work) for _ in range(n_threads)]
    try:
        for future in futures:
            future.result()
    except BaseException:
        for _ in queue:  # leave nothing to those still at work
            pass
        raise


class _SingleThreadedBlas:
    """While anybody is inside, BLAS keeps to one thread: the panels are parallel already."""

    def __init__(self):
        self._lock = threading.Lock()
        self._inside = 0
        self._controller = None
        self._limit = None

    @contextmanager
    def __call__(self):
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._controller = self._controller or threadpoolctl.ThreadpoolController()
                self._limit = self._controller.limit(limits=1, user_api="blas")
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    _claim_blas()
                    self._limit.restore_original_limits()
                    _claim_blas()


def _claim_blas():
    """Since threadpoolctl 3.8 only the first thread to set OpenBLAS's threads may set them again: end its reign."""
    controller = getattr(threadpoolctl, "OpenBLASController", None)
    release = getattr(controller, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)


single_threaded_blas = _SingleThreadedBlas()
