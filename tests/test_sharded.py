"""Several devices as one backend: each is a CPU backend here, with clouds of its own."""

import os
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from pairs import (
    CHECKS,
    CPU,
    RTOL,
    Pairs,
    check_clusters_between,
    check_self_sums,
    check_slope_sums,
    far,
    spread,
)
from problems import example

import sinkhorn_nb as snb
from sinkhorn_nb.backends import choice
from sinkhorn_nb.backends.cluster_sums import HostClusterSums
from sinkhorn_nb.backends.cpu.backend import CpuBackend, CpuCloud
from sinkhorn_nb.backends.sharded import ShardedBackend, ShardedCloud

COUNTS = [2, 3, 5]
EDGES = [(1, 1), (1, 70), (70, 1), (2, 3), (4, 5), (70, 41)]
MOST = 32  # points per tile


def sharded(count):
    return ShardedBackend([CpuBackend() for _ in range(count)])


def sums(t):
    return t.backend.sums(t.X, t.F, t.a, t.Y, t.G, t.b)


def some(count, n=150, m=530, dtype="float64", d=2, most=MOST):
    return Pairs.near(n, m, d, dtype, sharded(count), most)


@pytest.mark.parametrize("check", [*CHECKS, check_slope_sums])
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(("dtype", "d"), [("float64", 2), ("float32", 30)])
def test_every_question(check, count, dtype, d):
    check(some(count, dtype=dtype, d=d))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("most", [2, 512])
@pytest.mark.parametrize(("n", "m"), EDGES)
def test_fewer_tiles_than_devices_and_more(check, count, most, n, m):
    check(some(count, n, m, most=most))


@pytest.mark.parametrize("check", [check for check in CHECKS if check is not check_self_sums])
def test_tiles_far_apart(check):
    """A piece knows the centers of its own tiles."""
    x = far([0, 512, 513, 530, 900], 2, "float64", 0, axis=0)
    y = far([0, 1, 200, 201, 217], 2, "float64", 1, axis=1)
    check(Pairs(x, y, 2 * RTOL["float64"], sharded(3)))


def test_self_sums_of_tiles_far_apart():
    check_self_sums(Pairs(*2 * [spread(2, "float64")], 2 * RTOL["float64"], sharded(3)))


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    "bounds", [[0, 900], [0, 899, 900], [0, 1, 4, 204, 900], [0, 300, 600, 900], np.arange(901)]
)
def test_clusters_across_pieces(bounds, count):
    check_clusters_between(np.array(bounds), some(count, 900, 40))


def test_clusters_that_end_with_the_pieces():
    t = some(3, 900, 40)
    ends = {piece.points.stop for piece in t.X.cut([0, 1 / 3, 2 / 3, 1])}
    check_clusters_between(np.array([0, *sorted(ends)]), t)


@pytest.mark.parametrize("dtype", RTOL)
def test_cluster_sums_have_the_dtype_of_the_pairs_or_the_one_asked_for(dtype):
    t = some(3, dtype=dtype)
    _, C = t.backend.cluster_sums(t.X, t.F, t.a, t.Y, t.G, t.b, np.array([0, 70, 150]))
    assert np.asarray(C).dtype == dtype and C.__array__("float64").dtype == "float64"


@pytest.mark.parametrize("count", [1, *COUNTS, 8])
@pytest.mark.parametrize("n", [1, 2, 31, 900, 4097])
def test_pieces_are_consecutive_and_about_equal(count, n):
    bounds = np.append(np.arange(0, n, 32), n)
    pieces = ShardedCloud(np.zeros((n, 2)), np.zeros((len(bounds) - 1, 2)), bounds).cut(
        np.linspace(0, 1, count + 1)
    )
    assert [piece.points.start for piece in pieces] == [
        0,
        *(piece.points.stop for piece in pieces[:-1]),
    ]
    assert pieces[-1].points.stop == n and len(pieces) == count
    assert all(abs(piece.points.stop - piece.points.start - n / count) <= 32 for piece in pieces)
    assert all(bounds[piece.tiles.start] == piece.points.start for piece in pieces)
    assert all(bounds[piece.tiles.stop] == piece.points.stop for piece in pieces)


class Counting(CpuBackend):
    """A backend that counts the pairs of its passes."""

    def __init__(self):
        self.pairs = 0

    def sums(self, x, F, a, y, G, b):
        self.pairs += x.n * y.n
        return super().sums(x, F, a, y, G, b)

    def self_sums(self, x, F, a):
        self.pairs += x.n**2 / 2
        return super().self_sums(x, F, a)


@pytest.mark.parametrize("count", COUNTS)
def test_devices_have_about_equal_work(count):
    backends = [Counting() for _ in range(count)]
    t = Pairs.near(2000, 3, 2, "float64", ShardedBackend(backends), MOST)
    t.backend.self_sums(t.X, t.F, t.a)
    pairs = np.array([backend.pairs for backend in backends])
    assert pairs.sum() == pytest.approx(2000**2 / 2)
    assert pairs.max() < 1.2 * pairs.mean()


class Fails(CpuBackend):
    """Stands for a device that is out of order, and says so after the others have begun."""

    def __init__(self, others):
        self.broken, self.others = True, others

    def sums(self, *arguments):
        if self.broken:
            assert all(other.begun.wait(60) for other in self.others)
            raise MemoryError("no memory left on device 1")
        return super().sums(*arguments)


class Slow(CpuBackend):
    """Works on until after the failure."""

    def __init__(self):
        self.begun, self.done = threading.Event(), threading.Event()

    def sums(self, *arguments):
        self.begun.set()
        time.sleep(0.2)
        answer = super().sums(*arguments)
        self.done.set()
        return answer


@pytest.mark.parametrize("late", range(3))
def test_bits_do_not_depend_on_which_device_is_late(late):
    t, backends = some(3, 1601, 1499, "float32"), [CpuBackend() for _ in range(3)]
    backends[late] = Slow()
    same = Pairs.near(1601, 1499, 2, "float32", ShardedBackend(backends), MOST)
    for one, other in zip(sums(t), sums(same), strict=True):
        np.testing.assert_array_equal(one, other)


def test_failure_of_a_device_reaches_the_caller_and_the_next_call_works():
    slow = [Slow(), Slow()]
    fails = Fails(slow)
    t = Pairs.near(150, 530, 2, "float64", ShardedBackend([slow[0], fails, slow[1]]), MOST)
    threads = set(threading.enumerate())
    with pytest.raises(MemoryError, match="on device 1"):
        sums(t)
    assert all(backend.done.is_set() for backend in slow)  # nobody is left at work
    assert {thread for thread in threading.enumerate() if "ThreadPool" in thread.name} <= threads
    fails.broken = False
    rows, columns = sums(t)
    t.compare(rows, t.p @ t.b)
    t.compare(columns, t.a @ t.p)


class Interrupts(Slow):
    """Ctrl-C comes in the middle of a pass."""

    def sums(self, *arguments):
        if not self.begun.is_set():
            os.kill(os.getpid(), signal.SIGINT)
        return super().sums(*arguments)


@pytest.mark.skipif(os.name == "nt", reason="os.kill ends the process there")
def test_interruption_leaves_nobody_at_work_and_the_next_call_works():
    backends = [Slow(), Interrupts()]
    t = Pairs.near(150, 530, 2, "float64", ShardedBackend(backends), MOST)
    with pytest.raises(KeyboardInterrupt):
        sums(t)
    assert all(backend.done.is_set() for backend in backends)
    t.compare(sums(t)[0], t.p @ t.b)


class Context:
    """Lets things be touched by threads inside alone, as the memory of a GPU is."""

    def __init__(self):
        self._here = threading.local()

    def __enter__(self):
        self._here.inside = True

    def __exit__(self, *_):
        self._here.inside = False

    def check(self):
        assert getattr(self._here, "inside", False)


class ContextualCloud(CpuCloud):
    def __init__(self, context, *arguments):
        context.check()
        self.context = context
        super().__init__(*arguments)

    def side(self, *arguments):
        self.context.check()
        return super().side(*arguments)


class ContextualSums(HostClusterSums):
    def __init__(self, context, sums):
        self.context, self.array, self.dtype = context, sums, sums.dtype

    @property
    def _sums(self):
        self.context.check()
        return self.array


class Contextual(CpuBackend):
    def __init__(self):
        self.context = Context()

    def on_device(self):
        return self.context

    def load(self, *arguments):
        return ContextualCloud(self.context, *arguments)

    def cluster_sums(self, *arguments):
        rows, sums = super().cluster_sums(*arguments)
        return rows, ContextualSums(self.context, np.asarray(sums))


@pytest.mark.parametrize("check", CHECKS)
def test_devices_work_in_contexts_and_on_clouds_of_their_own(check):
    check(
        Pairs.near(150, 530, 2, "float64", ShardedBackend([Contextual() for _ in range(3)]), MOST)
    )


# By the loop, small as the problems are
ON_ONE_DEVICE = snb.Sinkhorn(tol=1e-10, init="coarse")


@pytest.fixture(params=COUNTS)
def on_several_devices(request, monkeypatch):
    """A solver on several CPU backends in place of GPUs."""
    backend = sharded(request.param)
    backend.points_a_tile = MOST
    monkeypatch.setattr(choice, "no_gpu", lambda: None)
    monkeypatch.setattr(choice, "_cuda_backend", lambda: backend)
    monkeypatch.setattr(CpuBackend, "require_room", lambda self, work: None, raising=False)
    return replace(ON_ONE_DEVICE, backend="cuda")


def test_divergence_and_gradient_are_those_of_one_device(on_several_devices):
    arguments = example(300, 230, 2)
    on_one, on_many = (
        snb.sinkhorn_divergence(*arguments, blur=0.5, solver=solver)
        for solver in (ON_ONE_DEVICE, on_several_devices)
    )
    assert on_many.converged
    assert on_many.value == pytest.approx(on_one.value, rel=1e-9)
    for got, expected in zip(on_many.gradient(), on_one.gradient(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)


def test_solution_answers_as_on_one_device(on_several_devices):
    x, y, a, b = example(300, 230, 2)
    on_one, on_many = (
        snb.entropic_ot(x, y, a, b, blur=0.5, solver=solver)
        for solver in (ON_ONE_DEVICE, on_several_devices)
    )
    asked = [
        lambda s: s.f,
        lambda s: s.plan @ y,
        lambda s: s.map(x[:7] + 5),
        lambda s: s.gap,
        lambda s: s.pullback(f=np.cos(np.arange(300))).x,
        lambda s: s.pullback(g=np.cos(np.arange(230))).b,
    ]
    for question in asked:
        np.testing.assert_allclose(question(on_many), question(on_one), rtol=1e-7, atol=1e-9)


def test_one_device_alone_is_the_backend_itself():
    for got, expected in zip(
        sums(some(1)), sums(Pairs.near(150, 530, 2, "float64", CPU, MOST)), strict=True
    ):
        np.testing.assert_array_equal(got, expected)
