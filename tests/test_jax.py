"""JAX arrays in and out: values and gradients are those of NumPy arrays."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
from jax.test_util import check_grads  # noqa: E402
from jax_arrays import FUNCTIONS, wide  # noqa: E402, F401
from small_clouds import EXACT, clouds, logits  # noqa: E402

import sinkhorn_nb as snb  # noqa: E402
import sinkhorn_nb.jax as snj  # noqa: E402
from sinkhorn_nb.jax import host  # noqa: E402

pytestmark = pytest.mark.usefixtures("wide")


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_values_and_gradients_are_those_of_numpy_arrays(kind):
    x, y = clouds()
    solve = snb.sinkhorn_divergence if kind == "divergence" else snb.entropic_ot
    expected = solve(x, y, blur=0.3)
    value, gradients = jax.value_and_grad(
        lambda x, y: FUNCTIONS[kind](x, y, blur=0.3), argnums=(0, 1)
    )(x, y)
    assert float(value) == expected.value
    for found, part in zip(gradients, expected.gradient()[:2], strict=True):
        np.testing.assert_array_equal(found, part)


def test_potentials_and_maps_are_those_of_numpy_arrays():
    x, y = clouds()
    expected = snb.entropic_ot(x, y, blur=0.3)
    f, g = snj.entropic_potentials(x, y, blur=0.3)
    np.testing.assert_array_equal(f, expected.f)
    np.testing.assert_array_equal(g, expected.g)
    np.testing.assert_array_equal(snj.entropic_map(x, y, blur=0.3), expected.map())


def test_only_the_last_problem_itself_is_not_solved_again(monkeypatch):
    solved = []

    def watched(*problem):
        solved.append(problem)
        return solve_all(*problem)

    solve_all = host.solve_all
    monkeypatch.setattr(host, "solve_all", watched)
    monkeypatch.setattr(host, "_memory", host._Memory())
    x, y = clouds()
    a, b = (np.full(n, 1 / n) for n in (7, 6))
    sharp, soft = (host.Settings("transport", (("blur", blur),)) for blur in (0.5, 0.6))
    nothing = (False,) * 4

    def value(settings, *arrays):
        return float(host.value_and_gradient(settings, nothing, *arrays)[0])

    first = value(sharp, x, y, a, b)
    assert value(sharp, x.copy(), y, a, b) == first and len(solved) == 1
    assert value(soft, x, y, a, b) != first
    narrow = [array.astype(np.float32) for array in (x, y, a, b)]
    for arrays in (narrow, [array.astype(np.float64) for array in narrow], (x, y, a, None)):
        value(soft, *arrays)
    assert len(solved) == 5
    b[:2] += 0.05, -0.05  # a change in place
    known = value(sharp, x, y, a, b)
    b[:2] += 0.05, -0.05
    assert value(sharp, x, y, a, b) != known


def test_a_gradient_flow_in_a_scan():
    x, y = clouds()

    def step(x, _):
        value, gradient = jax.value_and_grad(snj.sinkhorn_divergence)(x, y, blur=0.5)
        return x - len(x) * gradient, value

    _, values = jax.lax.scan(step, jnp.asarray(x), None, length=5)
    assert (np.diff(values) < 0).all()


def test_adam_moves_a_cloud_onto_another():
    optax = pytest.importorskip("optax")
    x, y = clouds()
    optimizer = optax.adam(0.1)
    state = optimizer.init(jnp.asarray(x))
    first = float(snj.sinkhorn_divergence(x, y, blur=0.3))
    step = jax.jit(jax.value_and_grad(lambda x: snj.sinkhorn_divergence(x, y, blur=0.3)))
    for _ in range(50):
        _, gradient = step(x)
        updates, state = optimizer.update(gradient, state)
        x = optax.apply_updates(x, updates)
    assert float(step(x)[0]) < 0.05 * first


OTHERS = {
    "hausdorff": (snj.hausdorff_divergence, snb.hausdorff_divergence, {"blur": 0.7}),
    "energy": (snj.mmd, snb.mmd, {}),
    "gaussian": (snj.mmd, snb.mmd, {"kernel": "gaussian", "blur": 0.7}),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_losses_have_the_values_and_gradients_of_numpy_arrays(kind):
    function, of_arrays, options = OTHERS[kind]
    x, y = clouds()
    a, b = (np.array(jax.nn.softmax(u)) for u in logits())
    found = jax.value_and_grad(lambda *t: function(*t, **options), argnums=(0, 1, 2, 3))
    value, gradients = jax.jit(found)(x, y, a, b)
    expected = of_arrays(x, y, a, b, **options)
    assert float(value) == float(expected)
    for part, exact in zip(gradients, expected.gradient(), strict=True):
        np.testing.assert_array_equal(part, exact)

    xs = np.stack([x, x + 1])
    values = jax.vmap(lambda x: function(x, y, **options))(xs)
    singles = [float(of_arrays(each, y, **options)) for each in xs]
    np.testing.assert_allclose(values, singles, rtol=1e-12)
    with pytest.raises(NotImplementedError, match="second derivatives: expected one"):
        jax.hessian(lambda x: function(x, y, **options))(x)


@pytest.mark.parametrize("function", [snj.soft_sort, snj.soft_rank, snj.soft_quantile])
def test_soft_operations_have_the_values_of_arrays_and_one_derivative(function):
    x = np.array([0.3, -1.2, 0.8, 2.0, 0.1])
    levels = {"q": [[0.2, 0.5]]} if function is snj.soft_quantile else {}
    of_arrays = getattr(snb, function.__name__)

    def value(x):
        return function(x, blur=0.5, solver=EXACT, **levels)

    expected = of_arrays(x, blur=0.5, solver=EXACT, **levels)
    np.testing.assert_array_equal(jax.jit(value)(x), expected.values)
    check_grads(value, (x,), order=1, modes=["rev"], atol=1e-4, rtol=1e-4, eps=1e-5)
    both = jax.vmap(value)(np.stack([x, 2 * x]))
    np.testing.assert_array_equal(both[1], value(2 * x))

    def gradient(x, factors):
        return jax.grad(lambda x: (factors * value(x)).sum())(x)

    for argnum in (0, 1):
        with pytest.raises(NotImplementedError, match="third derivatives: expected at most two"):
            jax.jacrev(gradient, argnums=argnum)(x, np.ones_like(expected.values))
