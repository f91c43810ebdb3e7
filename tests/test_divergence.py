"""Every attribute of a Divergence against the dense oracle."""

import dataclasses
import pickle

import numpy as np
import pytest
from oracle import Dense
from problems import PRECISE, cloud, example
from test_solution import centered

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, sinkhorn_divergence

BLUR = 0.5
CASES = [{}, {"mass": 3.0}, {"zeros": 3}, {"d": 30}, {"d": 1, "mass": 0.25}]


@pytest.fixture(scope="module", params=CASES, ids=str)
def solved(request):
    args = example(**request.param)
    return sinkhorn_divergence(*args, blur=BLUR, solver=PRECISE), Dense.of(*args, blur=BLUR)


def test_value(solved):
    divergence, dense = solved
    assert divergence.value == pytest.approx(dense.divergence, rel=1e-9)
    assert float(divergence) == divergence.value
    assert isinstance(divergence.value, float)


def test_terms(solved):
    divergence, dense = solved
    assert divergence.xy.value == pytest.approx(dense.value, rel=1e-9)
    assert divergence.xx.value == pytest.approx(dense.on_source.value, rel=1e-9)
    assert divergence.yy.value == pytest.approx(dense.on_target.value, rel=1e-9)
    assert divergence.value == pytest.approx(
        divergence.xy.value - (divergence.xx.value + divergence.yy.value) / 2
    )


def test_potentials(solved):
    """<a, f_ab - f_aa> + <b, g_ab - g_bb> is the value."""
    divergence, dense = solved
    on_a, on_b = divergence.potentials
    assert dense.a @ on_a + dense.b @ on_b == pytest.approx(dense.divergence, rel=1e-8)
    f, g = dense.potentials
    f, g = f - dense.on_source.symmetric_potential, g - dense.on_target.symmetric_potential
    np.testing.assert_allclose(centered(on_a, dense.a), centered(f, dense.a), atol=1e-8)
    np.testing.assert_allclose(centered(on_b, dense.b), centered(g, dense.b), atol=1e-8)


def test_gradient(solved):
    divergence, dense = solved
    gradient = divergence.gradient()
    np.testing.assert_allclose(gradient.x, dense.gradient_x - dense.on_source.gradient_x, atol=1e-8)
    for part, like in zip(gradient, (dense.x, dense.y, dense.a, dense.b), strict=True):
        assert part.shape == like.shape
        assert part.dtype == np.float64
    on_a, on_b = divergence.potentials
    np.testing.assert_allclose(centered(gradient.a, dense.a), centered(on_a, dense.a), atol=1e-8)
    np.testing.assert_allclose(centered(gradient.b, dense.b), centered(on_b, dense.b), atol=1e-8)


@pytest.mark.parametrize("mass", [0.01, 3.0, 1e6])
def test_value_is_proportional_to_the_mass(mass):
    x, y, a, b = example()
    one = sinkhorn_divergence(x, y, a, b, blur=BLUR, solver=PRECISE)
    many = sinkhorn_divergence(x, y, mass * a, mass * b, blur=BLUR, solver=PRECISE)
    assert many.value == pytest.approx(mass * one.value, rel=1e-9)
    np.testing.assert_allclose(many.gradient().x, mass * one.gradient().x, atol=1e-9 * mass)
    np.testing.assert_allclose(many.gradient().a, one.gradient().a, atol=1e-8)


def test_converged_only_if_all_three_are():
    x, y, a, b = example()
    divergence = sinkhorn_divergence(x, y, a, b, blur=BLUR)
    parts = (divergence.xy, divergence.xx, divergence.yy)
    assert divergence.converged
    assert divergence.marginal_error == max(part.marginal_error for part in parts) <= 1e-3
    assert divergence.n_iter == max(part.n_iter for part in parts)
    with pytest.warns(snb.ConvergenceWarning):
        poor = sinkhorn_divergence(
            x, y, a, b, blur=0.01, solver=Sinkhorn(max_iter=25, acceleration="none")
        )
    assert poor.xx.converged and poor.yy.converged
    assert not poor.converged
    assert poor.marginal_error == poor.xy.marginal_error > 1e-3


def test_passes_weigh_each_problem_by_its_pairs():
    x, y, a, b = example(n=10, m=40)
    d = sinkhorn_divergence(x, y, a, b, blur=BLUR)
    assert d.n_passes == pytest.approx(
        d.xy.n_passes + d.xx.n_passes * 100 / 400 + d.yy.n_passes * 1600 / 400
    )


def test_self_solutions_are_reused_to_the_bit():
    x, y, a, b = example()
    first = sinkhorn_divergence(x, y, a, b, blur=BLUR)
    calls = []
    counting = Sinkhorn(callback=calls.append)
    first = sinkhorn_divergence(x, y, a, b, blur=BLUR, solver=counting)
    calls.clear()
    again = sinkhorn_divergence(
        x, y, a, b, blur=BLUR, solver=counting, self_x=first.xx, self_y=first.yy
    )
    assert len(calls) == first.xy.n_iter
    assert again.xx is first.xx and again.yy is first.yy
    assert again.value == first.value
    for part, same in zip(again.gradient(), first.gradient(), strict=True):
        np.testing.assert_array_equal(part, same)
    one_only = sinkhorn_divergence(x, y, a, b, blur=BLUR, solver=counting, self_y=first.yy)
    assert one_only.yy is first.yy
    assert one_only.value == first.value


def test_self_solution_serves_other_partners():
    x, y, a, b = example()
    other = cloud(31, 2, shift=-1.0)
    known = sinkhorn_divergence(x, y, a, b, blur=BLUR).xx
    assert (
        sinkhorn_divergence(x, other, a, b, blur=BLUR, self_x=known).value
        == sinkhorn_divergence(x, other, a, b, blur=BLUR).value
    )
    swapped = sinkhorn_divergence(y, x, b, a, blur=BLUR, self_y=known)
    assert swapped.yy is known


def test_equal_measures_are_solved_once():
    x, _, a, _ = example()
    divergence = sinkhorn_divergence(x, x.copy(), a, a.copy(), blur=BLUR)
    assert divergence.value == 0
    assert divergence.xy is divergence.xx is divergence.yy
    assert divergence.n_passes == divergence.xy.n_passes


def test_a_solution_that_serves_several_terms_is_counted_once():
    """The same measure in other rows is solved once, whatever arrays its solution is read in."""
    x, _, a, _ = example()
    divergence = sinkhorn_divergence(x, x[::-1], a, a[::-1], blur=BLUR)
    assert divergence.xy is not divergence.yy
    assert divergence.xy.found is divergence.yy.found
    assert divergence.n_passes == divergence.xy.n_passes


def test_pickle_and_frozen(solved):
    divergence, _ = solved
    copy = pickle.loads(pickle.dumps(divergence))
    assert copy.value == divergence.value
    # A copy computes its gradient from its three solutions, not together with other pairs
    np.testing.assert_allclose(copy.gradient().x, divergence.gradient().x, rtol=0, atol=1e-15)
    with pytest.raises(dataclasses.FrozenInstanceError):
        divergence.xy = divergence.xx
    with pytest.raises(dataclasses.FrozenInstanceError):
        divergence.value = 0.0


@pytest.mark.parametrize("n, d", [(5, 1), (9, 2)])
def test_gradients_of_few_points_have_the_same_bits_wherever_arrays_lie(n, d):
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, d))
    y = rng.normal(size=(n + 3, d))
    known = sinkhorn_divergence(x, y, blur=BLUR).gradient()
    for k in range(40):
        in_the_way = [np.empty(rng.integers(1, 5000)) for _ in range(k % 7)]
        again = sinkhorn_divergence(x.copy(), y.copy(), blur=BLUR).gradient()
        assert len(in_the_way) == k % 7
        np.testing.assert_array_equal(again.x, known.x)
