"""Forks of a process with several threads: the child has one thread, and no other thread may hold a
lock.

A lock that another thread holds at the time of a fork is never released in the child, which waits
for it for ever. Therefore a fork waits until no other thread holds the locks that are named here,
at most for one compilation.
"""

import os

from numba.core.compiler_lock import global_compiler_lock


def wait_for(lock, then=lambda: None):
    """Let forks wait until no other thread holds a reentrant lock; call `then()` in each child."""

    def release_in_child():
        lock.release()
        then()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=release_in_child
        )


wait_for(global_compiler_lock)  # numba holds it while a kernel is compiled or loaded
