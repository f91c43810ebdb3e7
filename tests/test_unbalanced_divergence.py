"""Divergences with a price of the marginals: values, gradients and laws, against a dense oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import PRECISE, cloud, weights
from strategies import pairs, rewritten
from test_unbalanced import BLUR, MASSES, problem
from unbalanced_oracle import Priced, difference_quotients

from sinkhorn_nb import (
    Sinkhorn,
    pairwise_sinkhorn_divergence,
    sinkhorn_divergence,
    sinkhorn_divergences,
)

REACHES = [0.1, 0.5, 2.0]
RATIOS = st.sampled_from([0.05, 0.3, 1.0, 5.0])  # of reach and the diameter
FACTORS = st.sampled_from([1e-3, 0.5, 1.0, 1e3])


def dense(args, reach, blur=BLUR):
    return Priced(*args, blur**2, (reach**2, reach**2))


@pytest.mark.parametrize("masses", MASSES, ids=str)
@pytest.mark.parametrize("reach", REACHES)
def test_values_are_those_of_the_oracle(reach, masses):
    args = problem(masses)
    divergence = sinkhorn_divergence(*args, blur=BLUR, reach=reach, solver=PRECISE)
    oracle = dense(args, reach)
    assert divergence.converged
    assert divergence.value == pytest.approx(oracle.divergence, rel=1e-9)
    terms = divergence.xy.value - (divergence.xx.value + divergence.yy.value) / 2
    of_masses = BLUR**2 / 2 * (args[2].sum() - args[3].sum()) ** 2
    assert divergence.value == pytest.approx(terms + of_masses, rel=1e-6)


@pytest.mark.parametrize("masses", [(1.0, 1.0), (0.2, 5.0)], ids=str)
@pytest.mark.parametrize("reach", REACHES)
def test_gradients_are_difference_quotients_of_the_oracle(reach, masses):
    args = problem(masses, n=4, m=5)
    gradient = sinkhorn_divergence(*args, blur=BLUR, reach=reach, solver=PRECISE).gradient()
    for k, (name, part) in enumerate(zip("xyab", gradient, strict=True)):

        def value(array, k=k):
            return dense([*args[:k], array, *args[k + 1 :]], reach).divergence

        expected = difference_quotients(value, args[k], 1e-5 * np.abs(args[k]).max())
        np.testing.assert_allclose(part, expected, atol=1e-6 * np.abs(expected).max(), err_msg=name)


def test_potentials_are_differences_of_those_of_the_oracle():
    args = problem((0.2, 5.0))
    on_a, on_b = sinkhorn_divergence(*args, blur=BLUR, reach=0.5, solver=PRECISE).potentials
    oracle = dense(args, 0.5)
    f, g = oracle.potentials
    np.testing.assert_allclose(on_a, f - oracle.on_source.potentials[0], atol=1e-9)
    np.testing.assert_allclose(on_b, g - oracle.on_target.potentials[0], atol=1e-9)


@pytest.mark.parametrize("tol", [1e-2, 1e-4])
def test_the_certificate_encloses_the_value(tol):
    args = problem((0.2, 5.0), n=40, m=50)
    divergence = sinkhorn_divergence(*args, blur=BLUR, reach=0.5, solver=Sinkhorn(tol=tol))
    oracle = dense(args, 0.5).divergence
    assert abs(divergence.value - oracle) <= divergence.gap + 1e-12 * oracle


@pytest.mark.parametrize("masses", MASSES, ids=str)
@pytest.mark.parametrize("reach", REACHES)
def test_the_default_tolerance_gives_four_digits(reach, masses):
    args = problem(masses, n=40, m=50)
    divergence = sinkhorn_divergence(*args, blur=BLUR, reach=reach)
    assert divergence.value == pytest.approx(dense(args, reach).divergence, rel=3e-4)


def test_large_prices_lose_no_digits():
    """Terms of the size of rho are added in closed form, not by cancellation."""
    args = problem((2.0, 2.0))
    balanced = sinkhorn_divergence(*args, blur=BLUR, solver=PRECISE).value
    far = sinkhorn_divergence(*args, blur=BLUR, reach=1e6, solver=PRECISE).value
    assert far == pytest.approx(balanced, rel=1e-8)
    args = problem((2.0, 3.0))
    unequal = sinkhorn_divergence(*args, blur=BLUR, reach=1e6, solver=PRECISE).value
    assert unequal == pytest.approx(1e12 * (np.sqrt(2) - np.sqrt(3)) ** 2, rel=1e-9)


def test_a_small_reach_gives_the_distance_of_the_kernel():
    args = x, y, a, b = problem((0.5, 2.0))
    kernels = [np.exp(-dense((u, v, a, b), 1.0).C / BLUR**2) for u, v in ((x, x), (x, y), (y, y))]
    squared = a @ kernels[0] @ a - 2 * (a @ kernels[1] @ b) + b @ kernels[2] @ b
    small = sinkhorn_divergence(*args, blur=BLUR, reach=1e-4, solver=PRECISE).value
    assert small == pytest.approx(BLUR**2 / 2 * squared, rel=1e-5)


@given(p=pairs(), ratio=RATIOS, factor=FACTORS)
def test_values_are_positive_and_symmetric_to_the_bit(p, ratio, factor):
    reach, b = ratio * p.blur, factor * p.b
    divergence = sinkhorn_divergence(p.x, p.y, p.a, b, blur=p.blur, reach=reach)
    assert divergence.value >= 0
    back = sinkhorn_divergence(p.y, p.x, b, p.a, blur=p.blur, reach=reach)
    assert back.value == divergence.value
    there, again = divergence.gradient(), back.gradient()
    np.testing.assert_array_equal(there.x, again.y)
    np.testing.assert_array_equal(there.b, again.a)


@given(data=st.data(), p=pairs(), ratio=RATIOS)
def test_equal_measures_have_no_divergence_however_they_are_written(data, p, ratio):
    x, a = data.draw(rewritten(p.x, p.a))
    divergence = sinkhorn_divergence(p.x, x, p.a, a, blur=p.blur, reach=ratio * p.blur)
    assert divergence.value == 0.0
    np.testing.assert_allclose(divergence.gradient().x, 0.0, atol=1e-9 * p.size / p.blur)


@given(p=pairs(), ratio=RATIOS, factor=FACTORS)
def test_values_are_those_of_the_oracle_for_all_masses(p, ratio, factor):
    carriers, others = p.a > 0, p.b > 0
    args = p.x[carriers], p.y[others], p.a[carriers], factor * p.b[others]
    reach = ratio * p.blur
    found = sinkhorn_divergence(
        p.x, p.y, p.a, factor * p.b, blur=p.blur, reach=reach, solver=Sinkhorn(tol=1e-8)
    )
    oracle = dense(args, reach, p.blur)
    size = abs(oracle.value) + abs(oracle.on_source.value) + abs(oracle.on_target.value)
    size += p.blur**2 * (args[2].sum() + args[3].sum()) ** 2  # what the oracle's terms cancel to
    assert found.value == pytest.approx(oracle.divergence, rel=1e-6, abs=1e-11 * size)


@given(p=pairs(), ratio=RATIOS, share=st.sampled_from([0.25, 0.5, 0.9]))
def test_the_divergence_is_convex_in_each_measure(p, ratio, share):
    """Between b and another measure on the same points, of another mass."""
    other = 3 * p.b[::-1]

    def value(weights):
        solver = Sinkhorn(tol=1e-7)
        reach = ratio * p.blur
        return sinkhorn_divergence(
            p.x, p.y, p.a, weights, blur=p.blur, reach=reach, solver=solver
        ).value

    mixed = value(share * p.b + (1 - share) * other)
    assert mixed <= share * value(p.b) + (1 - share) * value(other) + 1e-9 * p.size


@pytest.mark.parametrize("factor", [1e-6, 0.1, 1e3])
def test_scaled_points_and_lengths_scale_the_value(factor):
    x, y, a, b = problem((0.2, 5.0))
    one = sinkhorn_divergence(x, y, a, b, blur=BLUR, reach=0.5, solver=PRECISE)
    many = sinkhorn_divergence(
        factor * x, factor * y, a, b, blur=factor * BLUR, reach=factor * 0.5, solver=PRECISE
    )
    assert many.value == pytest.approx(factor**2 * one.value, rel=1e-10)


def test_repeated_divergences_reuse_their_self_solutions():
    x, y, a, b = problem((0.2, 5.0))
    first = sinkhorn_divergence(x, y, a, b, blur=BLUR, reach=0.5)
    again = sinkhorn_divergence(x, y, a, b, blur=BLUR, reach=0.5, self_x=first.xx, self_y=first.yy)
    assert again.xx is first.xx
    assert again.value == first.value
    with pytest.raises(ValueError, match="self_x"):
        sinkhorn_divergence(x, y, a, b, blur=BLUR, reach=0.6, self_x=first.xx)


def test_a_divergence_starts_the_next_one():
    x, y, a, b = problem((0.2, 5.0), n=40, m=50)
    first = sinkhorn_divergence(x, y, a, b, blur=BLUR, reach=0.5)
    moved = y + 0.01
    plain = sinkhorn_divergence(x, moved, a, b, blur=BLUR, reach=0.5, solver=PRECISE)
    warm = sinkhorn_divergence(x, moved, a, b, blur=BLUR, reach=0.5, solver=Sinkhorn(init=first))
    assert warm.value == pytest.approx(plain.value, rel=1e-4)
    assert warm.n_passes < sinkhorn_divergence(x, moved, a, b, blur=BLUR, reach=0.5).n_passes


def test_batches_and_tables_are_single_divergences():
    clouds = [cloud(n, 2, shift=n / 20) for n in (5, 9, 13)]
    own = [weights(len(x), mass) for x, mass in zip(clouds, (1.0, 0.1, 7.0), strict=True)]
    settings = {"blur": BLUR, "reach": 0.5, "solver": PRECISE}
    table = pairwise_sinkhorn_divergence(clouds, weights=own, **settings)
    first, second = np.triu_indices(3, 1)
    batch = sinkhorn_divergences(
        [clouds[i] for i in first],
        [clouds[j] for j in second],
        [own[i] for i in first],
        [own[j] for j in second],
        **settings,
    )
    singles = [
        dense((clouds[i], clouds[j], own[i], own[j]), 0.5).divergence
        for i, j in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(table[first, second], singles, rtol=1e-8)
    np.testing.assert_allclose(batch.value, singles, rtol=1e-8)
    np.testing.assert_array_equal(table, table.T)
    np.testing.assert_array_equal(np.diag(table), 0.0)
    one = sinkhorn_divergence(clouds[0], clouds[2], own[0], own[2], **settings).gradient()
    np.testing.assert_allclose(batch[1].gradient().x, one.x, atol=1e-8)
