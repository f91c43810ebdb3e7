"""The memory of GPUs, and their time: what does not fit is told before it starts, what is long is
made in launches.

On the GPU, or at sizes that it can bear, in numba's simulator: see test_cuda_simulator.py.
"""

import threading

import numpy as np
import pytest
from gpus import BACKEND, MOST, SIZE, Gpu, some
from numba import cuda as numba_cuda
from pairs import CHECKS, Pairs, check_sums
from problems import example

import sinkhorn_nb as snb
from sinkhorn_nb.backends import choice, self_check
from sinkhorn_nb.backends.cuda import backend as cuda
from sinkhorn_nb.backends.cuda import device as cuda_device
from sinkhorn_nb.backends.cuda import passes
from sinkhorn_nb.backends.cuda.backend import CudaBackend


@pytest.fixture
def two_devices(monkeypatch):
    """They have clouds of their own."""
    monkeypatch.setattr(cuda_device.cuda, "gpus", [Gpu(0), Gpu(1)])


def test_too_large_a_problem_is_refused_before_it_starts(monkeypatch):
    x, y, a, b = example(9, 11, 2)
    solver = snb.Sinkhorn(backend="cuda", init="coarse")  # by the loop, small as it is
    with monkeypatch.context() as patch:
        patch.setattr(cuda, "free_memory", lambda: 1000)
        with pytest.raises(
            MemoryError, match=r"backend: expected \S+ GB free on the GPU for \d+ points"
        ):
            snb.entropic_ot(x, y, a, b, blur=0.5, solver=solver)
    assert snb.entropic_ot(x, y, a, b, blur=0.5, solver=solver).converged


@pytest.mark.parametrize("full", [0, 1])
def test_each_device_has_a_memory_of_its_own(full, two_devices, monkeypatch):
    t = Pairs.near(*SIZE, 2, "float32", choice.choose("cuda"), MOST)
    with monkeypatch.context() as patch:
        patch.setattr(cuda, "free_memory", lambda: 1000 if Gpu.here.numbers[-1] == full else 1e18)
        with pytest.raises(MemoryError, match="free on the GPU"):
            check_sums(t)
    check_sums(t)


def test_both_clouds_must_fit_together(monkeypatch):
    x, y, a, b = example(9, 11, 2)
    sizes = [cuda._needed(n, 2, 8) for n in (9, 11, 20)]
    loaded = []
    monkeypatch.setattr(cuda, "free_memory", lambda: max(sizes) - 1)
    monkeypatch.setattr(CudaBackend, "load", lambda *arguments: loaded.append(arguments))
    with pytest.raises(MemoryError, match="for 20 points in dimension 2"):
        snb.entropic_ot(
            x, y, a, b, blur=0.5, solver=snb.Sinkhorn(backend="cuda", dtype="float64", init="zeros")
        )
    assert not loaded


@pytest.mark.parametrize("d", [2, 9])
@pytest.mark.parametrize("most", [0, 2_000])
def test_several_launches_give_the_same_bits_as_one(d, most, monkeypatch):
    monkeypatch.setattr(cuda, "CHUNKS", 1)
    answers, launches = [], []
    synchronize = numba_cuda.synchronize
    monkeypatch.setattr(cuda.cuda, "synchronize", lambda: launches.append(1) or synchronize())
    for bound in (passes.MOST_A_LAUNCH, most):
        monkeypatch.setattr(passes, "MOST_A_LAUNCH", bound)
        t = some(*SIZE, d, "float32")
        sums = BACKEND.sums(t.X, t.F, t.a, t.Y, t.G, t.b)
        V = np.random.default_rng(0).uniform(size=(t.y.n, 3))
        more = (
            BACKEND.log_sum_exp(t.X, t.F, t.Y, t.G),
            BACKEND.transport(t.X, t.F, t.Y, t.G, V, None),
        )
        answers.append([*sums, BACKEND.self_sums(t.X, t.F, t.a), *more])
        assert bool(launches) == (bound == most)
    for one, several in zip(*answers, strict=True):
        np.testing.assert_array_equal(one, several)


class Shortage(Exception):
    code = 2


@pytest.mark.parametrize("check", CHECKS)
def test_a_shortage_in_the_middle_is_told_with_a_cure_and_the_next_call_works(check, monkeypatch):
    t = some(9, 11, 2, "float64")

    def fail(*arguments):
        raise Shortage("CUDA_ERROR_OUT_OF_MEMORY")

    with monkeypatch.context() as patch:
        patch.setattr(cuda.cuda, "device_array", fail)
        with pytest.raises(
            MemoryError, match=r'backend: expected room on the GPU .* take backend="cpu"'
        ):
            check(t)
    check(t)


def test_auto_goes_on_with_the_cpu_after_a_shortage(monkeypatch):
    x, y, a, b = example(9, 11, 2)
    on_cpu = snb.entropic_ot(x, y, a, b, blur=0.5, solver=snb.Sinkhorn(tol=1e-9, backend="cpu"))
    monkeypatch.setattr(choice, "_is_there", lambda: True)
    monkeypatch.setattr(choice, "is_trusted", lambda make, work: True)
    monkeypatch.setattr(self_check, "WORTHWHILE", 1)
    monkeypatch.setattr(
        cuda.cuda, "device_array", lambda *arguments: (_ for _ in ()).throw(Shortage("no memory"))
    )
    with pytest.warns(
        RuntimeWarning, match=r"backend: the GPU failed \(MemoryError: .* and the CPU goes on"
    ):
        solution = snb.entropic_ot(
            x, y, a, b, blur=0.5, solver=snb.Sinkhorn(tol=1e-9, init="coarse", acceleration="none")
        )
    np.testing.assert_allclose(solution.f, on_cpu.f, rtol=0, atol=1e-8)


def test_what_is_on_a_device_is_dropped_in_its_context_by_any_thread(two_devices):
    backend = CudaBackend(1)
    with backend.on_device():
        t = Pairs.near(9, 11, 2, "float64", backend, MOST)
        _, sums = backend.cluster_sums(t.X, t.F, t.a, t.Y, t.G, t.b, np.array([0, 4, 9]))
    entered = []
    owned = [[t.X], [sums]]
    del t, sums

    class Watched:
        def __del__(self):
            entered.append(getattr(Gpu.here, "numbers", []))

    for each in owned:
        each[0].watched = Watched()
    dropper = threading.Thread(target=lambda: [each.clear() for each in owned])
    dropper.start()
    dropper.join()
    assert entered == [[1], [1]]


def test_a_single_device_that_is_not_the_one_in_use_is_entered(monkeypatch):
    monkeypatch.setattr(cuda_device, "devices", lambda: [1])
    monkeypatch.setattr(cuda_device.cuda, "gpus", [None, Gpu(1)])
    numbers = []
    monkeypatch.setattr(cuda, "free_memory", lambda: numbers.append(Gpu.here.numbers[-1]) or 1e18)
    check_sums(Pairs.near(9, 11, 2, "float64", choice.choose("cuda"), MOST))
    assert set(numbers) == {1}
