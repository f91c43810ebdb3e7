"""`jax.vmap` gives what single calls give."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

from counts import clouds_compared  # noqa: E402
from jax_arrays import of_points, wide  # noqa: E402, F401
from small_clouds import clouds  # noqa: E402

import sinkhorn_nb.jax as snj  # noqa: E402

pytestmark = pytest.mark.usefixtures("wide")


def test_vmap_solves_a_batch_and_differentiates_each_element():
    xs = np.stack([clouds(seed=k)[0] for k in range(3)])
    value = of_points(clouds()[1])
    for function in (value, jax.grad(value), jax.hessian(value)):
        found = jax.vmap(function)(xs)
        for k in range(3):
            np.testing.assert_allclose(found[k], function(xs[k]), atol=1e-5)


def test_vmap_in_vmap_gives_each_value_and_gradient_its_place():
    xs = np.stack([clouds(n=4, seed=k)[0] for k in range(6)]).reshape(2, 3, 4, 2)
    ys = np.stack([clouds(m=3, seed=k)[1] for k in range(3)])

    def value(x, y):
        return of_points(y)(x)

    found = jax.value_and_grad(value, argnums=(0, 1))
    over_columns = jax.vmap(found)
    values, (on_x, on_y) = jax.vmap(over_columns, in_axes=(0, None))(xs, ys)
    assert (values.shape, on_x.shape, on_y.shape) == ((2, 3), xs.shape, (2, *ys.shape))
    expected, (own_x, own_y) = found(xs[1, 0], ys[0])
    np.testing.assert_allclose(values[1, 0], expected, rtol=1e-9)
    np.testing.assert_allclose(on_x[1, 0], own_x, atol=1e-9)
    np.testing.assert_allclose(on_y[1, 0], own_y, atol=1e-9)


@pytest.mark.parametrize("function", [snj.entropic_potentials, snj.entropic_map])
def test_vmap_of_potentials_and_maps_and_their_derivatives(function):
    xs = np.stack([clouds(seed=k)[0] for k in range(2)])
    of_x = of_points(clouds()[1], function)
    for each in (of_x, jax.jacrev(of_x)):
        batch = jax.tree.leaves(jax.vmap(each)(xs))
        single = jax.tree.leaves(each(xs[1]))
        for parts, part in zip(batch, single, strict=True):
            np.testing.assert_allclose(parts[1], part, atol=1e-7)


def test_a_cloud_that_all_problems_share_is_compared_with_itself_once(monkeypatch):
    seen = clouds_compared(monkeypatch)
    x, y = clouds()
    xs = np.stack([x, x + 1, x + 2])
    jax.vmap(lambda x: snj.sinkhorn_divergence(x, y, blur=0.53))(xs).block_until_ready()
    assert seen == [(3, 1)]
