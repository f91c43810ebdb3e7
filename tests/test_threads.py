"""Threads, forks and interruptions: a solve gives the same bits whatever happens around it."""

import os
import signal
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
from problems import cloud

import sinkhorn_nb as snb
from sinkhorn_nb.backends.cpu.threads import run

LARGE = 2200  # 4.8 million pairs: several panels in every pass, also of self problems
FEW = snb.Sinkhorn(tol=0.1)
N_THREADS = [1, 2]


@pytest.fixture
def restored_threads():
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


def numbers(n=LARGE, d=2, dtype="float64", blur=0.5):
    """Everything that a solve and the questions afterwards compute."""
    divergence = snb.sinkhorn_divergence(
        cloud(n, d, dtype), cloud(n + 1, d, dtype, 0.5), blur=blur, solver=FEW
    )
    gradient = divergence.gradient()
    return np.concatenate(
        [[divergence.value], divergence.xy.f, divergence.xx.f, gradient.x.ravel(), gradient.b]
    )


@pytest.mark.parametrize(("d", "dtype"), [(2, "float64"), (3, "float32"), (30, "float64")])
def test_bits_do_not_depend_on_the_number_of_threads(restored_threads, d, dtype):
    results = []
    for n_threads in N_THREADS:
        numba.set_num_threads(n_threads)
        results.append(numbers(d=d, dtype=dtype))
    np.testing.assert_array_equal(*results)


def test_each_panel_is_run_once():
    seen = []
    run(lambda p, bounds: seen.append((p, bounds)), list(enumerate("abcdefgh")))
    assert sorted(seen) == list(enumerate("abcdefgh"))


def test_numba_sets_the_number_of_threads(restored_threads):
    numba.set_num_threads(1)
    idents = set()
    run(lambda p: idents.add(threading.get_ident()), [(p,) for p in range(8)])
    assert idents == {threading.get_ident()}

    numba.set_num_threads(2)
    together = threading.Barrier(2, timeout=60)  # passes only if two threads are in it at once
    run(lambda p: together.wait(), [(0,), (1,)])


def test_the_calling_thread_works_too(restored_threads):
    numba.set_num_threads(2)
    together = threading.Barrier(2, timeout=60)
    idents = set()

    def task(p):
        idents.add(threading.get_ident())
        together.wait()

    run(task, [(0,), (1,)])
    assert len(idents) == 2
    assert threading.get_ident() in idents


def test_failure_of_a_panel_reaches_the_caller():
    def fail(p):
        if p == 3:
            raise MemoryError("panel 3")

    with pytest.raises(MemoryError, match="panel 3"):
        run(fail, [(p,) for p in range(8)])
    seen = []
    run(lambda p: seen.append(p), [(p,) for p in range(8)])
    assert sorted(seen) == list(range(8))


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 30])
def test_called_from_several_threads_at_once(d):
    sizes = [1500, 1600, 1700, 1500]
    expected = [numbers(n, d) for n in sizes]
    with ThreadPoolExecutor(4) as executor:
        got = list(executor.map(lambda n: numbers(n, d), sizes))
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_works_in_a_forked_child():
    expected = numbers()  # the parent's threads exist
    child = os.fork()
    if child == 0:
        signal.alarm(120)  # a hang is a failure
        status = 1
        try:
            status = 0 if np.array_equal(numbers(), expected) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    np.testing.assert_array_equal(numbers(), expected)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ZeroDivisionError])
def test_interrupted_solve_leaves_the_next_one_right(interruption):
    expected = numbers()

    def interrupt(iteration):
        if iteration.n_iter == 2:
            raise interruption

    with pytest.raises(interruption):
        solver = snb.Sinkhorn(tol=1e-6, callback=interrupt)
        snb.entropic_ot(cloud(LARGE, 2), cloud(LARGE, 2, shift=0.5), blur=0.5, solver=solver)
    np.testing.assert_array_equal(numbers(), expected)


def peak_memory(n):
    """Bytes allocated by a solve, its gradient, its map and a product with its plan."""
    x, y = cloud(n, 2), cloud(n, 2, shift=0.5)
    tracemalloc.start()
    try:
        solution = snb.entropic_ot(x, y, blur=0.5, solver=FEW)
        solution.gradient(), solution.map(), solution.plan @ np.ones(n), solution.transport_cost
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_linear():
    peak_memory(8000)  # compiles, which takes memory, too
    small, large = peak_memory(4000), peak_memory(8000)
    assert small < 4000**2  # one byte per pair, eight times less than the plan
    assert large < 3 * small  # 4 if it grew with the pairs
