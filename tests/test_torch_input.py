"""Tensors of narrow types are computed in float32, and unfit ones are refused with the cure."""

import importlib.util

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tensors import clouds  # noqa: E402

import sinkhorn_nb as snb  # noqa: E402
import sinkhorn_nb.torch as snt  # noqa: E402


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_types_are_computed_in_float32(dtype):
    x, y = clouds(dtype=dtype)
    x.requires_grad_()
    value = snt.sinkhorn_divergence(x, y, blur=0.5)
    value.backward()
    assert value.dtype == x.grad.dtype == dtype
    exact = snt.sinkhorn_divergence(x.detach().double(), y.double(), blur=0.5)
    assert value.item() == pytest.approx(exact.item(), rel=2e-2)


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
        (
            lambda x, y: snt.sinkhorn_divergence(x.to("meta"), y.to("meta"), blur=1.0),
            "x: expected a tensor on cpu or cuda, got one on meta; pass x.cpu",
        ),
        (lambda x, y: snt.entropic_ot(x, None, blur=1.0), "y: expected a torch.Tensor, got None"),
        (lambda x, y: snt.entropic_map(None, y, blur=1.0), "x: expected a torch.Tensor, got None"),
        (
            lambda x, y: snt.entropic_ot(x, y, blur=1.0, warm_start=True),
            r"warm_start: expected a WarmStart, got bool; pass the same WarmStart\(\)",
        ),
        (
            lambda x, y: snt.entropic_ot(x, y, None, y[:, 0].to("meta"), blur=1.0),
            "b: expected a tensor on cpu, like x, got one on meta; pass b.to",
        ),
        (lambda x, y: snt.entropic_ot(x, y, x[:3, 0], blur=1.0), "a: expected 7 weights"),
        (
            lambda x, y: snt.SamplesLoss("energy", potentials=True),
            "potentials: expected False for loss='energy'",
        ),
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


def test_a_tensor_with_derivatives_is_told_where_they_are():
    x, y = clouds()
    with pytest.raises(
        TypeError, match=r"call sinkhorn_nb.torch for derivatives, or pass x.detach"
    ):
        snb.sinkhorn_divergence(x.requires_grad_(), y, blur=0.5)


def test_points_that_are_not_numbers_are_refused():
    x, y = clouds()
    x[0, 0] = float("nan")
    with pytest.raises(ValueError, match="x"):
        snt.sinkhorn_divergence(x, y, blur=0.5)


@pytest.mark.parametrize("function", [snt.sinkhorn_divergence, snt.entropic_ot])
def test_errors_in_a_batch_name_the_argument_and_the_cloud(function):
    x, y = (torch.stack([cloud, cloud + 1.0, cloud]) for cloud in clouds())
    b = torch.ones(3, 6)
    b[:2] /= 6
    with pytest.raises(ValueError, match=r"^b\[2\]: expected the total mass of a"):
        function(x, y, None, b, blur=0.5)
    x[1, 0, 0] = float("nan")
    for batch in (x, list(x)):
        with pytest.raises(ValueError, match=r"^x\[1\]: expected finite"):
            function(batch, y, blur=0.5)


def test_the_second_backward_pass_is_refused_by_torch():
    x, y = clouds()
    value = snt.sinkhorn_divergence(x.requires_grad_(), y, blur=0.5)
    value.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        value.backward()


def test_a_change_in_place_before_the_backward_pass_is_noticed():
    x, y = clouds()
    x.requires_grad_()
    value = snt.sinkhorn_divergence(x, y, blur=0.5)
    with torch.no_grad():
        x.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_16_bits_are_probabilities_up_to_their_rounding(dtype):
    x, y = clouds(dtype=torch.float32)
    a, b = (torch.softmax(torch.linspace(0, 2, n), 0) for n in (7, 6))
    exact = snt.sinkhorn_divergence(x, y, a, b, blur=0.5).item()
    narrow = a.to(dtype).requires_grad_(), b.to(dtype)
    assert narrow[0].double().sum() != narrow[1].double().sum()
    value = snt.sinkhorn_divergence(x, y, *narrow, blur=0.5)
    value.backward()
    assert value.item() == pytest.approx(exact, rel=2e-2)
    assert narrow[0].grad.dtype == dtype
    with pytest.raises(ValueError, match="b: expected the total mass of a"):
        snt.sinkhorn_divergence(x, y, narrow[0], 2 * narrow[1], blur=0.5)
    for unbalanced in ({"reach": 1.0}, {"rho": 1.0}):
        masses = snt.sinkhorn_divergence(x, y, *narrow, blur=0.5, **unbalanced)
        wide = snt.sinkhorn_divergence(x, y, *(w.float() for w in narrow), blur=0.5, **unbalanced)
        assert masses.item() == wide.item()


def test_autocast_changes_nothing():
    x, y = clouds(dtype=torch.float32)
    expected = snt.sinkhorn_divergence(x, y, blur=0.5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = snt.sinkhorn_divergence(x, y, blur=0.5)
    assert (value.item(), value.dtype) == (expected.item(), torch.float32)


def test_uniform_weights_of_inference_mode_are_of_use_later():
    x, y = clouds()
    with torch.inference_mode():
        snt.sinkhorn_divergence(x, y, blur=0.5)
    snt.sinkhorn_divergence(x.requires_grad_(), y, blur=0.5).backward()
    assert x.grad.abs().sum() > 0


def test_uniform_weights_may_be_made_in_inference_mode():
    spec = importlib.util.find_spec("sinkhorn_nb.torch.calls")
    module = importlib.util.module_from_spec(spec)
    with torch.inference_mode():
        spec.loader.exec_module(module)
    assert not module.UNIFORM.is_inference()
