"""The backend that "auto" chooses: a GPU for large work, if it gives the answers of the CPU."""

import sys

import numpy as np
import pytest

import sinkhorn_nb as snb
from sinkhorn_nb import backends
from sinkhorn_nb.backends import choice, self_check
from sinkhorn_nb.backends.cluster_sums import HostClusterSums
from sinkhorn_nb.backends.cpu.backend import CpuBackend
from sinkhorn_nb.backends.fallback import FallbackBackend
from sinkhorn_nb.backends.self_check import Work, agrees

MUCH = Work(70_000, 70_000, 2, "float32")


class Gpu(CpuBackend):
    """The CPU in the place of a GPU."""

    def has_room(self, work):
        return work.n < 10**6


@pytest.fixture
def gpu(monkeypatch):
    """Puts a backend there."""

    def place(kind):
        monkeypatch.setattr(choice, "no_gpu", lambda: None)
        monkeypatch.setattr(choice, "_cuda_backend", lambda: kind())

    return place


def test_little_work_is_for_the_cpu(monkeypatch):
    monkeypatch.setattr(choice, "no_gpu", lambda: pytest.fail("looked for"))
    assert type(choice.choose("auto", MUCH._replace(n=60_000))) is CpuBackend
    assert type(choice.choose("cpu", MUCH)) is CpuBackend


def test_much_work_is_for_the_gpu(gpu):
    gpu(Gpu)
    chosen = choice.choose("auto", MUCH)
    assert type(chosen) is FallbackBackend and type(chosen._backend) is Gpu
    assert type(choice.choose("auto", MUCH._replace(n=2 * 10**6))) is CpuBackend  # no room
    assert type(choice.choose("auto")) is CpuBackend


def test_without_a_gpu(monkeypatch):
    monkeypatch.setattr(choice, "no_gpu", lambda: "the driver's library libcuda.so.1 was not found")
    assert type(choice.choose("auto", MUCH)) is CpuBackend


def test_the_simulator_is_no_gpu(gpu, monkeypatch):
    """It would take hours."""
    gpu(Gpu)
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", "1")
    assert type(choice.choose("auto", MUCH)) is CpuBackend


def test_the_kernel_tells_how_much_work_there_is(gpu, monkeypatch):
    gpu(Gpu)
    asked = []
    monkeypatch.setattr(self_check, "WORTHWHILE", 600)
    monkeypatch.setattr(Gpu, "has_room", lambda self, work: asked.append(work) or True)
    x, y = np.random.default_rng(0).normal(size=(2, 30, 2))
    assert snb.entropic_ot(
        x, y[:20], blur=0.5, solver=snb.Sinkhorn(dtype="float64", init="zeros")
    ).converged
    assert set(asked) == {Work(30, 20, 2, "float64")} or set(asked) == {Work(20, 30, 2, "float64")}


def test_the_trial_is_made_once(gpu):
    loads = []

    class Counting(Gpu):
        def load(self, *cloud):
            loads.append(cloud)
            return super().load(*cloud)

    gpu(Counting)
    for dimension in (2, 12, 13):
        choice.choose("auto", MUCH._replace(dimension=dimension))
    assert len(loads) == 2 * 2
    choice.choose("auto", MUCH._replace(dtype="float64"))
    assert len(loads) == 3 * 2


def test_a_gpu_that_fails_is_left_alone(gpu):
    class Broken(Gpu):
        def load(self, *cloud):
            raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS")

    gpu(Broken)
    assert type(choice.choose("auto", MUCH)) is CpuBackend


@pytest.mark.parametrize("question", ["__init__", "has_room"])
def test_a_gpu_that_is_lost_after_its_trial_is_left_alone(gpu, question, monkeypatch):
    """This happens in a forked child, or when the driver is restarted."""

    class Lost(Gpu):
        pass

    def fail(*arguments):
        raise RuntimeError("CUDA initialized before forking")

    gpu(Lost)
    assert type(choice.choose("auto", MUCH)) is FallbackBackend
    monkeypatch.setattr(Lost, question, fail)
    assert type(choice.choose("auto", MUCH)) is CpuBackend


def test_a_target_that_cannot_be_imported_is_no_gpu(monkeypatch):
    monkeypatch.setattr(choice.driver, "library", lambda: None)
    monkeypatch.setitem(sys.modules, "sinkhorn_nb.backends.cuda.device", None)
    monkeypatch.delattr(backends.cuda, "device", raising=False)
    why = choice.no_gpu.__wrapped__()
    assert "numba's CUDA target cannot be imported" in why


def test_points_of_a_problem_with_itself_need_room_once():
    assert MUCH.n_points == 140_000 and MUCH._replace(is_self=True).n_points == 70_000


def off(result):
    """An answer with one number a little wrong."""
    if isinstance(result, tuple):
        return off(result[0]), *result[1:]
    if isinstance(result, HostClusterSums):
        return HostClusterSums(off(np.asarray(result)))
    result = np.array(result)
    result.flat[result.size // 2] *= 1.001
    return result


@pytest.mark.parametrize(
    "question", ["sums", "cluster_sums", "self_sums", "row_sums", "log_sum_exp", "transport"]
)
def test_one_wrong_number_is_found(question):
    class Wrong(CpuBackend):
        pass

    setattr(Wrong, question, lambda self, *args: off(getattr(CpuBackend, question)(self, *args)))
    assert agrees(CpuBackend(), 2, "float32")
    assert not agrees(Wrong(), 2, "float32")


def test_a_wrong_sum_over_a_cluster_is_found():
    class Wrong(CpuBackend):
        def cluster_sums(self, *args):
            rows, sums = super().cluster_sums(*args)
            return rows, off(sums)

    assert not agrees(Wrong(), 2, "float64")
