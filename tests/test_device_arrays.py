"""Arrays on a GPU come out where arrays on a GPU went in.

With numba's arrays, those of its simulator or real ones: see test_cuda_arrays.py.
"""

import pickle
import re
import sys

import numpy as np
import pytest
from device_arrays import BLUR, KINDS, RESULTS, A, B, Device, JaxArray, Tensor, X, Y, same, solve
from problems import PRECISE

import sinkhorn_nb as snb
from sinkhorn_nb import plotting
from sinkhorn_nb.interop.arrays import HOST, Home

pytestmark = pytest.mark.usefixtures("libraries")


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_divergence_and_gradient_are_those_of_host_arrays(kind, device):
    got, expected = solve(lambda v: KINDS[kind](v, device), X, Y, A, B), solve(np.array, X, Y, A, B)
    assert got.value == expected.value
    for part, known in zip(got.gradient(), expected.gradient(), strict=True):
        same(part, known, RESULTS[kind], device)
    assert isinstance(got.gradient(), snb.Gradient)


def test_tables_are_on_the_host():
    expected = snb.pairwise_sinkhorn_divergence([X, Y], weights=[A, B], blur=BLUR)
    got = snb.pairwise_sinkhorn_divergence(
        [Tensor(X), Tensor(Y)], weights=[Tensor(A), Tensor(B)], blur=BLUR
    )
    assert type(got) is np.ndarray and got.tolist() == expected.tolist()
    with pytest.raises(
        TypeError, match=re.escape("clouds[1]: expected an array of torch on CUDA device 0")
    ):
        snb.pairwise_sinkhorn_divergence([Tensor(X), Y], blur=BLUR)


SOLUTION = {
    "f": lambda s, put: s.f,
    "g of the transposed": lambda s, put: s.T.g,
    "potential": lambda s, put: s.potential(put(X + 1)),
    "potential_back": lambda s, put: s.potential_back(put(X + 1)),
    "map": lambda s, put: s.map(),
    "map of new points": lambda s, put: s.map(put(X[::-1])),
    "map_back": lambda s, put: s.map_back(put(X)),
    "gradient": lambda s, put: s.gradient().y,
    "pullback": lambda s, put: s.pullback(f=put(A), map=put(X)).x,
    "pullback of a plan": lambda s, put: s.pullback(plan=(put(X), put(Y))).b,
    "pushforward": lambda s, put: s.pushforward(x=put(X), y=put(Y)).f,
    "hessian": lambda s, put: s.hessian_vector_product(dx=put(X)).y,
    "plan @ v": lambda s, put: s.plan @ put(Y),
    "plan.T @ u": lambda s, put: s.plan.T @ put(A),
    "u @ plan": lambda s, put: put(X.T) @ s.plan,
    "row sums": lambda s, put: s.plan.sum(axis=1),
    "column sums": lambda s, put: s.plan.sum(axis=0),
    "row": lambda s, put: s.plan.row(3),
    "block": lambda s, put: s.plan.block([2, 0], slice(3)),
    "toarray": lambda s, put: s.plan.toarray(),
    "topk": lambda s, put: s.plan.topk(2).values,
    "indices of topk": lambda s, put: s.plan.topk(2).indices,
    "block of indices of topk": lambda s, put: s.plan.block(
        put(s.on_host.plan.topk(2).indices[0]), slice(3)
    ),
    "rows of draws": lambda s, put: s.sample(20, 0).rows,
    "columns of draws": lambda s, put: s.sample(20, 0).columns,
    "potential of the plan": lambda s, put: s.plan.dot(put(s.on_host.g)),
}


@pytest.mark.parametrize("question", SOLUTION)
def test_every_array_of_a_solution_is_on_the_device(question):
    on_device = snb.entropic_ot(*map(Tensor, (X, Y, A, B)), blur=BLUR, solver=PRECISE)
    on_host = snb.entropic_ot(X, Y, A, B, blur=BLUR, solver=PRECISE)
    ask = SOLUTION[question]
    same(ask(on_device, Tensor), ask(on_host, np.array))
    same(ask(on_device, np.array), ask(on_host, np.array))  # the points say where results go
    np.testing.assert_array_equal(ask(on_host, Tensor), ask(on_host, np.array))


def test_numbers_are_numbers():
    got = snb.entropic_ot(Tensor(X), Tensor(Y), blur=BLUR)
    for value in (
        got.value,
        got.transport_cost,
        got.gap,
        got.plan.sum(),
        got.pushforward(x=Tensor(X)).value,
    ):
        assert isinstance(value, float)


def test_reports_of_linear_systems_come_along():
    got, expected = solve(Tensor, X, Y), solve(np.array, X, Y)
    assert (
        got.hessian_vector_product(dx=X).linear_solve
        == expected.hessian_vector_product(dx=X).linear_solve
    )
    assert got.n_passes == expected.n_passes


def test_arrays_of_a_divergence_are_on_the_device():
    got, expected = solve(Tensor, X, Y, A, B), solve(np.array, X, Y, A, B)
    for part, known in zip(got.potentials, expected.potentials, strict=True):
        same(part, known)
    products = (
        d.hessian_vector_product(dy=put(Y)) for d, put in ((got, Tensor), (expected, np.array))
    )
    for part, known in zip(*products, strict=True):
        same(part, known)


def test_divergence_of_a_cloud_with_itself():
    gradient = solve(Tensor, X, X).gradient()
    same(gradient.x, np.zeros_like(X))


@pytest.mark.parametrize(
    "soft",
    [
        lambda x, a: snb.soft_sort(x, a, blur=0.3),
        lambda x, a: snb.soft_rank(x, a, blur=0.3),
        lambda x, a: snb.soft_quantile(x, np.linspace(0, 1, 9), a, blur=0.3),
    ],
)
def test_soft_values(soft):
    x = X[:, 0]
    got, expected = soft(Tensor(x), Tensor(A)), soft(x, A)
    same(got.values, expected.values)
    same(got.pullback(Tensor(x)), expected.pullback(x))
    np.testing.assert_array_equal(np.asarray(got), expected.values)
    with pytest.raises(
        TypeError, match="weights: expected an array of torch on CUDA device 0, like x"
    ):
        soft(Tensor(x), A)


def test_soft_quantile_of_one_level():
    got, expected = (snb.soft_quantile(x, 0.5, blur=0.3).values for x in (Tensor(X[:, 0]), X[:, 0]))
    assert isinstance(got, float) and got == expected


def test_start_from_potentials_and_solutions_on_the_device():
    known = snb.entropic_ot(Tensor(X), Tensor(Y), blur=BLUR, solver=PRECISE)
    for init in (known, (known.f, known.g)):
        again = snb.entropic_ot(Tensor(X), Tensor(Y), blur=BLUR, solver=snb.Sinkhorn(init=init))
        assert again.history[0] <= 1e-6


def test_self_solutions_of_host_arrays_serve_on_the_device():
    known = solve(np.array, X, Y)
    got = snb.sinkhorn_divergence(
        Tensor(X), Tensor(Y), blur=BLUR, solver=PRECISE, self_x=known.xx, self_y=known.yy
    )
    assert got.value == known.value
    same(got.xx.f, known.xx.f)
    same(got.yy.g, known.yy.g)
    same(got.gradient().x, known.gradient().x)


def test_on_host():
    got, expected = solve(Tensor, X, X).on_host, solve(np.array, X, X)
    assert got.xx is got.xy and got.xy.home == HOST
    np.testing.assert_array_equal(got.xy.f, expected.xy.f)
    assert got.n_passes == expected.n_passes


def test_pictures():
    on_device, on_host = (plotting.descent(solve(place, X, Y)) for place in (Tensor, np.array))
    np.testing.assert_array_equal(on_device, on_host)


def test_results_are_pickled_without_the_library(monkeypatch):
    divergence = solve(Tensor, X, Y)
    f, gradient = divergence.xy.f, divergence.gradient()
    monkeypatch.setattr(
        Device, "__reduce__", lambda self: pytest.fail("a device array was pickled"), raising=False
    )
    again = pickle.loads(pickle.dumps(divergence))
    same(again.xy.f, f.numbers)
    # A copy computes its gradient from its three solutions, not together with other pairs
    np.testing.assert_allclose(again.gradient().x.numbers, gradient.x.numbers, atol=1e-15)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        RuntimeError, match=r"^results: expected .* torch on CUDA device 0.*; take .*\.on_host"
    ):
        _ = again.xy.f
    np.testing.assert_array_equal(again.on_host.xy.f, f.numbers)


def test_a_device_that_is_gone_is_a_clear_error():
    solution = snb.entropic_ot(JaxArray(X, 7), JaxArray(Y, 7), blur=BLUR)
    with pytest.raises(
        RuntimeError, match=r"^results: expected .* of jax on CUDA device 7, .* got KeyError"
    ):
        solution.map()
    assert Home("jax", 1).send(X).device == 1
