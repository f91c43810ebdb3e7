"""JAX arrays of narrow types are computed in float32, and unfit ones are refused with the cure."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
from jax.experimental import sparse  # noqa: E402
from jax_arrays import wide  # noqa: E402, F401
from small_clouds import clouds  # noqa: E402

import sinkhorn_nb as snb  # noqa: E402
import sinkhorn_nb.jax as snj  # noqa: E402

pytestmark = pytest.mark.usefixtures("wide")


def test_narrow_types_and_integers_are_computed_in_float32():
    x, y = clouds()
    expected = float(snb.sinkhorn_divergence(x, y, blur=0.5))
    narrow = (jnp.asarray(cloud, jnp.bfloat16) for cloud in (x, y))
    found = snj.sinkhorn_divergence(*narrow, blur=0.5)
    assert float(found) == pytest.approx(expected, rel=2e-2)
    whole = snj.sinkhorn_divergence(jnp.arange(4)[:, None], jnp.arange(3)[:, None] + 2, blur=0.5)
    assert float(whole) > 0
    assert found.dtype == whole.dtype == jnp.float32


REFUSED = {
    "x: expected points .* got shape .* use jax.vmap": lambda x, y: divergence(x[0], y),
    "a: expected 7 weights, one per point, got shape": lambda x, y: divergence(x, y, x),
    "y: expected points": lambda x, y: divergence(x, y[0]),
    "y: expected at least one point": lambda x, y: compiled(x, y[:0]),
    "x: expected at least one point": lambda x, y: compiled(x[:0], y),
    "y: expected points in dimension 2 like x, got dimension": lambda x, y: compiled(x, y[:, :1]),
    "b: expected 6 weights, one per point, got shape": lambda x, y: compiled(x, y, None, x[:, 0]),
    "x: expected numbers .* got shape": lambda x, y: snj.soft_sort(x, blur=0.5),
    "x: expected at least one number": lambda x, y: snj.soft_sort(x[:0, 0], blur=0.5),
    "y: expected real numbers, got complex": lambda x, y: divergence(x, y + 1j),
    "y: expected an array of real numbers, got NoneType": lambda x, y: divergence(x, None),
    "x: expected an array of real numbers, got list": lambda x, y: divergence([x, x[:3]], y),
    "x: expected an array of real numbers, got BCOO": lambda x, y: divergence(
        sparse.BCOO((x[0], np.zeros((2, 2), int)), shape=x.shape), y
    ),
    "blur: expected a value that is known": lambda x, y: jax.jit(
        lambda blur: divergence(x, y, blur=blur)
    )(0.5),
    "q: expected a value that is known": lambda x, y: jax.jit(
        lambda q: snj.soft_quantile(x[:, 0], q, blur=0.5)
    )(0.5),
    r"blur: expected a value that can be hashed, .* got ArrayImpl .*; pass a": lambda x, y: (
        divergence(x, y, blur=jnp.float32(0.5))
    ),
}


def divergence(*arrays, blur=0.5):
    return snj.sinkhorn_divergence(*arrays, blur=blur)


compiled = jax.jit(divergence)


@pytest.mark.parametrize("message", REFUSED)
def test_bad_input_is_refused_with_the_cure(message):
    with pytest.raises((TypeError, ValueError), match="^" + message):
        REFUSED[message](*clouds())


def test_errors_at_the_call_back_keep_their_text():
    x, y = clouds()
    x[0, 0] = np.nan
    with pytest.raises(Exception, match="x: expected finite"):
        jax.jit(lambda x: snj.sinkhorn_divergence(x, y, blur=0.5))(x)


def test_errors_in_a_batch_name_the_argument_and_the_element():
    x, y = clouds()
    batch = np.stack([x, x + 1.0])
    batch[1, 0, 0] = np.nan
    for function in (snj.sinkhorn_divergence, snj.entropic_ot):
        with pytest.raises(Exception, match=r"\bx\[1\]: expected finite"):
            jax.vmap(lambda x, of=function: of(x, y, blur=0.5))(batch)


def test_weights_of_16_bits_are_probabilities_up_to_their_rounding():
    x, y = (cloud.astype(np.float32) for cloud in clouds())
    a, b = (np.array(jax.nn.softmax(jnp.linspace(0, 2, n)), np.float32) for n in (7, 6))
    exact = float(snb.sinkhorn_divergence(x, y, a, b, blur=0.5))
    for dtype in (jnp.float16, jnp.bfloat16):
        narrow = jnp.asarray(a, dtype), jnp.asarray(b, dtype)
        value, slope = jax.jit(
            jax.value_and_grad(lambda a, b: snj.sinkhorn_divergence(x, y, a, b, blur=0.5))
        )(*narrow)
        assert float(value) == pytest.approx(exact, rel=2e-2)
        assert slope.dtype == dtype
    masses = [
        snj.sinkhorn_divergence(x, y, *weights, blur=0.5, reach=1.0)
        for weights in (narrow, [each.astype(jnp.float32) for each in narrow])
    ]
    assert masses[0] == masses[1]
    with pytest.raises(Exception, match="b: expected the total mass of a"):
        snj.sinkhorn_divergence(x, y, narrow[0], 2 * narrow[1], blur=0.5)


def test_float32_stays_float32_without_x64():
    jax.config.update("jax_enable_x64", False)
    x, y = (cloud.astype(np.float32) for cloud in clouds())

    def value(x):
        return snj.sinkhorn_divergence(x, y, blur=0.7)

    for found in (value(x), jax.jit(jax.grad(value))(x), jax.hessian(value)(x)):
        assert found.dtype == np.float32
    assert float(value(x)) == np.float32(snb.sinkhorn_divergence(x, y, blur=0.7).value)
