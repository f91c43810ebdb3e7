"""The exponential and the logarithm of the kernels."""

import numba
import numpy as np
import pytest

from sinkhorn_nb.backends import elementary, pointwise

LIMITS = {"float32": (-90, 126), "float64": (-900, 1022)}
ACCURACY = {"float32": 3e-7, "float64": 1e-15}


@numba.njit
def exp2(t):
    out = np.empty_like(t)
    for i in range(len(t)):
        out[i] = elementary.exp2(t[i])
    return out


def arguments(dtype):
    low, high = LIMITS[dtype]
    halves = np.arange(low, high, 0.5)
    around_halves = np.concatenate(
        [np.nextafter(halves, -np.inf), halves, np.nextafter(halves, np.inf)]
    )
    small = np.concatenate(
        [np.linspace(-1.5, 1.5, 20_001), 2.0 ** np.arange(-80, 0), -(2.0 ** np.arange(-80, 0))]
    )
    t = np.concatenate([np.linspace(low, high, 100_003), around_halves, small])
    return np.clip(t, low, high).astype(dtype)


@pytest.mark.parametrize("dtype", LIMITS)
def test_relative_accuracy(dtype):
    t = arguments(dtype)
    exact = np.exp2(t.astype(np.longdouble))
    got = exp2(t)
    assert got.dtype == dtype
    assert np.max(np.abs(got / exact - 1)) < ACCURACY[dtype]


@pytest.mark.parametrize("dtype", LIMITS)
def test_clips_instead_of_overflowing(dtype):
    low, high = LIMITS[dtype]
    t = np.array(
        [
            low - 1,
            low - 1e5,
            -1e30,
            -np.finfo(dtype).max,
            high + 1,
            high + 1e5,
            1e30,
            np.finfo(dtype).max,
        ]
    )
    expected = np.exp2(np.repeat([low, high], 4).astype(np.float64))
    np.testing.assert_allclose(
        exp2(t.astype(dtype)).astype(np.float64), expected, rtol=ACCURACY[dtype]
    )


@pytest.mark.parametrize("dtype", LIMITS)
def test_increases(dtype):
    """No jump where the integer part changes."""
    got = exp2(np.sort(arguments(dtype)))
    assert (got[1:] >= got[:-1] * (1 - 2 * ACCURACY[dtype])).all()


def test_exponentials_minus_1_have_all_digits_of_small_arguments():
    t = arguments("float64")
    exact = np.expm1(np.log(np.longdouble(2)) * t)
    compiled = numba.njit(lambda t: np.array([elementary.exp2m1(each) for each in t]))
    got = compiled(t)
    np.testing.assert_array_less(np.abs(got - exact), 2e-14 * np.maximum(np.abs(exact), 1e-30))
    assert compiled(np.array([0.0])) == 0.0
    np.testing.assert_allclose(compiled(np.array([-1e30, 1e30])), [-1.0, 2.0**1022], rtol=1e-15)
    assert elementary.exp2m1(0.5) == pytest.approx(np.sqrt(2) - 1, rel=1e-15)


def test_interpreted_formula_is_the_compiled_one():
    x, y = (0.5, -1.25, 2.0), (3.0, 0.25, -0.75)
    compiled = numba.njit(lambda F, G, x, y: pointwise.exponent(None, F, G, x, y))
    assert compiled(0.3, -0.7, x, y) == pytest.approx(
        pointwise.exponent(None, 0.3, -0.7, x, y), rel=1e-15
    )
    assert pointwise.exponent(None, 0.3, -0.7, x, y) == pytest.approx(
        0.3 - 0.7 + np.dot(x, y), rel=1e-15
    )


@numba.njit
def entry(t, highest):
    out = np.empty_like(t)
    for i in range(len(t)):
        out[i] = pointwise.entry(t[i], highest)
    return out


def test_entries_of_plans_have_the_whole_range_of_float64():
    t = np.linspace(-511, 510, 200_001)
    got = entry(t, 510.0)
    assert np.max(np.abs(got / np.exp2(2 * t.astype(np.longdouble)) - 1)) < 2e-15
    np.testing.assert_array_equal(
        entry(np.array([-1e290, -1e5, np.nextafter(-511, -512)]), 510.0), 0
    )
    np.testing.assert_array_equal(entry(np.array([480.0, 481.0, 1e290]), 480.0), 2.0**960)


@numba.njit
def log2(z):
    out = np.empty_like(z)
    for i in range(len(z)):
        out[i] = elementary.log2(z[i])
    return out


def test_binary_logarithms_are_right_to_their_last_digits():
    rng = np.random.default_rng(0)
    root, tiny, huge = np.sqrt(2), np.finfo(float).tiny, np.finfo(float).max
    special = [
        tiny,
        huge,
        1.0,
        root,
        1 / root,
        *np.nextafter([1.0, 1.0, root, root], [0.0, 2.0, 0.0, 2.0]),
    ]
    z = np.concatenate(
        [special, np.exp2(rng.uniform(-1022, 1023, 2000)), rng.uniform(0.5, 2.0, 2000)]
    )
    found, expected = log2(z), np.log2(z)
    assert (np.abs(found - expected) <= 1e-15 * (1 + np.abs(expected))).all()
    np.testing.assert_allclose([elementary.log2(v) for v in z], expected, rtol=1e-15)
    powers = np.arange(-1022, 1024)
    assert log2(np.exp2(powers)).tolist() == powers.tolist()
