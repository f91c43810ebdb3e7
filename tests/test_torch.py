"""Tensors in and out: derivatives agree with finite differences, batches with single calls."""

import doctest
from pathlib import Path

import numpy as np
import pytest

import sinkhorn_nb as snb

torch = pytest.importorskip("torch")

import sinkhorn_nb.torch as snt  # noqa: E402
from sinkhorn_nb import Sinkhorn  # noqa: E402
from sinkhorn_nb.results.one_sided import gradient_in  # noqa: E402
from sinkhorn_nb.torch import jobs  # noqa: E402

# torch compiles some of its own functions when `torch.func.hessian` is first called
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
EXACT = Sinkhorn(tol=1e-12)
FUNCTIONS = {"divergence": snt.sinkhorn_divergence, "transport": snt.entropic_ot}


def clouds(n=7, m=6, d=2, dtype=torch.float64, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5
    return torch.tensor(x, dtype=dtype), torch.tensor(y, dtype=dtype)


def weights(n=7, m=6, seed=1):
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.normal(size=n)), torch.tensor(rng.normal(size=m))


def of_logits(function):
    """The function of points and logits of weights, at a tight tolerance."""

    def value(x, y, u, v):
        return function(x, y, torch.softmax(u, 0), torch.softmax(v, 0), blur=0.7, solver=EXACT)

    return value


def arguments():
    return [t.clone().requires_grad_() for t in (*clouds(), *weights())]


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_values_and_gradients_are_those_of_arrays(kind):
    x, y = clouds()
    a, b = (torch.softmax(u, 0) for u in weights())
    inputs = [t.clone().requires_grad_() for t in (x, y, a, b)]
    value = FUNCTIONS[kind](*inputs, blur=0.3)
    value.backward()

    solve = snb.sinkhorn_divergence if kind == "divergence" else snb.entropic_ot
    expected = solve(*(t.numpy() for t in (x, y, a, b)), blur=0.3)
    assert value.item() == expected.value
    for tensor, part in zip(inputs, expected.gradient(), strict=True):
        np.testing.assert_array_equal(tensor.grad.numpy(), part)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_first_and_second_derivatives_are_those_of_finite_differences(kind):
    function = of_logits(FUNCTIONS[kind])
    assert torch.autograd.gradcheck(function, arguments(), eps=1e-5, atol=1e-7)
    assert torch.autograd.gradgradcheck(function, arguments(), eps=1e-5, atol=2e-4, rtol=2e-3)


@pytest.mark.parametrize("function", [snt.entropic_potentials, snt.entropic_map])
def test_derivatives_of_potentials_and_maps_are_those_of_finite_differences(function):
    assert torch.autograd.gradcheck(
        of_logits(function), arguments(), eps=1e-5, atol=2e-4, rtol=1e-3
    )


@pytest.mark.parametrize("p", [1, 2])
def test_unbalanced_derivatives_are_those_of_finite_differences(p):
    def value(x, y, u, v):
        masses = torch.exp(u), torch.exp(v)
        return snt.sinkhorn_divergence(x, y, *masses, p=p, blur=0.7, reach=1.0, solver=EXACT)

    assert torch.autograd.gradcheck(value, arguments(), eps=1e-5, atol=1e-6)
    assert torch.autograd.gradgradcheck(value, arguments(), eps=1e-5, atol=2e-4, rtol=2e-3)


def test_a_batch_gives_what_single_calls_give():
    x = torch.stack([clouds(seed=k)[0] for k in range(3)]).requires_grad_()
    y = torch.stack([clouds(seed=k)[1] for k in range(3)])
    values = snt.sinkhorn_divergence(x, y, blur=0.5)
    values.sum().backward()
    for k in range(3):
        own = x[k].detach().clone().requires_grad_()
        value = snt.sinkhorn_divergence(own, y[k], blur=0.5)
        value.backward()
        torch.testing.assert_close(values[k], value, rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(x.grad[k], own.grad, rtol=1e-4, atol=1e-7)


def test_lists_of_clouds_of_any_sizes():
    xs = [clouds(n=n, seed=n)[0].requires_grad_() for n in (4, 7, 9)]
    ys = [clouds(m=m, seed=m)[1] for m in (5, 6, 3)]
    values = snt.sinkhorn_divergence(xs, ys, blur=0.5)
    values.sum().backward()
    assert values.shape == (3,)
    assert all(x.grad.abs().sum() > 0 for x in xs)


def test_transforms_of_functions():
    x, y = clouds()

    def value(x):
        return snt.sinkhorn_divergence(x, y, blur=0.7, solver=EXACT)

    moved = x.clone().requires_grad_()
    value(moved).backward()
    torch.testing.assert_close(torch.func.grad(value)(x), moved.grad)
    direction = torch.ones_like(x)
    _, slope = torch.func.jvp(value, (x,), (direction,))
    torch.testing.assert_close(slope, (moved.grad * direction).sum())

    hessian = torch.func.hessian(value)(x)
    expected = torch.autograd.functional.hessian(value, x)
    torch.testing.assert_close(hessian, expected, rtol=1e-3, atol=1e-5)


def test_vmap_solves_a_batch_and_differentiates_each_element():
    x = torch.stack([clouds(seed=k)[0] for k in range(3)])
    y = clouds()[1]

    def value(x, y):
        return snt.sinkhorn_divergence(x, y, blur=0.7, solver=EXACT)

    values = torch.vmap(value, in_dims=(0, None))(x, y)
    gradients = torch.vmap(torch.func.grad(value), in_dims=(0, None))(x, y)
    hessians = torch.vmap(torch.func.hessian(value), in_dims=(0, None))(x, y)
    for k in range(3):
        torch.testing.assert_close(values[k], value(x[k], y))
        torch.testing.assert_close(
            gradients[k], torch.func.grad(value)(x[k], y), atol=1e-7, rtol=1e-5
        )
        expected = torch.func.hessian(value)(x[k], y)
        torch.testing.assert_close(hessians[k], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_types_are_computed_in_float32(dtype):
    x, y = clouds(dtype=dtype)
    x.requires_grad_()
    value = snt.sinkhorn_divergence(x, y, blur=0.5)
    value.backward()
    assert value.dtype == x.grad.dtype == dtype
    exact = snt.sinkhorn_divergence(x.detach().double(), y.double(), blur=0.5)
    assert value.item() == pytest.approx(exact.item(), rel=2e-2)


def test_third_derivatives_raise():
    x, y = clouds()

    def value(x):
        return snt.sinkhorn_divergence(x, y, blur=0.7)

    x.requires_grad_()
    (first,) = torch.autograd.grad(value(x), x, create_graph=True)
    (second,) = torch.autograd.grad((first**2).sum(), x, create_graph=True)
    with pytest.raises(NotImplementedError, match="third derivatives: expected at most two"):
        second.sum().backward()


def test_nothing_is_kept_without_gradients():
    x, y = clouds()
    with torch.no_grad():
        assert not snt.sinkhorn_divergence(x.requires_grad_(), y, blur=0.5).requires_grad


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x, y: snt.sinkhorn_divergence(x.numpy(), y, blur=1.0),
            "x: expected a torch.Tensor",
        ),
        (
            lambda x, y: snt.sinkhorn_divergence(x.to_sparse(), y, blur=1.0),
            "x: expected a dense tensor",
        ),
        (
            lambda x, y: snt.sinkhorn_divergence(x.to(torch.complex64), y, blur=1.0),
            "x: expected a tensor of real",
        ),
        (
            lambda x, y: snt.sinkhorn_divergence(x, y.to("meta"), blur=1.0),
            "y: expected a tensor on cpu",
        ),
        (lambda x, y: snt.entropic_ot(x, y, x[:3, 0], blur=1.0), "a: expected 7 weights"),
        (
            lambda x, y: snt.entropic_ot(x[:6], y, torch.ones(2, 3) / 6, blur=1.0),
            "a: expected 6 weights, one per point, got \\[\\(2, 3\\)\\]",
        ),
        (
            lambda x, y: snt.entropic_ot([x[:3], x[3:]], [y, y], [x[:4, 0], x[4:, 0]], blur=1.0),
            "a: expected \\[3, 4\\] weights",
        ),
        (
            lambda x, y: snt.entropic_ot([x, x], [y, y], torch.ones(14) / 7, blur=1.0),
            "a: expected \\[7, 7\\] weights",
        ),
        (
            lambda x, y: snt.entropic_ot(x, y, np.ones(7) / 7, blur=1.0),
            "a: expected a torch",
        ),
        (lambda x, y: snt.entropic_ot([], [], blur=1.0), "x: expected at least one cloud"),
        (lambda x, y: snt.entropic_ot([x[:, 0]], [y], blur=1.0), "x\\[0\\]: expected points"),
        (
            lambda x, y: snt.entropic_ot([x, x[:, :1]], [y, y], blur=1.0),
            "x\\[1\\]: expected points in dimension 2 like x\\[0\\]",
        ),
        (lambda x, y: snt.entropic_map([x], [y], blur=1.0), "x: expected a torch.Tensor, got list"),
        (
            lambda x, y: snt.entropic_ot(x, y, blur=torch.tensor(1.0, requires_grad=True)),
            "blur: expected a value without derivatives",
        ),
        (
            lambda x, y: snt.soft_sort(x[:, 0], weights=x[:, 1].requires_grad_(), blur=1.0),
            "weights: expected a value without derivatives",
        ),
        (lambda x, y: snt.SamplesLoss()(x, y, x), "SamplesLoss: expected \\(x, y\\) or"),
    ],
)
def test_bad_input_is_refused_with_the_cure(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(*clouds())


def test_points_of_other_types_have_gradients_of_their_own_type():
    x, y = clouds()
    x, y = x.float().requires_grad_(), y.requires_grad_()
    value = snt.sinkhorn_divergence(x, y, blur=0.5)
    value.backward()
    expected = snb.sinkhorn_divergence(x.detach().double().numpy(), y.detach().numpy(), blur=0.5)
    assert value.item() == pytest.approx(expected.value, rel=1e-5)
    assert (value.dtype, x.grad.dtype, y.grad.dtype) == (torch.float32, torch.float32, y.dtype)
    np.testing.assert_allclose(y.grad.numpy(), expected.gradient().y, rtol=1e-3, atol=1e-6)


def test_the_second_backward_pass_is_refused_by_torch():
    x, y = clouds()
    value = snt.sinkhorn_divergence(x.requires_grad_(), y, blur=0.5)
    value.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        value.backward()


def test_points_that_are_not_numbers_are_refused():
    x, y = clouds()
    x[0, 0] = float("nan")
    with pytest.raises(ValueError, match="x"):
        snt.sinkhorn_divergence(x, y, blur=0.5)


def test_a_change_in_place_before_the_backward_pass_is_noticed():
    x, y = clouds()
    x.requires_grad_()
    value = snt.sinkhorn_divergence(x, y, blur=0.5)
    with torch.no_grad():
        x.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()


def test_soft_operations_have_the_derivatives_of_finite_differences():
    x = torch.tensor([0.3, -1.2, 0.8, 2.0, 0.1], dtype=torch.float64, requires_grad=True)
    for call in (snt.soft_sort, snt.soft_rank):
        assert torch.autograd.gradcheck(
            lambda x, call=call: call(x, blur=0.5, solver=EXACT), x, eps=1e-5, atol=1e-4
        )
    assert snt.soft_quantile(x, 0.5, blur=0.1).item() == pytest.approx(0.3, abs=0.1)


def test_samples_loss_takes_the_arguments_of_geomloss():
    x, y = clouds()
    a, b = (torch.softmax(u, 0) for u in weights())
    expected = float(snb.sinkhorn_divergence(x.numpy(), y.numpy(), a.numpy(), b.numpy(), blur=0.3))
    assert float(snt.SamplesLoss(blur=0.3)(a, x, b, y)) == pytest.approx(expected, rel=1e-9)
    plain = snb.entropic_ot(x.numpy(), y.numpy(), blur=0.3)
    assert float(snt.SamplesLoss(blur=0.3, debias=False)(x, y)) == pytest.approx(plain.value)
    f, g = snt.SamplesLoss(blur=0.3, debias=False, potentials=True)(x, y)
    np.testing.assert_allclose(f.numpy(), plain.f)
    np.testing.assert_allclose(g.numpy(), plain.g)
    with pytest.warns(UserWarning, match="scaling: 0.5 has no effect"):
        snt.SamplesLoss(scaling=0.5)


def test_samples_loss_agrees_with_geomloss_where_it_has_converged():
    geomloss = pytest.importorskip("geomloss")
    x, y = clouds(n=60, m=50)
    theirs = geomloss.SamplesLoss("sinkhorn", p=2, blur=0.3, scaling=0.99, backend="tensorized")
    assert float(snt.SamplesLoss(blur=0.3)(x, y)) == pytest.approx(float(theirs(x, y)), rel=5e-3)


def test_a_tensor_with_derivatives_is_told_where_they_are():
    x, y = clouds()
    with pytest.raises(
        TypeError, match=r"call sinkhorn_nb.torch for derivatives, or pass x.detach"
    ):
        snb.sinkhorn_divergence(x.requires_grad_(), y, blur=0.5)


def test_tensors_in_other_layouts_give_the_same_values():
    x, y = clouds()
    turned = x.T.contiguous().T
    expected = snt.sinkhorn_divergence(x, y, blur=0.5)
    assert not turned.is_contiguous()
    assert snt.sinkhorn_divergence(turned, y, blur=0.5).item() == expected.item()
    assert snt.sinkhorn_divergence(x, x, blur=0.5).item() == 0.0


def test_a_warm_loss_takes_fewer_iterations_and_gives_the_same_values():
    x, y = clouds(n=600, m=600)
    x.requires_grad_()
    iterations = {True: [], False: []}
    warm, cold = (
        snt.SamplesLoss(blur=0.1, warm_start=is_warm, solver=Sinkhorn(callback=found.append))
        for is_warm, found in iterations.items()
    )
    warm(x, y).backward()
    with torch.no_grad():
        x -= 0.05 * len(x) * x.grad
    iterations[True].clear()
    torch.testing.assert_close(warm(x, y), cold(x, y), rtol=1e-2, atol=0)
    assert len(iterations[True]) < len(iterations[False]) / 2
    assert warm(x[:500], y).item() > 0  # other sizes start anew


@pytest.mark.parametrize("loss", ["hausdorff", "energy", "gaussian", "laplacian"])
def test_other_losses_have_the_values_and_gradients_of_arrays(loss):
    x, y = clouds()
    x.requires_grad_()
    value = snt.SamplesLoss(loss, blur=0.7)(x, y)
    value.backward()
    arrays = x.detach().numpy(), y.numpy()
    if loss == "hausdorff":
        expected = snb.hausdorff_divergence(*arrays, blur=0.7)
    else:
        expected = snb.mmd(*arrays, kernel=loss, blur=None if loss == "energy" else 0.7)
    assert value.item() == float(expected)
    np.testing.assert_array_equal(x.grad.numpy(), expected.gradient().x)


def test_kernel_norms_have_one_derivative():
    x, y = clouds()
    x.requires_grad_()
    (first,) = torch.autograd.grad(snt.mmd(x, y), x, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivatives: expected one"):
        first.sum().backward()


@pytest.mark.parametrize("loss", ["energy", "gaussian", "laplacian"])
def test_kernel_norms_are_those_of_geomloss(loss):
    geomloss = pytest.importorskip("geomloss")
    x, y = clouds()
    theirs = geomloss.SamplesLoss(loss, blur=0.7, backend="tensorized")(x, y)
    # Distances below 1e-4 are 1e-4 there: points with themselves, too.
    assert snt.SamplesLoss(loss, blur=0.7)(x, y).item() == pytest.approx(theirs.item(), rel=1e-3)


@pytest.fixture
def asked(monkeypatch):
    """The sides in whose points gradients were asked for."""
    seen = []

    def watched(result, sides):
        seen.append(tuple(sides))
        return gradient_in(result, sides)

    monkeypatch.setattr(jobs, "gradient_in", watched)
    return seen


def test_nothing_is_computed_for_a_side_that_needs_no_gradient(asked):
    x, y = clouds(n=600, m=500)
    expected = snb.sinkhorn_divergence(x.numpy(), y.numpy(), blur=0.5).gradient()
    moved = x.clone().requires_grad_()
    snt.sinkhorn_divergence(moved, y, blur=0.5).backward()
    np.testing.assert_array_equal(moved.grad.numpy(), expected.x)

    def of_y(y):
        return snt.sinkhorn_divergence(x, y, blur=0.5)

    np.testing.assert_array_equal(torch.func.grad(of_y)(y).numpy(), expected.y)
    assert asked == [(True, False), (False, True)]


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_mixed_second_derivatives_are_those_of_finite_differences(kind):
    x, y = clouds(n=4, m=3)

    def of_y(y):
        moved = x.clone().requires_grad_()
        value = FUNCTIONS[kind](moved, y, blur=0.7, solver=EXACT)
        return torch.autograd.grad(value, moved, create_graph=True)[0]

    assert torch.autograd.gradcheck(of_y, y.clone().requires_grad_(), eps=1e-5, atol=1e-5)
    function = torch.func.grad(lambda x, y: FUNCTIONS[kind](x, y, blur=0.7, solver=EXACT))
    expected = torch.autograd.functional.jacobian(of_y, y)
    for jacobian in (torch.func.jacrev, torch.func.jacfwd):
        found = jacobian(lambda y: function(x, y))(y)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


def test_the_code_of_the_how_to_runs():
    page = Path(__file__).parents[1] / "docs" / "how-to" / "torch-jax.rst"
    found = doctest.testfile(str(page), module_relative=False)
    assert found.attempted > 10 and found.failed == 0
