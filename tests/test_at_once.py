"""Concurrent calls, none of which is left running, whenever Ctrl-C comes."""

import os
import signal
import threading
import time

import pytest

from sinkhorn_nb.backends.at_once import at_once


class Task:
    """Sleeps, and knows whether it has begun and ended; some send Ctrl-C meanwhile."""

    def __init__(self, n_interruptions=0):
        self.n_interruptions, self.begun, self.done = (
            n_interruptions,
            threading.Event(),
            threading.Event(),
        )

    def __call__(self):
        self.begun.set()
        for _ in range(self.n_interruptions):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
        time.sleep(0.1)
        self.done.set()


def call(task):
    task()


def test_answers_come_in_order_and_all_calls_are_at_work_together():
    together = threading.Barrier(3, timeout=60)

    def answer(delay, k):
        together.wait()
        time.sleep(delay)
        return k

    assert at_once(answer, [(0.1, 0), (0, 1), (0.05, 2)]) == [0, 1, 2]


@pytest.mark.parametrize("late", range(3))
def test_a_failure_waits_for_the_others_and_reaches_the_caller(late):
    tasks = [Task() for _ in range(3)]

    def fail(k):
        if k == late:
            for other in tasks[:k] + tasks[k + 1 :]:  # a call that has not begun by then never does
                other.begun.wait(60)
            raise MemoryError(f"call {k}")
        tasks[k]()

    with pytest.raises(MemoryError, match=f"call {late}"):
        at_once(fail, [(0,), (1,), (2,)])
    assert all(task.done.is_set() for k, task in enumerate(tasks) if k != late)


@pytest.mark.skipif(os.name == "nt", reason="os.kill ends the process there")
@pytest.mark.parametrize("n_interruptions", [1, 3])
def test_ctrl_c_waits_for_all_that_have_begun_however_often_it_comes(n_interruptions):
    tasks = [Task(), Task(n_interruptions), Task()]
    with pytest.raises(KeyboardInterrupt):
        at_once(call, [(task,) for task in tasks])
    assert (
        all(task.done.is_set() for task in tasks if task.begun.is_set()) and tasks[1].done.is_set()
    )


class Interrupted(threading.Thread):
    """Threads whose start is interrupted; the last of three may begin only after that."""

    delay, n_started = 0.0, 0

    def start(self):
        Interrupted.n_started += 1
        if Interrupted.n_started < 3:
            return super().start()
        if self.delay:
            threading.Timer(self.delay, super().start).start()
        else:
            super().start()
        raise KeyboardInterrupt


@pytest.mark.parametrize("delay", [0.0, 0.2])
def test_a_thread_whose_start_is_interrupted_has_ended_or_never_begins(monkeypatch, delay):
    tasks = [Task() for _ in range(3)]
    monkeypatch.setattr(Interrupted, "delay", delay)
    monkeypatch.setattr(Interrupted, "n_started", 0)
    monkeypatch.setattr(threading, "Thread", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        at_once(call, [(task,) for task in tasks])
    assert tasks[0].done.is_set() and tasks[1].done.is_set()
    began = tasks[2].begun.is_set()
    time.sleep(3 * delay)
    assert tasks[2].begun.is_set() == began and tasks[2].done.is_set() == began
