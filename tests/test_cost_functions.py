"""Costs that users give as compiled functions of two points."""

import numba
import numpy as np
import pytest
from problems import cube_clouds

import sinkhorn_nb as snb
from sinkhorn_nb.kernels import given_slopes

pytestmark = pytest.mark.usefixtures("by_the_loop")

FINE = snb.Sinkhorn(tol=1e-9)


@numba.njit
def fourth_root(x, y):
    """|x - y|^(1/4), a metric."""
    return np.sqrt(np.sqrt(np.sqrt(((x - y) ** 2).sum())))


@numba.njit
def cosine_distance(x, y):
    return 1 - (x @ y) / np.sqrt((x @ x) * (y @ y))


@numba.njit
def cosine_derivative(x, y):
    norm = np.sqrt(x @ x)
    return ((x @ y) / norm**2 * x - y) / (norm * np.sqrt(y @ y))


@numba.njit
def fails(x, y):
    return x.unknown


def test_a_function_gives_what_the_same_named_cost_gives(monkeypatch):
    x, y, a, b = cube_clouds(4)
    monkeypatch.setattr(given_slopes, "NUMBERS_A_BLOCK", 58 * 45 * 4)  # 59 points: one is left
    given, eps = (cosine_distance, cosine_derivative), 0.02
    ours = snb.entropic_ot(x, y, a, b, cost=given, eps=eps, solver=FINE)
    named = snb.entropic_ot(x, y, a, b, cost="cosine", eps=eps, solver=FINE)

    assert ours.value == pytest.approx(named.value, rel=1e-10)
    assert ours.transport_cost == pytest.approx(named.transport_cost, rel=1e-7)
    np.testing.assert_allclose(ours.f, named.f, atol=1e-9)
    np.testing.assert_allclose(np.asarray(ours.plan), np.asarray(named.plan), rtol=1e-6, atol=1e-13)
    np.testing.assert_allclose(ours.plan @ y, named.plan @ y, rtol=1e-7)
    np.testing.assert_array_equal(ours.plan.topk(2).indices, named.plan.topk(2).indices)
    np.testing.assert_allclose(ours.map(), named.map(), rtol=1e-6)
    np.testing.assert_allclose(ours.potential(y), named.potential(y), atol=1e-9)
    for mine, theirs in zip(ours.gradient(), named.gradient(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-8)
    assert ours.gap == pytest.approx(named.gap, abs=1e-8)
    assert "eps=0.02" in repr(ours) and "blur" not in repr(ours)


def test_a_function_serves_divergences_of_any_size_and_precision():
    x, y, a, b = cube_clouds(2, 700, 600)
    how = {"cost": fourth_root, "eps": 0.1}
    divergence = snb.sinkhorn_divergence(x.astype(np.float32), y.astype(np.float32), a, b, **how)
    exact = snb.sinkhorn_divergence(x, y, a, b, **how, solver=snb.Sinkhorn(tol=1e-6))
    assert divergence.converged
    assert float(divergence) == pytest.approx(float(exact), rel=1e-2)
    assert float(snb.sinkhorn_divergence(x, x[::-1], a, a[::-1], **how)) == 0.0
    gradient = divergence.gradient()
    assert np.isnan(gradient.x).all() and np.isfinite(gradient.a).all()


def test_bad_functions_are_errors_with_a_cure():
    x, y, _, _ = cube_clouds(2)

    @numba.njit
    def is_nan(x, y):
        return np.log(x[0] - 10)

    @numba.njit
    def one_way(x, y):
        return x[0] - 2 * y[0]

    def call(cost):
        return snb.entropic_ot(x, y, cost=cost, eps=0.1)

    text = r"^cost: .* numba cannot compile for them: Unknown attribute 'unknown'.* correct the f"
    with pytest.raises(TypeError, match=text):
        call(fails)
    with pytest.raises(
        ValueError, match=r"^cost: expected finite numbers, got nan for the points \["
    ):
        call(is_nan)
    with pytest.raises(
        ValueError, match=r"^cost: expected a symmetric function, got .* for the same"
    ):
        call(one_way)
    with pytest.raises(TypeError, match=r"^cost: expected one of 'cosine'.* @numba.njit$"):
        call(lambda x, y: 0.0)


def test_bad_derivatives_of_functions_are_errors_with_a_cure():
    x, y, _, _ = cube_clouds(2)

    @numba.njit
    def too_short(x, y):
        return x[:1] - y[:1]

    @numba.njit
    def infinite(x, y):
        return x / 0.0

    def call(derivative):
        return snb.entropic_ot(x, y, cost=(fourth_root, derivative), eps=0.1)

    with pytest.raises(TypeError, match=r"derivatives of the cost in xi of two float64 arrays"):
        call(fails)
    with pytest.raises(ValueError, match=r"of shape \(2,\), like a point, got shape \(1,\)"):
        call(too_short)
    with pytest.raises(ValueError, match=r"^cost: expected finite derivatives, got \[.*inf"):
        call(infinite)
