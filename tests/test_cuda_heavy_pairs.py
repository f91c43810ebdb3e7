"""The heavy pairs of a plan, listed by a GPU or in numba's simulator, against those of the CPU.

See test_cuda_simulator.py.
"""

import numpy as np
import pytest
from gpus import BACKEND, MOST, SIMULATED, Gpu
from pairs import Pairs
from problems import cloud

import sinkhorn_nb as snb
from sinkhorn_nb.backends import choice
from sinkhorn_nb.backends.cuda import backend as cuda
from sinkhorn_nb.backends.cuda import device as cuda_device
from sinkhorn_nb.backends.cuda import passes
from sinkhorn_nb.terms import terms_of

SIZE = (13, 19) if SIMULATED else (1501, 1103)


def case(d, dtype):
    return Pairs.near(*SIZE, d, dtype, BACKEND, MOST)


def listed(t, theta, most=10**6):
    return t.backend.heavy_pairs(t.X, t.F, t.a, t.Y, t.G, t.b, theta, most)


def dense(t, theta):
    """Which pairs are heavy, and the sums over the others."""
    is_heavy = t.p * np.maximum(t.a[:, None], t.b) > theta
    light = np.where(is_heavy, 0, t.p)
    return is_heavy, light @ t.b, t.a @ light


@pytest.mark.parametrize(("d", "dtype"), [(2, "float32"), (2, "float64"), (9, "float32")])
@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_lists_and_sums_are_those_of_the_dense_plan(d, dtype, share):
    t = case(d, dtype)
    weights = np.sort((t.p * np.maximum(t.a[:, None], t.b)).ravel())
    theta = np.append(weights, 2 * weights[-1])[-1 - int(share * weights.size)] * (1 - 1e-3)
    is_heavy, rows, columns = dense(t, theta)
    found = listed(t, theta)
    np.testing.assert_array_equal(np.diff(found.starts), is_heavy.sum(axis=1))
    np.testing.assert_array_equal(found.columns, np.nonzero(is_heavy)[1])
    np.testing.assert_allclose(found.light_rows, rows, rtol=t.rtol, atol=1e-12)
    np.testing.assert_allclose(found.light_columns, columns, rtol=t.rtol, atol=1e-12)


def test_more_pairs_than_the_memory_takes_are_not_listed():
    t = case(2, "float32")
    n = len(listed(t, 1e-3).columns)
    assert listed(t, 1e-3, n - 1) is None
    assert len(listed(t, 1e-3, n).columns) == n


def test_no_list_is_given_if_the_second_pass_finds_other_pairs(monkeypatch):
    t = case(2, "float32")
    places_of = cuda.places_of
    monkeypatch.setattr(cuda, "places_of", lambda counts: places_of(counts + (counts > 0)))
    assert listed(t, 1e-3) is None
    monkeypatch.setattr(cuda, "places_of", lambda counts: places_of(np.maximum(counts - 1, 0)))
    assert listed(t, 1e-3) is None


def test_several_launches_list_the_same(monkeypatch):
    monkeypatch.setattr(cuda, "CHUNKS", 1)
    t = case(2, "float32")
    one = listed(t, 1e-2)
    launches = []
    synchronize = cuda.cuda.synchronize
    monkeypatch.setattr(passes.cuda, "synchronize", lambda: launches.append(1) or synchronize())
    monkeypatch.setattr(passes, "MOST_A_LAUNCH", 0)
    for first, second in zip(one, listed(t, 1e-2), strict=True):
        np.testing.assert_array_equal(first, second)
    assert launches


def test_two_devices_list_the_same(monkeypatch):
    monkeypatch.setattr(cuda_device.cuda, "gpus", [Gpu(0), Gpu(1)])
    t = Pairs.near(*SIZE, 2, "float32", choice.choose("cuda"), MOST)
    one = listed(case(2, "float32"), 1e-2)
    two = listed(t, 1e-2)
    np.testing.assert_array_equal(two.starts, one.starts)
    np.testing.assert_array_equal(two.columns, one.columns)
    np.testing.assert_allclose(two.light_columns, one.light_columns, rtol=1e-6)
    assert listed(t, 1e-2, len(one.columns) - 1) is None


def test_sparse_steps_get_the_plan_from_the_gpu():
    x, y = (cloud(n, 2) for n in SIZE)
    problem = snb.Problem(snb.Measure.of(x), snb.Measure.of(y), *terms_of(blur=0.3))
    kernel = problem.kernel("float32", "cuda")
    assert kernel.lists_heavy_pairs
    plan = kernel.heavy_plan(np.zeros(SIZE[0]), np.zeros(SIZE[1]), 1e-3, 10**6)
    x, y = problem.source.partition, problem.target.partition
    squares = ((x.points[:, None] - y.points) ** 2).sum(axis=2)
    P = np.exp(-squares / (2 * 0.3**2)) / (SIZE[0] * SIZE[1])
    assert 0 < len(plan.pairs.columns) < P.size
    rows, columns = plan.sums()
    np.testing.assert_allclose(rows, P.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(columns, P.sum(axis=0), rtol=1e-6)
