"""Notice when kernels are compiled, which takes seconds, and not loaded from the cache."""

from contextlib import contextmanager

from numba.core import event


class _Count(event.Listener):
    """A listener that counts compilations and announces the first one."""

    def __init__(self, tell):
        self.count = 0
        self._tell = tell

    def on_start(self, _):
        self.count += 1
        if self.count == 1:
            self._tell()

    def on_end(self, _):
        """Do nothing."""


@contextmanager
def noticed(tell=lambda: None):
    """A context that calls tell() before its first kernel is compiled; yields an object with the
    `count` of kernels.
    """
    with event.install_listener("numba:compile", _Count(tell)) as listener:
        yield listener
