"""Kernel norms against dense sums, finite differences and their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sinkhorn_nb as snb

KERNELS = {
    "energy": lambda d, blur: -d,
    "gaussian": lambda d, blur: np.exp(-(d**2) / (2 * blur**2)),
    "laplacian": lambda d, blur: np.exp(-d / blur),
}
LENGTH = {"energy": None, "gaussian": 0.7, "laplacian": 0.7}


def dense(kernel, x, y, a, b, blur=0.7):
    z, w = np.concatenate([x, y]), np.concatenate([a, -b])
    distances = np.sqrt(((z[:, None] - z) ** 2).sum(axis=2))
    return w @ KERNELS[kernel](distances, blur) @ w / 2


def clouds(n=13, m=9, d=3, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.3
    a, b = rng.uniform(0.5, 1.5, n), rng.uniform(0.5, 1.5, m)
    return x, y, a / a.sum(), b / b.sum()


def value(kernel, x, y, a, b):
    return snb.mmd(x, y, a, b, kernel=kernel, blur=LENGTH[kernel])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("mass", [1.0, 5.0])
def test_values_are_those_of_dense_sums(kernel, mass):
    x, y, a, b = clouds()
    found = value(kernel, x, y, mass * a, mass * b)
    assert float(found) == pytest.approx(dense(kernel, x, y, mass * a, mass * b), rel=1e-10)


@pytest.mark.parametrize("kernel", ["gaussian", "laplacian"])
def test_masses_may_differ(kernel):
    x, y, a, b = clouds()
    found = value(kernel, x, y, 3 * a, b)
    assert float(found) == pytest.approx(dense(kernel, x, y, 3 * a, b), rel=1e-10)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_are_those_of_finite_differences(kernel):
    inputs = clouds()
    gradient = value(kernel, *inputs).gradient()
    rng, step = np.random.default_rng(1), 1e-6
    for k, part in enumerate(gradient):
        direction = rng.normal(size=part.shape)
        if k >= 2:
            direction -= direction.mean()
        up, down = (
            [v + sign * step * direction if j == k else v for j, v in enumerate(inputs)]
            for sign in (1, -1)
        )
        slope = (dense(kernel, *up) - dense(kernel, *down)) / (2 * step)
        assert (part * direction).sum() == pytest.approx(slope, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_repeated_rows_and_weights_of_zero_change_nothing(kernel):
    x, y, a, b = clouds()
    expected = value(kernel, x, y, a, b)
    rows = np.concatenate([x, x[:4], x[:1] + 5])
    weights = np.concatenate([a, np.zeros(5)])
    weights[:4] /= 2
    weights[13:17] = weights[:4]
    found = value(kernel, rows, y, weights, b)
    assert float(found) == pytest.approx(float(expected), rel=1e-12)
    moved = found.gradient().x
    np.testing.assert_allclose(moved[:4] + moved[13:17], expected.gradient().x[:4], rtol=1e-9)
    np.testing.assert_array_equal(moved[17:], 0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_weights_of_zero_have_derivatives(kernel):
    x, y, a, b = clouds()
    x = np.concatenate([x, [[2.0, -1.0, 0.5]]])
    zero, some = np.append(a, 0.0), np.append(a, 1e-6)
    slope = (dense(kernel, x, y, some, b) - dense(kernel, x, y, zero, b)) / 1e-6
    assert value(kernel, x, y, zero, b).gradient().a[-1] == pytest.approx(slope, rel=1e-4)


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(KERNELS)), st.integers(1, 4))
def test_values_are_symmetric_positive_and_zero_for_equal_measures(seed, kernel, d):
    x, y, a, b = clouds(d=d, seed=seed)
    found = float(value(kernel, x, y, a, b))
    assert found > 0
    assert float(value(kernel, y, x, b, a)) == pytest.approx(found, rel=1e-10)
    assert float(value(kernel, x, x[::-1], a, a[::-1])) == 0.0


def test_divergences_tend_to_the_energy_distance_as_the_blur_grows():
    x, y, a, b = clouds()
    energy = float(snb.mmd(x, y, a, b))
    assert float(snb.sinkhorn_divergence(x, y, a, b, blur=1e4, p=1)) == pytest.approx(
        energy, rel=1e-3
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel": "cosine"}, "kernel: expected"),
        ({"blur": 0.1}, 'blur: expected None for kernel="energy"'),
        ({"kernel": "gaussian"}, "blur: expected a length for kernel='gaussian'"),
        ({"kernel": "laplacian", "blur": -1.0}, "blur: expected a length > 0"),
    ],
)
def test_bad_input_is_refused_with_the_cure(settings, message):
    x, y, *_ = clouds()
    with pytest.raises((TypeError, ValueError), match=message):
        snb.mmd(x, y, **settings)


def test_the_energy_distance_needs_equal_masses():
    x, y, a, b = clouds()
    with pytest.raises(ValueError, match=r'b: .*or pass kernel="gaussian"'):
        snb.mmd(x, y, 2 * a, b)
