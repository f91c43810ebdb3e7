"""`SamplesLoss` has the conventions and the values of GeomLoss's class."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tensors import clouds, weights  # noqa: E402

import sinkhorn_nb as snb  # noqa: E402
import sinkhorn_nb.torch as snt  # noqa: E402
from sinkhorn_nb import Sinkhorn  # noqa: E402


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


@pytest.mark.parametrize(
    "how",
    [{}, {"p": 1}, {"debias": False}, {"reach": 1.0}, {"reach": 1.0, "debias": False, "p": 1}],
    ids=str,
)
def test_samples_loss_agrees_with_geomloss_where_it_has_converged(how):
    geomloss = pytest.importorskip("geomloss")
    x, y = clouds(n=60, m=50)
    a, b = (torch.softmax(u, 0) for u in weights(n=60, m=50))
    theirs = geomloss.SamplesLoss(blur=0.5, scaling=0.99, backend="tensorized", **how)
    ours = snt.SamplesLoss(blur=0.5, **how)
    for arguments in ((x, y), (a, x, b, y), (a[:, None], x, b[:, None], y)):
        assert ours(*arguments).item() == pytest.approx(theirs(*arguments).item(), rel=5e-3)
    stacks = [torch.stack([part, part]) for part in (a, x, b, y + 0.1)]
    torch.testing.assert_close(ours(*stacks), theirs(*stacks), rtol=5e-3, atol=0)


@pytest.mark.parametrize("debias", [True, False])
def test_potentials_are_those_of_geomloss_up_to_a_constant(debias):
    geomloss = pytest.importorskip("geomloss")
    x, y = (torch.stack([cloud, 2 * cloud]) for cloud in clouds(n=60, m=50))
    how = {"blur": 0.5, "debias": debias, "potentials": True}
    theirs = geomloss.SamplesLoss(scaling=0.999, backend="tensorized", **how)(x, y)
    for ours, other in zip(snt.SamplesLoss(**how)(x, y), theirs, strict=True):
        assert ours.shape == other.shape
        constant = (other - ours).mean(dim=1, keepdim=True)
        torch.testing.assert_close(ours + constant, other, rtol=0, atol=2e-2)


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


@pytest.mark.parametrize("function", [snt.sinkhorn_divergence, snt.entropic_ot])
def test_a_function_starts_from_the_last_solution_of_its_place(function):
    x, y = clouds(n=300, m=250)
    start = snt.WarmStart()
    how = {"blur": 0.1, "warm_start": start}
    function(x, y, **how)
    cold = start.result.n_passes
    value = function(x + 0.01, y, **how)
    assert start.result.n_passes < cold / 2
    assert value.item() == pytest.approx(function(x + 0.01, y, blur=0.1).item(), rel=1e-2)

    known = start.result
    function(x[:299], y, **how)  # other shapes start anew
    assert start.result.n_passes > known.n_passes
    function(x[None], y[None], **how)
    assert start.result is not known
    function(torch.stack([x, x]), torch.stack([y, y]), **how)
    assert start.result is None


def test_a_start_belongs_to_one_function_and_to_clouds_of_one_size():
    x, y = clouds(n=60, m=50)
    start = snt.WarmStart()
    for function, m in (
        (snt.entropic_ot, 50),
        (snt.entropic_ot, 49),
        (snt.sinkhorn_divergence, 49),
        (snt.entropic_ot, 49),
    ):
        value = function(x, y[:m], blur=0.3, warm_start=start)
        cold = function(x, y[:m], blur=0.3)
        assert value.item() == cold.item()


def test_a_loss_converges_to_its_tolerance():
    loss = snt.SamplesLoss(blur=0.3, tol=1e-9, warm_start=True)
    loss(*clouds(n=60, m=50))
    assert loss.start.result.marginal_error <= 1e-9
    loss = snt.SamplesLoss(blur=0.3, warm_start=True)
    loss(*clouds(n=60, m=50))
    assert loss.start.result.marginal_error > 1e-9


@pytest.mark.parametrize("how", [{"p": 1}, {"reach": 1.0}], ids=str)
def test_a_hausdorff_loss_has_the_exponent_and_the_reach_of_the_others(how):
    x, y = clouds()
    expected = snb.hausdorff_divergence(x.numpy(), y.numpy(), blur=0.7, **how)
    assert snt.SamplesLoss("hausdorff", blur=0.7, **how)(x, y).item() == float(expected)


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


@pytest.mark.parametrize("loss", ["energy", "gaussian", "laplacian"])
def test_kernel_norms_are_those_of_geomloss(loss):
    geomloss = pytest.importorskip("geomloss")
    x, y = clouds()
    theirs = geomloss.SamplesLoss(loss, blur=0.7, backend="tensorized")(x, y)
    # Distances below 1e-4 are 1e-4 there: points with themselves, too.
    assert snt.SamplesLoss(loss, blur=0.7)(x, y).item() == pytest.approx(theirs.item(), rel=1e-3)
