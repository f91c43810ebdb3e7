"""Forks of a process whose other threads are at work: the children work, with as many BLAS threads
as before.

Each test runs in a process of its own, which takes what other threads may be in the middle of when
a fork comes.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import sinkhorn_nb

HERE = Path(__file__).parent
THREADS = {"OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
SETUP = """
import conftest, os, signal, sys, threading, time
import multiprocessing as mp, numba, numpy as np, threadpoolctl
import sinkhorn_nb as snb
from sinkhorn_nb.backends.cpu import threads
from sinkhorn_nb.backends.cpu.threads import single_threaded_blas

def solve(n=400, d=2):
    x = np.random.default_rng(0).random((n, d))
    return snb.sinkhorn_divergence(x, x + .3, blur=.1).value

def blas():
    return [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]

def exit_code(task, seconds=60):
    # of a forked child that does the task; -14 if it does not end
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        code = 1
        try:
            code = 0 if task() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

class Inside:
    # a thread that is within a context
    def __init__(self, context):
        self.context, self.entered, self.leave = context, threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        assert self.entered.wait(60)

    def run(self):
        with self.context:
            self.entered.set()
            self.leave.wait(300)
"""

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system"),
    pytest.mark.slow,
]


def run(code):
    """Run the code in a process of its own and check that it ends as it should."""
    done = subprocess.run(
        [sys.executable, "-c", SETUP + textwrap.dedent(code)],
        cwd=HERE,
        env=os.environ | THREADS | {"PYTHONPATH": str(Path(sinkhorn_nb.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_children_of_a_busy_process_work():
    run("""
    expected = solve()
    def forever():
        while True:
            solve()
    for _ in range(2):
        threading.Thread(target=forever, daemon=True).start()
    assert [exit_code(lambda: solve() == expected) for _ in range(30)] == 30 * [0]
    os._exit(0)
    """)


@pytest.mark.parametrize(
    "lock",
    [
        pytest.param("__import__('tqdm').tqdm.get_lock()", id="tqdm"),
        pytest.param("numba.np.ufunc.parallel._backend_init_thread_lock", id="numba"),
    ],
)
@pytest.mark.parametrize("n", [400, 2200])
def test_a_child_does_not_wait_for_what_a_thread_of_its_parent_holds(lock, n):
    """2200 points make several panels, so the number of numba's threads is read."""
    run(f"""
    expected = solve({n})
    inside = Inside({lock})
    assert exit_code(lambda: solve({n}) == expected) == 0
    """)


@pytest.mark.parametrize(
    "lock",
    [
        pytest.param("numba.core.compiler_lock.global_compiler_lock", id="compiler"),
        pytest.param("single_threaded_blas._lock", id="blas"),
        pytest.param("threads._launching", id="launching"),
        pytest.param("threads._pool._lock", id="pool"),
    ],
)
def test_a_fork_waits_until_a_thread_has_done_what_no_child_can_go_on_with(lock):
    run(f"""
    solve(5)  # compiles little, and asks for no threads
    inside = Inside({lock})
    threading.Timer(.5, inside.leave.set).start()
    assert exit_code(lambda: numba.njit(lambda t: t + 1)(1) == 2 and solve(2200) > 0, 300) == 0
    inside.thread.join()
    assert solve(2200) > 0
    """)


def test_a_child_has_the_blas_threads_of_its_parent():
    run("""
    solve()
    before = blas()
    assert set(before) == {2}
    inside = Inside(single_threaded_blas())
    assert set(blas()) == {1}
    assert exit_code(lambda: blas() == before) == 0
    assert exit_code(lambda: solve(d=30) > 0 and blas() == before) == 0
    assert set(blas()) == {1}  # the parent's thread is still inside
    inside.leave.set()
    inside.thread.join()
    assert blas() == before
    """)


def test_a_thread_that_forks_while_it_is_inside_stays_inside_in_the_child():
    run("""
    solve()
    before = blas()
    inside = Inside(single_threaded_blas())
    with single_threaded_blas():
        child = os.fork()
        within = blas()
        if child == 0:
            signal.alarm(60)
    if child == 0:
        os._exit(0 if set(within) == {1} and blas() == before else 3)
    assert os.waitpid(child, 0)[1] == 0 and set(blas()) == {1}
    """)


def test_pools_of_forked_processes_in_a_busy_process():
    """Data loaders do the same: workers are forked while a thread solves, and end in the usual way."""
    run("""
    expected = solve()
    busy = threading.Thread(target=lambda: [solve() for _ in iter(int, 1)], daemon=True)
    busy.start()
    signal.alarm(300)
    for _ in range(3):
        with mp.get_context("fork").Pool(2) as pool:
            assert pool.map(solve, [400] * 8) == [expected] * 8
    process = mp.get_context("fork").Process(target=solve, args=(2200,))
    process.start()
    process.join()
    assert process.exitcode == 0
    os._exit(0)
    """)
