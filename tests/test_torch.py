"""Tensors in and out: values and gradients are those of arrays."""

import doctest
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from counts import sides_of_gradients  # noqa: E402
from tensors import FUNCTIONS, clouds, weights  # noqa: E402

import sinkhorn_nb as snb  # noqa: E402
import sinkhorn_nb.torch as snt  # noqa: E402
from sinkhorn_nb.torch import jobs, tensors  # noqa: E402


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


def test_nothing_is_kept_without_gradients():
    x, y = clouds()
    with torch.no_grad():
        assert not snt.sinkhorn_divergence(x.requires_grad_(), y, blur=0.5).requires_grad


def test_points_of_other_types_have_gradients_of_their_own_type():
    x, y = clouds()
    x, y = x.float().requires_grad_(), y.requires_grad_()
    value = snt.sinkhorn_divergence(x, y, blur=0.5)
    value.backward()
    expected = snb.sinkhorn_divergence(x.detach().double().numpy(), y.detach().numpy(), blur=0.5)
    assert value.item() == pytest.approx(expected.value, rel=1e-5)
    assert (value.dtype, x.grad.dtype, y.grad.dtype) == (torch.float32, torch.float32, y.dtype)
    np.testing.assert_allclose(y.grad.numpy(), expected.gradient().y, rtol=1e-3, atol=1e-6)


def test_tensors_in_other_layouts_give_the_same_values():
    x, y = clouds()
    turned = x.T.contiguous().T
    expected = snt.sinkhorn_divergence(x, y, blur=0.5)
    assert not turned.is_contiguous()
    assert snt.sinkhorn_divergence(turned, y, blur=0.5).item() == expected.item()
    assert snt.sinkhorn_divergence(x, x, blur=0.5).item() == 0.0


def test_tensors_on_the_cpu_are_not_copied():
    x, _ = clouds()
    (array,) = tensors.arrays(x.requires_grad_(), [len(x)])
    assert array.__array_interface__["data"][0] == x.data_ptr()
    assert tensors.like(x, [array]).data_ptr() == x.data_ptr()
    parts = tensors.arrays(x, [3, 4])
    assert parts[1].__array_interface__["data"][0] == x[3:].data_ptr()


def test_nothing_is_computed_for_a_side_that_needs_no_gradient(monkeypatch):
    asked = sides_of_gradients(monkeypatch, jobs)
    x, y = clouds(n=600, m=500)
    expected = snb.sinkhorn_divergence(x.numpy(), y.numpy(), blur=0.5).gradient()
    moved = x.clone().requires_grad_()
    snt.sinkhorn_divergence(moved, y, blur=0.5).backward()
    np.testing.assert_array_equal(moved.grad.numpy(), expected.x)

    def of_y(y):
        return snt.sinkhorn_divergence(x, y, blur=0.5)

    np.testing.assert_array_equal(torch.func.grad(of_y)(y).numpy(), expected.y)
    assert asked == [(True, False), (False, True)]


def test_the_code_of_the_how_to_runs():
    page = Path(__file__).parents[1] / "docs" / "how-to" / "torch-jax.rst"
    found = doctest.testfile(str(page), module_relative=False)
    assert found.attempted > 10 and found.failed == 0
