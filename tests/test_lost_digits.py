"""Digits that are lost before or in float64 are seen: the right value, or an error whose cure works."""

import numpy as np
import pytest
from problems import cloud

import sinkhorn_nb as snb
from sinkhorn_nb import entropic_ot, sinkhorn_divergence, validation

X, Y = cloud(6, 2), cloud(5, 2, shift=0.5)
VALUE = sinkhorn_divergence(X, Y, blur=0.3).value
TIMES = np.array([[2**60], [2**60 + 100]])


@pytest.mark.parametrize("convert", [np.asarray, np.ndarray.tolist, np.uint64, np.longdouble])
def test_integers_beyond_float64_are_refused_with_a_cure_that_works(convert):
    if convert is np.longdouble and np.finfo(np.longdouble).nmant < 63:
        pytest.skip("long doubles of this machine are doubles")
    with pytest.raises(ValueError, match=r"^x: .*rounds by .*x - x\[0\] and y - x\[0\]"):
        sinkhorn_divergence(convert(TIMES), convert(TIMES + 50), blur=10.0)
    x, y = TIMES - TIMES[0], TIMES + 50 - TIMES[0]
    assert sinkhorn_divergence(x, y, blur=10.0).value == pytest.approx(1250, rel=1e-3)


def test_integers_beyond_64_bits_are_refused():
    with pytest.raises(ValueError, match=r"^x: .*rounds by 100"):
        sinkhorn_divergence([[2**70], [2**70 + 100]], [[2**70]], blur=10.0)


def test_numbers_to_be_sorted_keep_their_digits():
    with pytest.raises(ValueError, match=r"^x: .*rounds by 128"):
        snb.soft_sort(TIMES[:, 0], blur=1000.0)


def test_large_integers_are_accepted_where_the_blur_does_not_see_their_rounding():
    near = np.array([[0], [10**9]])
    assert sinkhorn_divergence(
        2**60 + near + 1, 2**60 + near + 10**9, blur=1e9
    ).value == pytest.approx(sinkhorn_divergence(near + 1, near + 10**9, blur=1e9).value, rel=1e-5)


def test_floats_too_coarse_for_the_blur_are_refused():
    with pytest.raises(
        ValueError, match=r"^x: .*1.15e\+18 in column 0, where its numbers are 256 apart; subtract"
    ):
        sinkhorn_divergence(TIMES.astype(float), TIMES + 50.0, blur=10.0)


@pytest.mark.parametrize(
    ("dtype", "far", "apart"), [("f4", 1e8, "8"), (">f4", 1e8, "8"), ("f2", 1024.0, "1")]
)
def test_points_rounded_before_they_came_are_refused_with_a_cure_that_works(dtype, far, apart):
    x, y = np.add(X, far), np.add(Y, far)
    with pytest.raises(
        ValueError,
        match=rf"^x: .* float{8 * int(dtype[-1])} .* are {apart} apart; .*astype\(float\)",
    ):
        sinkhorn_divergence(x.astype(dtype), y, blur=0.3)
    with pytest.raises(ValueError, match=r"^y: .*apart"):
        sinkhorn_divergence(x, y.astype(dtype), blur=0.3)
    with pytest.raises(ValueError, match=r"^x: .*apart"):
        snb.soft_sort(x[:, 0].astype(dtype), blur=0.3)
    origin = x[0]
    moved = sinkhorn_divergence((x - origin).astype(dtype), (y - origin).astype(dtype), blur=0.3)
    assert moved.value == pytest.approx(VALUE, rel=1e-2)
    exact = sinkhorn_divergence(
        x.astype(dtype).astype(float), y.astype(dtype).astype(float), blur=0.3
    )
    assert exact.xy.problem.source.points.dtype == np.float64


def test_rounded_points_without_mass_and_those_of_a_large_blur_are_accepted():
    x = np.vstack([X, [1e8, 1e8]]).astype(np.float32)
    got = sinkhorn_divergence(x, Y, [*np.full(6, 1 / 6), 0.0], blur=0.3).value
    assert got == pytest.approx(VALUE, rel=1e-3)
    far = np.float32([[2.0**20], [2.0**20 + 1]])  # 1 / 8 apart
    sinkhorn_divergence(far, far, blur=0.5)
    with pytest.raises(ValueError, match=r"^x: .*are 0\.125 apart"):
        sinkhorn_divergence(far, far, blur=0.49)


def test_a_coordinate_that_stands_for_infinity_is_named():
    x, y = [[2.2, 2.3], [0.5, 1e16]], [[5.7, 18.1], [2.8, 1e16]]
    with pytest.raises(
        ValueError, match=r"^blur: .*column 1, got 0.1.*1e\+16 at row 1 of x .*remove that row"
    ):
        sinkhorn_divergence(x, y, blur=0.1)
    # Inert
    assert sinkhorn_divergence(x, y, [1, 0], [1, 0], blur=0.1).value == pytest.approx(
        130.945, rel=1e-6
    )


def test_the_largest_extent_that_is_accepted_is_still_solved():
    x, y = np.array([[2.2, 2.3], [0.5, 1e5]]), np.array([[5.7, 18.1], [2.8, 1e5]])
    assert sinkhorn_divergence(x, y, blur=0.1).value == pytest.approx(66.795, rel=1e-6)


def test_the_mass_check_knows_the_precision_of_the_weights():
    n = 100_000
    a = np.exp(np.random.default_rng(0).normal(size=n)).astype(np.float32)
    a *= np.float32(1.00000905) / a.sum(dtype=np.float64)
    x = np.repeat([[0.0], [1.0]], n // 2, axis=0)
    s = entropic_ot(x, [[0.0], [2.0]], a, [0.5, 0.5], blur=0.5)
    assert s.converged
    with pytest.raises(ValueError, match=r"^b: expected the total mass of a"):
        entropic_ot(x, [[0.0], [2.0]], a.astype(np.float64), [0.5, 0.5], blur=0.5)
    with pytest.raises(ValueError, match=r"^b: expected the total mass of a"):
        entropic_ot(x, [[0.0], [2.0]], np.float32(1.001) * a, [0.5, 0.5], blur=0.5)


def test_sides_of_slightly_different_mass_are_scaled_to_one_mass():
    a, b = np.full(6, 1 / 6, np.float16), np.full(5, 1 / 5)
    assert a.sum(dtype=float) != 1
    assert sinkhorn_divergence(X, Y, a, b, blur=0.3).value == pytest.approx(VALUE, rel=1e-3)


@pytest.mark.parametrize(
    ("dtype", "n", "least"), [("float64", 10**9, 0), ("int32", 9, 0), ("float16", 10**6, 0.01)]
)
def test_the_rounding_of_a_mass(dtype, n, least):
    assert validation.meaning.mass_rounding(np.dtype(dtype), n) == least
