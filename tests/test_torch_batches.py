"""Batches and lists of clouds give what single calls give."""

import pytest

torch = pytest.importorskip("torch")

from counts import clouds_compared  # noqa: E402
from small_clouds import EXACT  # noqa: E402
from tensors import clouds  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

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
    of_columns = torch.vmap(value, in_dims=(1, None))(x.movedim(0, 1), y)
    torch.testing.assert_close(of_columns, values)
    gradients = torch.vmap(torch.func.grad(value), in_dims=(0, None))(x, y)
    hessians = torch.vmap(torch.func.hessian(value), in_dims=(0, None))(x, y)
    for k in range(3):
        torch.testing.assert_close(values[k], value(x[k], y))
        torch.testing.assert_close(
            gradients[k], torch.func.grad(value)(x[k], y), atol=1e-7, rtol=1e-5
        )
        expected = torch.func.hessian(value)(x[k], y)
        torch.testing.assert_close(hessians[k], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("function", [snt.entropic_potentials, snt.entropic_map])
def test_vmap_of_potentials_and_maps_and_their_derivatives(function):
    xs = torch.stack([clouds(seed=k)[0] for k in range(2)])
    y = clouds()[1]

    def of_x(x):
        return function(x, y, blur=0.7, solver=EXACT)

    for each in (of_x, torch.func.jacrev(of_x)):
        batch = tree_leaves(torch.vmap(each)(xs))
        single = tree_leaves(each(xs[1]))
        for parts, part in zip(batch, single, strict=True):
            torch.testing.assert_close(parts[1], part, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("function", [snt.entropic_ot, snt.hausdorff_divergence, snt.mmd])
def test_batches_and_lists_of_other_functions(function):
    how = {} if function is snt.mmd else {"blur": 0.5}
    x = torch.stack([clouds(seed=k)[0] for k in range(3)]).requires_grad_()
    y = torch.stack([clouds(seed=k)[1] for k in range(3)])
    values = function(x, y, **how)
    (gradient,) = torch.autograd.grad(values.sum(), x)
    for k in range(3):
        own = x[k].detach().clone().requires_grad_()
        value = function(own, y[k], **how)
        value.backward()
        assert values[k].item() == value.item()
        torch.testing.assert_close(gradient[k], own.grad)
    listed = function(list(x), [y[0], y[1][:4], y[2][:5]], **how)
    assert listed[0].item() == values[0].item() and listed[1] != values[1]


def test_a_cloud_that_all_problems_share_is_compared_with_itself_once(monkeypatch):
    seen = clouds_compared(monkeypatch)
    x = torch.stack([clouds(seed=k)[0] for k in range(3)])
    y = clouds()[1]
    values = torch.vmap(lambda x: snt.sinkhorn_divergence(x, y, blur=0.5))(x)
    snt.sinkhorn_divergence(x, y.expand(3, *y.shape), blur=0.5)
    assert seen == [(3, 1), (3, 1)]
    single = snt.sinkhorn_divergence(x[1], y, blur=0.5)
    torch.testing.assert_close(values[1], single, rtol=1e-6, atol=1e-9)


def test_gradients_of_each_value_of_a_batch():
    x, y = (torch.stack([cloud, cloud + 1]) for cloud in clouds())
    x.requires_grad_()
    values = snt.sinkhorn_divergence(x, y, blur=0.5)
    eye = torch.eye(2, dtype=x.dtype)
    (jacobian,) = torch.autograd.grad(values, x, eye, is_grads_batched=True, retain_graph=True)
    assert not jacobian[0, 1].any() and not jacobian[1, 0].any()
    (total,) = torch.autograd.grad(values.sum(), x)
    torch.testing.assert_close(jacobian.sum(dim=0), total)


def test_vmap_of_gradients_without_grad_mode():
    x = torch.stack([clouds(seed=k)[0] for k in range(3)])
    y = clouds()[1]

    def gradient(x):
        value, pull = torch.func.vjp(of_x, x)
        return pull(torch.ones_like(value))[0]

    def of_x(x):
        return snt.sinkhorn_divergence(x, y, blur=0.5, solver=EXACT)

    with torch.no_grad():
        found = torch.vmap(gradient)(x)
    torch.testing.assert_close(found[2], torch.func.grad(of_x)(x[2]), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("function", [snt.soft_sort, snt.soft_rank])
def test_vmap_of_soft_operations(function):
    rows = torch.stack([clouds(seed=k)[0][:, 0] for k in range(2)])

    def value(x):
        return function(x, blur=0.5, solver=EXACT)

    values = torch.vmap(value)(rows)
    torch.testing.assert_close(torch.vmap(value, in_dims=1)(rows.T), values)
    jacobians = torch.vmap(torch.func.jacrev(value))(rows)
    for k in range(2):
        torch.testing.assert_close(values[k], value(rows[k]))
        torch.testing.assert_close(jacobians[k], torch.func.jacrev(value)(rows[k]))
