"""Costs other than |x - y|^2 / 2 on a GPU, or in numba's simulator, against dense arrays.

See test_cuda_simulator.py.
"""

import numba
import numpy as np
import pytest
from gpus import SIMULATED
from numba.core.errors import TypingError
from problems import cloud, weights
from scipy.special import logsumexp

import sinkhorn_nb as snb
from sinkhorn_nb.backends import self_check
from sinkhorn_nb.backends.cost_functions import Function
from sinkhorn_nb.backends.cuda import backend as cuda
from sinkhorn_nb.backends.pointwise import Arc, CityBlock, Distance, Power
from sinkhorn_nb.terms import terms_of

N, M = (5, 7) if SIMULATED else (900, 1100)
EPS = 0.3
TOL = {"float32": 2e-5, "float64": 1e-12}


@numba.njit
def bounded(x, y):
    square = 0.0
    for k in range(len(x)):
        square += (x[k] - y[k]) ** 2
    return square / (1 + square)


@numba.njit
def not_at_one(x, y):
    return np.nan if x[0] == 1.0 else (x[0] - y[0]) ** 2


def given(cost):
    """The terms of a cost, or of a power of the distance."""
    return terms_of(eps=EPS, **({"p": cost} if isinstance(cost, float) else {"cost": cost}))


class Case:
    """The kernel of a cost on the GPU, and its pairs as an array."""

    def __init__(self, cost, dtype="float64", d=2, x=None):
        terms = given(cost)
        source = snb.Measure.of(cloud(N, d) if x is None else x, weights(N))
        target = snb.Measure.of(cloud(M, d, shift=0.4), weights(M))
        problem = snb.Problem(source, target, *terms)
        self.kernel, self.own = (
            each.kernel(dtype, "cuda") for each in (problem, problem.on_source())
        )
        self.x, self.y = source.partition, target.partition
        self.a, self.b = self.x.probabilities, self.y.probabilities
        rng = np.random.default_rng(0)
        self.f, self.g = EPS * rng.normal(size=N), EPS * rng.normal(size=M)
        if cost is not_at_one:
            return
        self.costs = terms.cost.block(self.x.points, self.y.points)
        self.own_costs = terms.cost.block(self.x.points, self.x.points)
        self.p = np.exp((self.f[:, None] + self.g - self.costs) / EPS)


KINDS = [
    ("cityblock", "float32", 2),
    ("cityblock", "float64", 8),
    ("haversine", "float32", 2),
    (bounded, "float64", 2),
    (1.0, "float32", 8),
    (1.5, "float64", 2),
]


@pytest.mark.parametrize(("cost", "dtype", "d"), KINDS)
def test_sums_and_costs_are_those_of_dense_arrays(cost, dtype, d):
    case = Case(cost, dtype, d)
    f, g, b, tol = case.f, case.g, case.b, TOL[dtype]
    rows, columns = case.kernel.log_sums(f, g)
    np.testing.assert_allclose(np.exp(rows), case.p @ b, rtol=tol)
    np.testing.assert_allclose(np.exp(columns), case.a @ case.p, rtol=tol)
    own, _ = case.own.log_sums(f, f)
    dense = np.exp((f[:, None] + f - case.own_costs) / EPS)
    np.testing.assert_allclose(np.exp(own), dense @ case.a, rtol=tol)
    softmin = -EPS * logsumexp((g - case.costs) / EPS, axis=1, b=b)
    np.testing.assert_allclose(case.kernel.softmin(g), softmin, rtol=tol, atol=tol)
    np.testing.assert_allclose(case.kernel.costs(f, g), (case.p * case.costs) @ b, rtol=tol)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_the_city_block_distance_are_means_of_signs(dtype):
    case = Case("cityblock", dtype)
    signs = np.sign(case.x.points[:, None] - case.y.points)
    expected = np.einsum("ij,ijk->ik", case.p * case.b, signs)
    got = case.kernel.gradient_sums(case.f, case.g)
    np.testing.assert_allclose(got, expected, rtol=TOL[dtype], atol=TOL[dtype])


@pytest.mark.parametrize(
    ("cost", "dtype", "d"),
    [("haversine", "float64", 2), (1.0, "float32", 2), (1.0, "float64", 8), (1.5, "float64", 2)],
)
def test_gradients_are_differences_of_the_dense_costs(cost, dtype, d):
    case = Case(cost, dtype, d)
    block = given(cost).cost.block
    got = case.kernel.gradient_sums(case.f, case.g)
    step = 1e-6
    tol = max(TOL[dtype], 1e-6)
    for k in range(d):
        move = step * np.eye(d)[k]
        ahead, behind = (block(case.x.points + s * move, case.y.points) for s in (1, -1))
        expected = (case.p * (ahead - behind) / (2 * step)) @ case.b
        np.testing.assert_allclose(got[:, k], expected, rtol=tol, atol=tol)


def test_a_function_that_is_not_finite_is_told_with_its_points():
    x = cloud(N, 2)
    x[2] = 1.0
    case = Case(not_at_one, x=x)
    for question in (case.kernel.log_sums, lambda f, g: case.kernel.softmin(g)):
        with pytest.raises(ValueError, match=r"cost: expected finite numbers, got nan for the po"):
            question(case.f, case.g)


class Asked:
    """A backend that notes the products that it is asked for."""

    def __init__(self):
        self.questions = []

    def transport(self, x, F, y, G, V, factors, derivative=None):
        self.questions.append((None if factors is None else factors[0].ndim, derivative))
        return 0.0


@pytest.mark.parametrize(
    ("kind", "questions"),
    [
        (Distance(), [(None, 0), (None, 1)]),
        (CityBlock(), [(None, 0), (None, None), (1, None)]),
        (Function(bounded, 1.0), [(None, 0)]),
    ],
)
def test_a_trial_asks_for_what_gradients_need(kind, questions):
    backend = Asked()
    vector = np.zeros(3)
    list(self_check._weighed(backend, None, vector, None, vector, vector, kind))
    assert backend.questions == questions


def test_one_trial_serves_all_temperatures(monkeypatch):
    tried = []
    monkeypatch.setattr(self_check, "_passes", lambda make, d, dtype, cost: tried.append((d, cost)))
    for number in (2.0, 3.0):
        for cost in (Arc(number), Function(bounded, number), Power(number)):
            work = self_check.Work(5, 5, 12, "float64", cost=cost)
            self_check.is_trusted(None, work)
    assert len(set(tried)) == 4
    assert {d for d, cost in tried if isinstance(cost, Function)} == {12}


class Refusing:
    """A kernel that numba cannot compile."""

    def __getitem__(self, grid):
        raise TypingError("no arrays are made here")


def test_a_function_that_a_gpu_cannot_compile_is_told_with_the_cure(monkeypatch):
    case = Case(bounded)
    monkeypatch.setattr(cuda, "sums_kernel", lambda *arguments: Refusing())
    with pytest.raises(TypeError, match=r'cost: .* no arrays are made here; take backend="cpu"'):
        case.kernel.log_sums(case.f, case.g)
