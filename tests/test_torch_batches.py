"""Batches and lists of clouds give what single calls give."""

import pytest

torch = pytest.importorskip("torch")

from tensors import EXACT, clouds  # noqa: E402

import sinkhorn_nb.torch as snt  # noqa: E402

# torch compiles some of its own functions when `torch.func.hessian` is first called
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


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
