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


def test_samples_loss_agrees_with_geomloss_where_it_has_converged():
    geomloss = pytest.importorskip("geomloss")
    x, y = clouds(n=60, m=50)
    theirs = geomloss.SamplesLoss("sinkhorn", p=2, blur=0.3, scaling=0.99, backend="tensorized")
    assert float(snt.SamplesLoss(blur=0.3)(x, y)) == pytest.approx(float(theirs(x, y)), rel=5e-3)


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


@pytest.mark.parametrize("loss", ["energy", "gaussian", "laplacian"])
def test_kernel_norms_are_those_of_geomloss(loss):
    geomloss = pytest.importorskip("geomloss")
    x, y = clouds()
    theirs = geomloss.SamplesLoss(loss, blur=0.7, backend="tensorized")(x, y)
    # Distances below 1e-4 are 1e-4 there: points with themselves, too.
    assert snt.SamplesLoss(loss, blur=0.7)(x, y).item() == pytest.approx(theirs.item(), rel=1e-3)
