"""Derivatives of JAX arrays agree with finite differences, transforms with each other."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
from counts import sides_of_gradients  # noqa: E402
from jax.test_util import check_grads  # noqa: E402
from jax_arrays import FUNCTIONS, of_logits, of_points, wide  # noqa: E402, F401
from small_clouds import EXACT, clouds, logits  # noqa: E402

import sinkhorn_nb as snb  # noqa: E402
import sinkhorn_nb.jax as snj  # noqa: E402
from sinkhorn_nb.jax import host  # noqa: E402

pytestmark = pytest.mark.usefixtures("wide")


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_two_derivatives_are_those_of_finite_differences(kind):
    inputs = (*clouds(), *logits())
    check_grads(of_logits(FUNCTIONS[kind]), inputs, order=2, atol=2e-3, rtol=2e-3, eps=1e-5)


@pytest.mark.parametrize(("kind", "p"), [("divergence", 1), ("transport", 2)])
def test_two_derivatives_of_unbalanced_values(kind, p):
    def value(x, y, u, v):
        how = {"p": p, "blur": 0.7, "reach": 1.0, "solver": EXACT}
        return FUNCTIONS[kind](x, y, jnp.exp(u), jnp.exp(v), **how)

    inputs = (*clouds(), *logits())
    check_grads(value, inputs, order=2, atol=2e-3, rtol=2e-3, eps=1e-5)


@pytest.mark.parametrize("function", [snj.entropic_potentials, snj.entropic_map])
@pytest.mark.parametrize("reach", [None, 1.0])
def test_one_derivative_of_potentials_and_maps(function, reach):
    value = of_logits(function, reach=reach)
    inputs = (*clouds(), *logits())
    check_grads(value, inputs, order=1, modes=["rev"], atol=2e-3, rtol=2e-3, eps=1e-5)


def test_transforms_agree():
    x, y = clouds()

    value = of_points(y)
    gradient = jax.grad(value)(x)
    np.testing.assert_allclose(jax.jit(jax.grad(value))(x), gradient)
    _, slope = jax.jvp(value, (x,), (np.ones_like(x),))
    assert float(slope) == pytest.approx(float(gradient.sum()))
    hessian = jax.hessian(value)(x)
    np.testing.assert_allclose(jax.jit(jax.hessian(value))(x), hessian, atol=1e-9)
    np.testing.assert_allclose(jax.jacrev(jax.jacrev(value))(x), hessian, atol=1e-4)


def test_mixed_second_derivatives_are_those_of_finite_differences():
    x, y = clouds(n=4, m=3)

    def gradient_in_x(y):
        return jax.grad(of_points(y))(x)

    check_grads(gradient_in_x, (y,), order=1, atol=1e-4, rtol=1e-4, eps=1e-5)


def test_third_derivatives_raise():
    x, y = clouds(n=3, m=3)

    def value(t):
        return snj.sinkhorn_divergence(t * x, y, blur=0.7)

    for third in (jax.grad(jax.grad(jax.grad(value))), jax.jacfwd(jax.hessian(value))):
        with pytest.raises(NotImplementedError, match="third derivatives: expected at most two"):
            third(1.0)


@pytest.mark.parametrize("function", [snj.entropic_potentials, snj.entropic_map])
@pytest.mark.parametrize("power", [1, 2])
def test_second_derivatives_of_potentials_and_maps_raise(function, power):
    x, y = clouds(n=3, m=3)

    def total(x, factor):
        parts = jax.tree.leaves(function(x, y, blur=0.7))
        return factor * sum((part**power).sum() for part in parts)

    for argnum in (0, 1):
        with pytest.raises(NotImplementedError, match=r"third derivatives: expected .* or one of"):
            jax.grad(lambda *t: jax.grad(total)(*t).sum(), argnums=argnum)(x, 1.0)


def test_nothing_is_computed_for_a_side_that_needs_no_gradient(monkeypatch):
    asked = sides_of_gradients(monkeypatch, host)
    x, y = (np.concatenate([cloud] * 20) for cloud in clouds())
    x, y = (cloud + 0.1 * np.random.default_rng(0).normal(size=cloud.shape) for cloud in (x, y))

    def value(x, y):
        return snj.sinkhorn_divergence(x, y, blur=0.5)

    expected = snb.sinkhorn_divergence(x, y, blur=0.5).gradient()
    for compiled in (lambda f: f, jax.jit):
        np.testing.assert_array_equal(compiled(jax.grad(value))(x, y), expected.x)
        np.testing.assert_array_equal(compiled(jax.grad(value, argnums=1))(x, y), expected.y)
    assert asked == 2 * [(True, False), (False, True)]
    asked.clear()
    compiled(value)(x, y)
    assert not asked
