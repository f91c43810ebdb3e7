"""Derivatives of tensors agree with finite differences, transforms with each other."""

import pytest

torch = pytest.importorskip("torch")

from small_clouds import EXACT  # noqa: E402
from tensors import FUNCTIONS, arguments, clouds, of_logits, weights  # noqa: E402

import sinkhorn_nb as snb  # noqa: E402
import sinkhorn_nb.torch as snt  # noqa: E402
from sinkhorn_nb.interop.arrays import Home  # noqa: E402
from sinkhorn_nb.torch.autograd import HessianProduct  # noqa: E402
from sinkhorn_nb.torch.implicit import Pushforward  # noqa: E402
from sinkhorn_nb.torch.jobs import Job  # noqa: E402

# torch compiles some of its own functions when `torch.func.hessian` is first called
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_first_and_second_derivatives_are_those_of_finite_differences(kind):
    function = of_logits(FUNCTIONS[kind])
    assert torch.autograd.gradcheck(function, arguments(), eps=1e-5, atol=1e-7)
    assert torch.autograd.gradgradcheck(function, arguments(), eps=1e-5, atol=2e-4, rtol=2e-3)


@pytest.mark.parametrize("function", [snt.entropic_potentials, snt.entropic_map])
@pytest.mark.parametrize("reach", [None, 1.0])
def test_derivatives_of_potentials_and_maps_are_those_of_finite_differences(function, reach):
    value = of_logits(function, reach=reach)
    assert torch.autograd.gradcheck(value, arguments(), eps=1e-5, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize(("kind", "p"), [("divergence", 1), ("divergence", 2), ("transport", 2)])
def test_unbalanced_derivatives_are_those_of_finite_differences(kind, p):
    def value(x, y, u, v):
        masses = torch.exp(u), torch.exp(v)
        return FUNCTIONS[kind](x, y, *masses, p=p, blur=0.7, reach=1.0, solver=EXACT)

    assert torch.autograd.gradcheck(value, arguments(), eps=1e-5, atol=1e-6)
    assert torch.autograd.gradgradcheck(value, arguments(), eps=1e-5, atol=2e-4, rtol=2e-3)


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


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_forward_mode_agrees_with_reverse_mode_in_points_and_weights(kind):
    value = of_logits(FUNCTIONS[kind])
    inputs = [t.detach() for t in arguments()]
    moves = directions()
    gradient = torch.func.grad(value, argnums=(0, 1, 2, 3))
    _, slope = torch.func.jvp(value, tuple(inputs), moves)
    torch.testing.assert_close(slope, inner_product(gradient(*inputs), moves))

    _, products = torch.func.jvp(gradient, tuple(inputs), moves)
    backward = torch.func.grad(lambda *t: inner_product(gradient(*t), moves), argnums=(0, 1, 2, 3))
    for forward, reverse in zip(products, backward(*inputs), strict=True):
        torch.testing.assert_close(forward, reverse, rtol=1e-4, atol=1e-7)


def test_forward_mode_of_potentials_agrees_with_reverse_mode():
    potentials = of_logits(snt.entropic_potentials)
    inputs = [t.detach() for t in arguments()]
    moves = directions()
    found, tangents = torch.func.jvp(potentials, tuple(inputs), moves)
    cotangents = tuple(torch.arange(float(len(part))).to(part) for part in found)
    _, pull = torch.func.vjp(potentials, *inputs)
    expected = inner_product(pull(cotangents), moves)
    torch.testing.assert_close(inner_product(tangents, cotangents), expected, rtol=1e-4, atol=1e-7)


def directions():
    generator = torch.Generator().manual_seed(2)
    return tuple(torch.randn(t.shape, generator=generator, dtype=t.dtype) for t in arguments())


def inner_product(parts, others):
    return sum((part * other).sum() for part, other in zip(parts, others, strict=True))


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


def test_third_derivatives_raise():
    x, y = clouds()

    def value(x):
        return snt.sinkhorn_divergence(x, y, blur=0.7)

    x.requires_grad_()
    (first,) = torch.autograd.grad(value(x), x, create_graph=True)
    (second,) = torch.autograd.grad((first**2).sum(), x, create_graph=True)
    with pytest.raises(NotImplementedError, match="third derivatives: expected at most two"):
        second.sum().backward()
    with pytest.raises(NotImplementedError, match="third derivatives: expected at most two"):
        torch.func.jacfwd(torch.func.hessian(value))(x.detach())


X, Y = clouds()
ONCE = {
    "potentials": (lambda x: snt.entropic_potentials(x, Y, blur=0.7)[0], "third .* or one of"),
    "map": (lambda x: snt.entropic_map(x, Y, blur=0.7), "third derivatives: .* or one of"),
    "sort": (lambda x: snt.soft_sort(x[:, 0], blur=0.7), "second derivatives: expected one"),
}


@pytest.mark.parametrize("kind", ONCE)
def test_second_derivatives_of_potentials_maps_and_soft_operations_raise(kind):
    function, message = ONCE[kind]
    factors = torch.ones_like(function(X))

    def gradient(x, factors):
        return torch.func.grad(lambda x: (factors * function(x)).sum())(x)

    for jacobian in (
        torch.func.jacrev(gradient),
        torch.func.jacrev(gradient, argnums=1),
        torch.func.jacfwd(gradient, argnums=1),
    ):
        with pytest.raises(NotImplementedError, match=message):
            jacobian(X, factors)


@pytest.mark.parametrize("function", [HessianProduct, Pushforward])
def test_second_derivatives_of_results_on_a_gpu_are_computed_on_the_host(function):
    x, y = clouds()
    a, b = (torch.softmax(u, 0) for u in weights())
    moves = [torch.ones_like(x), torch.ones_like(y), a - a.mean(), b - b.mean()]
    solution = snb.entropic_ot(*(t.numpy() for t in (x, y, a, b)), blur=0.7, solver=EXACT)
    job = Job.of("transport", ([7], [6]), {}, is_single=True)
    found = function.apply(x, y, a, b, *moves, [solution.at(Home("torch", 0))], job)
    expected = function.apply(x, y, a, b, *moves, [solution], job)
    for part, own in zip(found, expected, strict=True):
        torch.testing.assert_close(part, own)


def test_soft_operations_have_the_derivatives_of_finite_differences():
    x = torch.tensor([0.3, -1.2, 0.8, 2.0, 0.1], dtype=torch.float64, requires_grad=True)
    for call in (snt.soft_sort, snt.soft_rank):
        assert torch.autograd.gradcheck(
            lambda x, call=call: call(x, blur=0.5, solver=EXACT), x, eps=1e-5, atol=1e-4
        )
    assert snt.soft_quantile(x, 0.5, blur=0.1).item() == pytest.approx(0.3, abs=0.1)


def test_kernel_norms_have_one_derivative():
    x, y = clouds()
    x.requires_grad_()
    (first,) = torch.autograd.grad(snt.mmd(x, y), x, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivatives: expected one"):
        first.sum().backward()


def test_forward_mode_of_maps_and_soft_operations_is_refused_with_the_cure():
    x, y = clouds()
    for call in (
        lambda x: snt.entropic_map(x, y, blur=0.5),
        lambda x: snt.soft_sort(x[:, 0], blur=0.5),
    ):
        with pytest.raises(NotImplementedError, match=r"jvp: expected .* in reverse mode"):
            torch.func.jvp(call, (x,), (x,))


# torch reads the grad of all inputs of what it compiles, leaves or not
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_torch_compile_breaks_the_graph_and_nothing_else():
    x, y = clouds()

    def value(x):
        return 2 * snt.sinkhorn_divergence(x.sin(), y, blur=0.5)

    compiled = torch.compile(value, backend="eager")
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    for function, own in zip((value, compiled), inputs, strict=True):
        function(own).backward()
    torch.testing.assert_close(compiled(x), value(x))
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
