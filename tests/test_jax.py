"""JAX arrays in and out: derivatives agree with finite differences, transforms with single calls."""

import numpy as np
import pytest

import sinkhorn_nb as snb

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
from jax.test_util import check_grads  # noqa: E402

import sinkhorn_nb.jax as snj  # noqa: E402
from sinkhorn_nb import Sinkhorn, functional  # noqa: E402
from sinkhorn_nb.jax import host  # noqa: E402
from sinkhorn_nb.results.one_sided import gradient_in  # noqa: E402

EXACT = Sinkhorn(tol=1e-12)
FUNCTIONS = {"divergence": snj.sinkhorn_divergence, "transport": snj.entropic_ot}


@pytest.fixture(autouse=True)
def wide():
    """float64, as the checks by finite differences need it."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def clouds(n=7, m=6, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5


def logits(n=7, m=6):
    rng = np.random.default_rng(1)
    return rng.normal(size=n), rng.normal(size=m)


def of_logits(function):
    """The function of points and logits of weights, at a tight tolerance."""

    def value(x, y, u, v):
        return function(x, y, jax.nn.softmax(u), jax.nn.softmax(v), blur=0.7, solver=EXACT)

    return value


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


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_two_derivatives_are_those_of_finite_differences(kind):
    inputs = (*clouds(), *logits())
    check_grads(of_logits(FUNCTIONS[kind]), inputs, order=2, atol=2e-3, rtol=2e-3, eps=1e-5)


def test_two_derivatives_of_an_unbalanced_divergence_with_distances_as_costs():
    def value(x, y, u, v):
        how = {"p": 1, "blur": 0.7, "reach": 1.0, "solver": EXACT}
        return snj.sinkhorn_divergence(x, y, jnp.exp(u), jnp.exp(v), **how)

    inputs = (*clouds(), *logits())
    check_grads(value, inputs, order=2, atol=2e-3, rtol=2e-3, eps=1e-5)


@pytest.mark.parametrize("function", [snj.entropic_potentials, snj.entropic_map])
def test_one_derivative_of_potentials_and_maps(function):
    inputs = (*clouds(), *logits())
    check_grads(of_logits(function), inputs, order=1, modes=["rev"], atol=2e-3, rtol=2e-3, eps=1e-5)


def test_transforms_agree():
    x, y = clouds()

    def value(x):
        return snj.sinkhorn_divergence(x, y, blur=0.7, solver=EXACT)

    gradient = jax.grad(value)(x)
    np.testing.assert_allclose(jax.jit(jax.grad(value))(x), gradient)
    _, slope = jax.jvp(value, (x,), (np.ones_like(x),))
    assert float(slope) == pytest.approx(float(gradient.sum()))
    hessian = jax.hessian(value)(x)
    np.testing.assert_allclose(jax.jit(jax.hessian(value))(x), hessian, atol=1e-9)
    np.testing.assert_allclose(jax.jacrev(jax.jacrev(value))(x), hessian, atol=1e-4)


def test_vmap_solves_a_batch_and_differentiates_each_element():
    xs = np.stack([clouds(seed=k)[0] for k in range(3)])
    y = clouds()[1]

    def value(x, y):
        return snj.sinkhorn_divergence(x, y, blur=0.7, solver=EXACT)

    over = {"in_axes": (0, None)}
    for function in (value, jax.grad(value), jax.hessian(value)):
        found = jax.vmap(function, **over)(xs, y)
        for k in range(3):
            np.testing.assert_allclose(found[k], function(xs[k], y), atol=1e-5)


def test_a_gradient_flow_in_a_scan():
    x, y = clouds()

    def step(x, _):
        value, gradient = jax.value_and_grad(snj.sinkhorn_divergence)(x, y, blur=0.5)
        return x - len(x) * gradient, value

    _, values = jax.lax.scan(step, jnp.asarray(x), None, length=5)
    assert (np.diff(values) < 0).all()


def test_narrow_types_and_integers_are_computed_in_float32():
    x, y = clouds()
    expected = float(snb.sinkhorn_divergence(x, y, blur=0.5))
    found = snj.sinkhorn_divergence(jnp.asarray(x, jnp.bfloat16), y.astype(np.float32), blur=0.5)
    assert float(found) == pytest.approx(expected, rel=2e-2)
    whole = snj.sinkhorn_divergence(jnp.arange(4)[:, None], jnp.arange(3)[:, None] + 2, blur=0.5)
    assert float(whole) > 0


def test_third_derivatives_raise():
    x, y = clouds(n=3, m=3)

    def value(t):
        return snj.sinkhorn_divergence(t * x, y, blur=0.7)

    with pytest.raises(NotImplementedError, match="third derivatives: expected at most two"):
        jax.grad(jax.grad(jax.grad(value)))(1.0)


def test_bad_input_is_refused_with_the_cure():
    x, y = clouds()
    with pytest.raises(TypeError, match="blur: expected a number that is known"):
        jax.jit(lambda x, blur: snj.sinkhorn_divergence(x, y, blur=blur))(x, 0.5)
    with pytest.raises(ValueError, match="x: expected 2 axes"):
        snj.sinkhorn_divergence(x[0], y, blur=0.5)
    with pytest.raises(ValueError, match="x: expected at least one point"):
        jax.jit(lambda x: snj.sinkhorn_divergence(x, y, blur=0.5))(x[:0])
    with pytest.raises(ValueError, match="y: expected points in dimension 2 like x, got dimension"):
        jax.jit(lambda x, y: snj.entropic_ot(x, y, blur=0.5))(x, y[:, :1])
    with pytest.raises(ValueError, match="b: expected 6 weights, one per point, got 7"):
        jax.jit(lambda x, b: snj.entropic_ot(x, y, None, b, blur=0.5))(x, x[:, 0])
    with pytest.raises(TypeError, match="q: expected a number that is known"):
        jax.jit(lambda x, q: snj.soft_quantile(x, q, blur=0.5))(x[:, 0], 0.5)
    with pytest.raises(ValueError, match="x: expected numbers"):
        snj.soft_sort(x, blur=0.5)
    with pytest.raises(TypeError, match="x: expected real numbers, got complex"):
        snj.sinkhorn_divergence(x + 1j, y, blur=0.5)


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
    with pytest.raises(NotImplementedError, match="third derivatives: expected at most two"):
        jax.jacrev(jax.jacrev(lambda x: (value(x) ** 2).sum()))(x)


def test_nothing_is_computed_for_a_side_that_needs_no_gradient(monkeypatch):
    asked = []

    def watched(result, sides):
        asked.append(tuple(sides))
        return gradient_in(result, sides)

    monkeypatch.setattr(host, "gradient_in", watched)
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


def test_mixed_second_derivatives_are_those_of_finite_differences():
    x, y = clouds(n=4, m=3)

    def of_x(y):
        gradient = jax.grad(lambda x: snj.sinkhorn_divergence(x, y, blur=0.7, solver=EXACT))
        return gradient(x)

    check_grads(of_x, (y,), order=1, atol=1e-4, rtol=1e-4, eps=1e-5)


def test_errors_at_the_call_back_keep_their_text():
    x, y = clouds()
    x[0, 0] = np.nan
    with pytest.raises(Exception, match="x: expected finite"):
        jax.jit(lambda x: snj.sinkhorn_divergence(x, y, blur=0.5))(x)


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
    with pytest.raises(Exception, match="b: expected the total mass of a"):
        snj.sinkhorn_divergence(x, y, narrow[0], 2 * narrow[1], blur=0.5)


def test_a_cloud_that_all_problems_share_is_compared_with_itself_once(monkeypatch):
    seen = []

    def watched(xs, ys, *weights, **options):
        seen.append((len({id(x) for x in xs}), len({id(y) for y in ys})))
        return solve(xs, ys, *weights, **options)

    solve = snb.sinkhorn_divergences
    monkeypatch.setattr(functional, "sinkhorn_divergences", watched)
    x, y = clouds()
    xs = np.stack([x, x + 1, x + 2])
    jax.vmap(lambda x: snj.sinkhorn_divergence(x, y, blur=0.53))(xs).block_until_ready()
    assert seen == [(3, 1)]


def test_float32_stays_float32_without_x64():
    jax.config.update("jax_enable_x64", False)
    x, y = (cloud.astype(np.float32) for cloud in clouds())

    def value(x):
        return snj.sinkhorn_divergence(x, y, blur=0.7)

    for found in (value(x), jax.jit(jax.grad(value))(x), jax.hessian(value)(x)):
        assert found.dtype == np.float32
    assert float(value(x)) == np.float32(snb.sinkhorn_divergence(x, y, blur=0.7).value)
