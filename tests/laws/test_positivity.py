"""The divergence is not negative, zero for equal measures, and right where it is a small
difference.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Dense
from strategies import clouds, pairs, probabilities, rewritten

from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence, sinkhorn_divergences

pytestmark = pytest.mark.slow

SHIFTS = st.sampled_from([1e-12, 1e-8, 1e-6, 1e-4, 1e-2, 1.0])


@given(pairs(), SHIFTS, st.sampled_from(["auto", "none", "symmetric"]), st.integers(0, 2**32 - 1))
def test_nearly_equal_clouds_have_a_divergence_that_is_not_negative(
    pair, shift, acceleration, seed
):
    x, _, a, _, blur = pair
    y = x + shift * blur * np.random.default_rng(seed).normal(size=x.shape)
    solver = Sinkhorn(acceleration=acceleration, max_iter=20_000)
    assert sinkhorn_divergence(x, y, a, a, blur=blur, solver=solver).value >= 0
    assert (
        sinkhorn_divergences([x, y], [y, x], [a, a], [a, a], blur=blur, solver=solver).value.min()
        >= 0
    )


@given(st.data(), st.sampled_from([1, 2, 5]))
def test_equal_measures_have_none_however_they_are_written(data, d):
    x = data.draw(clouds(d))
    a = data.draw(probabilities(len(x)))
    y, b = data.draw(rewritten(x, a))
    blur = data.draw(st.floats(0.05, 2.0))
    assert sinkhorn_divergence(x, y, a, b, blur=blur).value == 0.0
    assert sinkhorn_divergences([x], [y], [a], [b], blur=blur).value[0] == 0.0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shift", [1e-4, 1e-3, 1e-2])
def test_nearly_equal_clouds_are_right_at_the_default_tolerance(seed, shift):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 2))
    y = x + shift * rng.normal(size=x.shape)
    expected = Dense.of(x, y, blur=0.1).divergence
    divergence = sinkhorn_divergence(x, y, blur=0.1)
    assert divergence.value == pytest.approx(expected, rel=0.05)
    assert divergence.converged
    many = sinkhorn_divergences([x, x], [y, x + 1], blur=0.1)
    assert many.value[0] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("seed", [1, 3])
@pytest.mark.parametrize("blur", [0.25, 1.0, 2.5])
def test_divergences_far_below_the_error_of_their_terms_are_sharpened_more_than_once(seed, blur):
    """They are about 1e-10 eps, and one round leaves errors as large as the divergences."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 2))
    y = x + 1e-5 * rng.normal(size=x.shape)
    expected = Dense.of(x, y, blur=blur).divergence
    assert sinkhorn_divergence(x, y, blur=blur).value == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("share", [1e-4, 1e-2])
def test_mass_that_moves_between_few_points_is_seen(share):
    x = np.arange(30.0)[:, None]
    a = np.full(30, 1 / 30)
    b = a.copy()
    b[[3, 20]] += share * np.array([1, -1]) / 30
    expected = Dense.of(x, x, a, b, blur=0.5).divergence
    assert sinkhorn_divergence(x, x, a, b, blur=0.5).value == pytest.approx(expected, rel=0.05)


def test_clouds_far_apart_take_no_more_passes_for_it():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 1500, 2))
    divergence, alone = sinkhorn_divergence(x, y + 1, blur=0.3), entropic_ot(x, y + 1, blur=0.3)
    assert divergence.xy.n_passes == alone.n_passes
