"""Solves within other pools of threads, within each other, and while the interpreter ends."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numba
import pytest
import threadpoolctl
from joblib import Parallel, delayed
from problems import cloud

import sinkhorn_nb as snb
from sinkhorn_nb.backends import blas
from sinkhorn_nb.backends.cpu import threads
from sinkhorn_nb.backends.cpu.threads import run, single_threaded_blas

FEW = snb.Sinkhorn(tol=0.1)
SIZES = [1, 40, 300, 1500, 7, 1600, 2200, 90]  # one panel and several
LATE = """
import atexit, threading
import numpy as np, sinkhorn_nb as snb

x = np.random.default_rng(0).random((2200, 2))
solve = lambda: snb.sinkhorn_divergence(x, x + 1, blur=0.5).value
expected = solve()
main = threading.current_thread()

def late():
    main.join()
    print(solve() == expected)

threading.Thread(target=late).start()
atexit.register(lambda: print(solve() == expected))
"""


def value(n, d=2):
    return snb.sinkhorn_divergence(cloud(n, d), cloud(n, d, shift=0.5), blur=0.5, solver=FEW).value


def blas_threads():
    return [
        library.get_num_threads()
        for library in threadpoolctl.ThreadpoolController().lib_controllers
    ]


@pytest.fixture
def more_blas_threads():
    """Give BLAS several threads, as on a machine with several cores."""
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        blas._claim_openblas()
        yield
        blas._claim_openblas()


def in_executor(function, sizes):
    with ThreadPoolExecutor(8) as executor:
        return list(executor.map(function, sizes))


def in_thread_pool(function, sizes):
    with ThreadPool(8) as pool:
        return pool.map(function, sizes)


def in_joblib(function, sizes):
    return Parallel(n_jobs=8, backend="threading")(delayed(function)(n) for n in sizes)


def in_the_pool_of_the_library(function, sizes):
    return [
        future.result() for future in [threads._pool.submit(lambda n=n: function(n)) for n in sizes]
    ]


@pytest.mark.parametrize(
    "pool", [in_executor, in_thread_pool, in_joblib, in_the_pool_of_the_library]
)
@pytest.mark.parametrize("d", [2, 30])
def test_solves_in_a_pool_give_the_same_bits_and_leave_blas_its_threads(more_blas_threads, pool, d):
    expected = [value(n, d) for n in SIZES]
    before = blas_threads()
    assert 3 in before
    assert pool(lambda n: value(n, d), SIZES) == expected
    assert blas_threads() == before


def test_a_pass_within_a_pass_does_not_wait_for_itself():
    seen = []

    def outer(p):
        run(lambda q: seen.append((p, q)), [(q,) for q in range(5)])

    run(outer, [(p,) for p in range(3 * numba.config.NUMBA_NUM_THREADS)])
    assert sorted(seen) == [
        (p, q) for p in range(3 * numba.config.NUMBA_NUM_THREADS) for q in range(5)
    ]


def test_a_callback_may_solve_in_its_own_thread_and_in_others():
    expected, found = value(1500), []

    def solve_others(iteration):
        found.append(value(1500))
        found.extend(in_executor(value, [1500, 1500]))

    x, y = cloud(1600, 2), cloud(1600, 2, shift=0.5)
    solver = snb.Sinkhorn(tol=0.1, callback=solve_others)
    assert snb.entropic_ot(x, y, blur=0.5, solver=solver).converged
    assert len(found) >= 3 and set(found) == {expected}


@pytest.mark.slow
def test_solves_still_work_when_the_main_thread_has_ended_and_at_exit():
    """No thread can be started then: the calling thread makes the passes itself."""
    done = subprocess.run(
        [sys.executable, "-c", LATE],
        env=os.environ | {"PYTHONPATH": str(Path(snb.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.stdout.split(), done.stderr) == (["True", "True"], "")


def test_no_new_threads_is_no_failure(monkeypatch):
    submitted = []

    def submit(work):
        if submitted:
            raise RuntimeError("can't start new thread")
        submitted.append(executor.submit(work))
        return submitted[0]

    seen = []
    with ThreadPoolExecutor(1) as executor:
        monkeypatch.setattr(threads._pool, "submit", submit)
        run(lambda p: seen.append(p), [(p,) for p in range(50)])
    assert sorted(seen) == list(range(50))


class Library:
    """A BLAS whose setting is interrupted by Ctrl-C, when it is due."""

    def __init__(self):
        self.n_threads, self.due = 4, False

    def get_num_threads(self):
        return self.n_threads

    def set_num_threads(self, n_threads):
        if self.due:
            self.due = False
            raise KeyboardInterrupt
        self.n_threads = n_threads


@pytest.fixture
def libraries(monkeypatch):
    libraries = [Library(), Library()]
    monkeypatch.setattr(single_threaded_blas, "_libraries", libraries)
    return libraries


def counts(libraries):
    return [library.n_threads for library in libraries]


@pytest.mark.parametrize("k", range(2))
def test_ctrl_c_on_the_way_in_leaves_blas_as_it_was(libraries, k):
    libraries[k].due = True
    with pytest.raises(KeyboardInterrupt), single_threaded_blas():
        pass
    assert counts(libraries) == [4, 4]


@pytest.mark.parametrize("k", range(2))
def test_after_ctrl_c_on_the_way_out_the_next_one_leaves_blas_as_it_was(libraries, k):
    with pytest.raises(KeyboardInterrupt), single_threaded_blas():
        libraries[k].due = True
    with single_threaded_blas():
        assert counts(libraries) == [1, 1]
    assert counts(libraries) == [4, 4]


def test_blas_threads_that_somebody_else_has_set_meanwhile_stay(libraries):
    with single_threaded_blas():
        libraries[0].set_num_threads(2)
    assert counts(libraries) == [2, 4]
