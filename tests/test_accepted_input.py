"""Unusual input that must work, give the right answer, and come back untouched."""

import warnings

import numpy as np
import pytest
from oracle import Dense, exact_cost
from problems import PRECISE, cloud, example, weights

import sinkhorn_nb as snb
from sinkhorn_nb import entropic_ot, sinkhorn_divergence

X, Y = np.round(cloud(9, 2) * 8) / 8, np.round(cloud(7, 2, shift=0.5) * 8) / 8  # exact in float16
BLUR = 0.5


class ArrayLike:
    """An array-like with only __array__, like a data frame."""

    def __init__(self, values):
        self._values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values, dtype=dtype)


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def strided(x):
    wide = np.full((3 * len(x), 5), np.nan)
    wide[::3, 1:5:3] = x
    return wide[::3, 1:5:3]


FORMS = {
    "list": np.ndarray.tolist,
    "tuple": lambda x: tuple(map(tuple, x.tolist())),
    "objects": lambda x: x.astype(object),
    "array-like": ArrayLike,
    "Fortran order": np.asfortranarray,
    "read-only": read_only,
    "strided": strided,
    "negative strides": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "big endian": lambda x: x.astype(">f8"),
    "float16": lambda x: x.astype(np.float16),
    "float32, big-endian": lambda x: x.astype(">f4"),
    "float32": lambda x: x.astype(np.float32),
    "long double": lambda x: x.astype(np.longdouble),
}


def divergence(x, y, a=None, b=None, blur=BLUR, solver=PRECISE):
    """Compute a divergence and check that its potentials are finite."""
    result = sinkhorn_divergence(x, y, a, b, blur=blur, solver=solver)
    for potential in (result.xy.f, result.xy.g, result.xx.f, result.yy.g):
        assert potential.dtype == np.float64
        assert np.isfinite(potential).all()
    return result


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_arrays(form):
    x, y = FORMS[form](X), FORMS[form](Y)
    assert divergence(x, y).value == pytest.approx(Dense.of(X, Y, blur=BLUR).divergence, rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, ">f2", np.float32, ">f4", "<f4"])
def test_short_floats_of_any_byte_order_are_computed_in_float32(dtype):
    points = entropic_ot(X.astype(dtype), Y, blur=BLUR).problem.source.points
    assert points.dtype == np.float32 and points.dtype.isnative
    np.testing.assert_array_equal(points, X)


@pytest.mark.parametrize("form", ["list", "tuple", "array-like", "objects", "read-only", "float32"])
def test_forms_of_weights(form):
    a, b = np.arange(1.0, 10.0), np.array([15.0, 1, 2, 3, 4, 5, 15])
    convert = FORMS[form] if form != "tuple" else tuple
    assert divergence(X, Y, convert(a), convert(b)).value == pytest.approx(
        Dense.of(X, Y, a, b, blur=BLUR).divergence, rel=1e-9
    )


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "bool"])
def test_integers(dtype):
    x, y = np.eye(3, dtype=dtype), np.ones((2, 3), dtype=dtype)
    expected = Dense.of(x, y, [1, 0, 2], [2, 1], blur=BLUR).divergence
    assert divergence(x, y, np.array([1, 0, 2]), [2, 1]).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("blur", [1, np.float32(1), np.array(1.0), np.int8(1)])
def test_forms_of_blur(blur):
    assert entropic_ot(X, Y, blur=blur).value == entropic_ot(X, Y, blur=1.0).value


def test_zero_weights_are_inert():
    x, y, a, b = example(zeros=4)
    x[:4] *= 50  # far away
    got, expected = divergence(x, y, a, b), divergence(x[4:], y[4:], a[4:], b[4:])
    assert got.value == pytest.approx(expected.value, rel=1e-8)
    assert got.xy.transport_cost == pytest.approx(expected.xy.transport_cost, rel=1e-8)
    gradient = got.gradient()
    np.testing.assert_array_equal(gradient.x[:4], 0)
    np.testing.assert_allclose(gradient.x[4:], expected.gradient().x, atol=1e-8)
    np.testing.assert_array_equal(got.xy.plan.sum(axis=1)[:4], 0)
    assert np.isfinite(got.xy.map()).all()


def test_duplicates_are_one_point_with_their_weight():
    x, y = cloud(6, 2), cloud(7, 2, shift=0.5)
    twice = np.concatenate([x, x[:3]])
    a = np.array([2, 2, 2, 1, 1, 1]) / 9
    assert divergence(twice, y).value == pytest.approx(
        Dense.of(x, y, a, blur=BLUR).divergence, rel=1e-9
    )


def test_one_point():
    assert divergence([[0.0, 0.0]], [[3.0, 4.0]]).value == pytest.approx(12.5, rel=1e-12)
    one_to_many = divergence([[0.0, 0.0]], Y)
    assert one_to_many.value == pytest.approx(
        Dense.of([[0.0, 0.0]], Y, blur=BLUR).divergence, rel=1e-9
    )
    np.testing.assert_allclose(one_to_many.xy.map(), [Y.mean(axis=0)], rtol=1e-9)


def test_diameter_zero():
    x, y = np.full((5, 2), 0.3), np.full((3, 2), 0.3)
    result = divergence(x, y, weights(5), weights(3))
    assert result.value == pytest.approx(0, abs=1e-15)
    np.testing.assert_allclose(result.xy.map(), x, rtol=1e-14)


def test_identical_clouds():
    result = divergence(X, X.copy())
    assert result.value == 0
    gradient = result.gradient()
    for part in gradient:
        np.testing.assert_array_equal(part, 0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_far_from_the_origin(dtype):
    """Multiples of 1/8 are exact at 1e6 in float32 too."""
    got = divergence((X + 1e6).astype(dtype), (Y + 1e6).astype(dtype)).value
    assert got == pytest.approx(Dense.of(X, Y, blur=BLUR).divergence, rel=1e-8)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scales(scale, dtype):
    x, y = (scale * X).astype(dtype), (scale * Y).astype(dtype)
    got = divergence(x, y, blur=scale * BLUR)
    assert got.value == pytest.approx(Dense.of(x, y, blur=scale * BLUR).divergence, rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("ratio", [1e-4, 1e-3, 1e-2, 0.1, 1, 1e2, 1e4])
def test_any_blur_is_right_or_says_that_it_is_not(ratio, dtype):
    x, y, a, b = example(zeros=2)
    x, y = x.astype(dtype), y.astype(dtype)
    diameter = float(np.linalg.norm(np.ptp(np.concatenate([x, y]), axis=0)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = divergence(x, y, a, b, blur=ratio * diameter, solver=snb.Sinkhorn(max_iter=500))
        assert np.isfinite(np.concatenate([part.ravel() for part in result.gradient()])).all()
    assert np.isfinite(result.value)
    if result.converged:
        assert caught == []
        # The oracle itself takes too long there, but then S is the optimal cost
        sharp = ratio < 1e-2
        expected = (
            exact_cost(x, y, a, b)
            if sharp
            else Dense.of(x, y, a, b, blur=ratio * diameter).divergence
        )
        assert result.value == pytest.approx(expected, abs=1e-3 * diameter**2)
    else:
        assert [warning.category for warning in caught] == [snb.ConvergenceWarning]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_few_points_far_apart_in_blurs_take_few_iterations(dtype):
    """Samples of 5 and 7 of them took zeros for the best start: 22 and 127 iterations."""
    x, y, a, b = example(zeros=2)
    source, target = snb.Measure.of(x.astype(dtype), a), snb.Measure.of(y.astype(dtype), b)
    solution = snb.Sinkhorn().attempt(snb.Problem(source, target, 0.006**2))
    assert solution.converged
    assert solution.n_iter <= 10


def test_input_is_never_modified():
    x, y, a, b = example(zeros=2)
    before = [array.copy() for array in (x, y, a, b)]
    result = sinkhorn_divergence(x, y, a, b, blur=BLUR)
    result.gradient(), result.xy.map(x), result.xy.plan @ y, result.xy.plan.topk(2)
    for array, copy in zip((x, y, a, b), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_result_does_not_follow_later_changes_of_the_input():
    x, y, a, b = example()
    result = entropic_ot(x, y, a, b, blur=BLUR)
    expected = entropic_ot(x.copy(), y.copy(), a.copy(), b.copy(), blur=BLUR).map()
    for array in (x, y, a, b):
        array[:] = 1.0
    np.testing.assert_array_equal(result.map(), expected)


def test_points_moved_in_place_are_other_points():
    x, y = cloud(9, 2), cloud(7, 2, shift=0.5)
    before = sinkhorn_divergence(x, y, blur=BLUR)
    x *= 1.5
    with pytest.raises(ValueError, match="another problem"):
        sinkhorn_divergence(x, y, blur=BLUR, self_x=before.xx)
