"""Concurrent calls, all of which have ended when the answers are returned."""

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor


class _Round:
    """The calls of one round. Once the round is closed, no call is running and none can begin."""

    def __init__(self):
        self._changed = threading.Condition()
        self._at_work = 0
        self._is_closed = False

    def __call__(self, function, *arguments):
        with self._changed:
            if self._is_closed:  # a thread that was about to start when the round was interrupted
                raise CancelledError
            self._at_work += 1
        try:
            return function(*arguments)
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    def close(self):
        """Wait for running calls; if Ctrl-C comes meanwhile, raise it afterwards."""
        interruption = None
        while True:
            try:
                with self._changed:
                    self._is_closed = True
                    self._changed.wait_for(lambda: self._at_work == 0)
                break
            except KeyboardInterrupt as error:
                interruption = error
        if interruption is not None:
            raise interruption


def at_once(function, arguments):
    """Call function(*each) for all arguments concurrently and return the answers in order.

    This waits for every thread, even after an error. The shutdown of an executor does not: it does
    not know a thread whose start was interrupted.
    """
    calls = _Round()
    # New ones: they survive a fork, and cost less than a pass
    threads = ThreadPoolExecutor(len(arguments))
    try:
        futures = [threads.submit(calls, function, *each) for each in arguments]
        return [future.result() for future in futures]
    finally:
        try:
            calls.close()
        finally:
            threads.shutdown()
