"""The CUDA backend agrees with the CPU, on the GPU or, at smaller sizes, in numba's simulator.

python -m pytest tests/test_backends_agree.py     (with NUMBA_ENABLE_CUDASIM=1: see
test_cuda_simulator.py)
"""

from types import SimpleNamespace

import numpy as np
import pytest
from gpus import BACKEND, MOST, SIMULATED, SIZE, Gpu, arrays, some
from pairs import (
    CHECKS,
    RTOL,
    Pairs,
    check_log_sum_exp,
    check_self_sums,
    check_sums,
    check_transport,
    far,
)
from problems import example

import sinkhorn_nb as snb
from sinkhorn_nb.backends import choice, self_check
from sinkhorn_nb.backends.cuda import device as cuda_device
from sinkhorn_nb.backends.pointwise import Distance
from sinkhorn_nb.backends.sharded import ShardedBackend

# Dimensions up to 6 have kernels of their own, all others share one.
DIMENSIONS = (1, 2, 5) if SIMULATED else (1, 2, 3, 4, 5, 6, 7, 64, 784)
FEW = (9, 11) if SIMULATED else SIZE
EDGES = (
    [(1, 1), (1, 9), (9, 1), (8, 16)]
    if SIMULATED
    else [(1, 1), (1, 513), (513, 1), (512, 256), (64, 5000)]
)


def of_type(dtype):
    x, y, a, b = arrays()
    return x.astype(dtype), y.astype(dtype), a, b


def on_both(function, measures, p=2, **options):
    """What comes from the CPU and from the GPU, by the same solver."""
    solvers = [snb.Sinkhorn(**options, backend=name) for name in ("cpu", "cuda")]
    return [function(*measures, p=p, blur=0.5, solver=solver) for solver in solvers]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("d", [3, 9])
@pytest.mark.parametrize("dtype", RTOL)
def test_every_question(check, d, dtype):
    check(some(*SIZE, d, dtype))


@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("dtype", RTOL)
def test_dimensions(d, dtype):
    check_sums(some(*SIZE, d, dtype))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("n", "m"), EDGES)
def test_sizes_around_the_edges_of_tiles(check, n, m):
    check(some(n, m, 2, "float64"))


@pytest.mark.parametrize("check", CHECKS)
def test_tiles_larger_than_the_shared_memory(check):
    """They are taken in pieces, as all are in float64."""
    check(Pairs.near(*SIZE, 2, "float64", BACKEND, 4 * MOST))


@pytest.mark.parametrize("check", [check_sums, check_log_sum_exp, check_transport])
@pytest.mark.parametrize(("dtype", "d"), [("float64", 2), ("float32", 2), ("float32", 30)])
def test_tiles_far_apart(check, dtype, d):
    """Exponents of size one are differences of thousands: the tiles' centers take care of them."""
    k = MOST // 8
    x, y = (
        far([0, 7 * k, 8 * k, 9 * k + 1], d, dtype, 0, axis=0),
        far([0, 1, 5 * k, 6 * k + 1], d, dtype, 1, axis=1),
    )
    check(Pairs(x, y, 2 * RTOL[dtype], BACKEND))


@pytest.mark.parametrize("k", [1, 3, 4, 9])
def test_transport_of_several_vectors(k):
    t = some(9, 11, 2, "float32")
    V = np.random.default_rng(0).uniform(0.5, 1.5, size=(11, k))
    t.compare(BACKEND.transport(t.X, t.F, t.Y, t.G, V, None), t.p @ V)


@pytest.mark.parametrize("check", [check_sums, check_self_sums])
def test_weights_of_zero_are_inert(check):
    t = some(*SIZE, 2, "float32")
    t.x.weights[:] = t.a[:] = np.where(np.arange(t.x.n) % 3 == 0, t.a, 0)
    check(t)


def test_distances():
    """All questions, with the costs and their slopes as factors of the pairs; see test_cuda_costs
    for other kinds.
    """
    assert self_check.agrees(BACKEND, 2, "float32", FEW, Distance())


@pytest.mark.parametrize("dtype", RTOL)
def test_a_divergence_of_distances_is_that_of_the_cpu(dtype):
    tol = 1e-7 if dtype == "float64" else 1e-5
    on_cpu, on_gpu = on_both(snb.sinkhorn_divergence, of_type(dtype), p=1, tol=tol, dtype=dtype)
    assert on_gpu.value == pytest.approx(on_cpu.value, rel=1e-5)
    for expected, got in zip(on_cpu.gradient(), on_gpu.gradient(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)
    assert on_gpu.xy.transport_cost == pytest.approx(on_cpu.xy.transport_cost, rel=1e-5)


def test_exponents_beyond_the_range_are_told():
    """The sums overflow or vanish: the Gibbs kernel sees that, and asks for the log-sum-exp."""
    t = some(9, 11, 2, "float32")
    for shift, expected in ((1e4, np.inf), (-1e4, 0.0)):
        for sums in BACKEND.sums(t.X, t.F + shift, np.ones(9), t.Y, t.G, np.ones(11)):
            np.testing.assert_array_equal(sums, expected)
        log_sums = BACKEND.log_sum_exp(t.X, t.F + shift, t.Y, t.G)
        np.testing.assert_allclose(log_sums - shift, np.log2(t.p.sum(axis=1)), atol=1e-4)


def test_same_bits_each_time():
    t = some(*SIZE, 3, "float32")
    first, second = (BACKEND.sums(t.X, t.F, t.a, t.Y, t.G, t.b) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", RTOL)
def test_divergence_and_gradient_are_those_of_the_cpu(dtype):
    on_cpu, on_gpu = on_both(snb.sinkhorn_divergence, of_type(dtype), tol=1e-6, dtype=dtype)
    atol = {"float32": 3e-6, "float64": 1e-6}[dtype]
    assert on_gpu.converged and on_gpu.xy.backend == "cuda"
    assert on_gpu.value == pytest.approx(on_cpu.value, rel=1e-6)
    for expected, got in zip(on_cpu.gradient(), on_gpu.gradient(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=atol)


def test_solution_answers_on_the_gpu():
    x, y, a, b = arrays()
    on_cpu, on_gpu = on_both(snb.entropic_ot, (x, y, a, b), tol=1e-8)
    asked = [
        lambda s: s.plan @ y,
        lambda s: s.plan.T.sum(axis=1),
        lambda s: s.map(x[:3] + 5),
        lambda s: s.potential(x[:3] + 5),
        lambda s: s.gap,
    ]
    for question in asked:
        np.testing.assert_allclose(question(on_gpu), question(on_cpu), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", RTOL)
def test_it_can_be_trusted(dtype, monkeypatch):
    if SIMULATED:
        monkeypatch.setattr(self_check, "TILE", 8)
    assert self_check.agrees(BACKEND, 2, dtype, SIZE if SIMULATED else self_check.SIZES)


def test_many_divergences_are_those_of_the_cpu():
    sizes = [(9, 11), (1, 5), (4, 12)] if SIMULATED else [(900, 1000), (1, 500), (40, 30)]
    many = map(list, zip(*(example(n, m, 2) for n, m in sizes), strict=True))
    on_cpu, on_gpu = on_both(snb.sinkhorn_divergences, tuple(many), tol=1e-6)
    assert on_gpu.converged.all() and on_gpu[0].xy.backend == "cuda"
    np.testing.assert_allclose(on_gpu.value, on_cpu.value, rtol=1e-6)


@pytest.fixture
def two_devices(monkeypatch):
    """They have clouds of their own."""
    monkeypatch.setattr(cuda_device.cuda, "gpus", [Gpu(0), Gpu(1)])


@pytest.mark.parametrize("check", CHECKS)
def test_every_question_to_two_devices(check, two_devices):
    backend = choice.choose("cuda")
    assert isinstance(backend, ShardedBackend)
    check(Pairs.near(*SIZE, 3, "float32", backend, MOST))


def test_divergence_of_two_devices_is_that_of_the_cpu(two_devices):
    """The main loop solves this, because the solver of small problems makes no plain iterations."""
    on_cpu, on_gpus = on_both(snb.sinkhorn_divergence, arrays(), tol=1e-4, acceleration="none")
    assert on_gpus.converged
    assert on_gpus.value == pytest.approx(on_cpu.value, rel=1e-6)
    for expected, got in zip(on_cpu.gradient(), on_gpus.gradient(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


def test_all_devices_are_named(two_devices):
    assert choice.describe_gpu() == "; ".join(2 * [cuda_device.name(0)])


def test_devices_too_old_are_left_out(monkeypatch):
    monkeypatch.setattr(cuda_device, "SIMULATOR", False)
    found = [
        SimpleNamespace(compute_capability=capability) for capability in ((9, 0), (6, 1), (7, 0))
    ]
    monkeypatch.setattr(cuda_device.cuda, "gpus", found)
    assert cuda_device.devices() == [0, 2]
