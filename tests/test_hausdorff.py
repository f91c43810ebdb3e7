"""The Hausdorff divergence and the Sinkhorn negentropy: values, gradients and laws."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import PRECISE, example
from strategies import pairs, rewritten
from unbalanced_oracle import HARD, Priced, difference_quotients

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, hausdorff_divergence, sinkhorn_divergence, sinkhorn_negentropy

BLUR = 0.3
TERMS = [(None, 1.0), (None, 3.0), (0.2, 1.0), (0.7, 1.0), (0.7, 9.0), (4.0, 0.2)]
CASES = pytest.mark.parametrize(("reach", "factor"), TERMS, ids=str)
REACHES = st.sampled_from([None, 0.3, 1.0, 5.0])  # in blurs


def problem(reach, factor, **sizes):
    """Both masses are the factor if marginals are exact, else only that of the target."""
    x, y, a, b = example(**({"n": 9, "m": 12} | sizes))
    return x, y, (factor if reach is None else 1.0) * a, factor * b


def dense(args, reach, blur=BLUR):
    rho = HARD if reach is None else reach**2
    return Priced(*args, blur**2, (rho, rho))


@CASES
def test_values_are_those_of_the_oracle(reach, factor):
    args = problem(reach, factor)
    found = hausdorff_divergence(*args, blur=BLUR, reach=reach, solver=PRECISE)
    assert found.converged
    assert found.value == float(found) == pytest.approx(dense(args, reach).hausdorff, rel=1e-9)
    entropy = sinkhorn_negentropy(args[0], args[2], blur=BLUR, reach=reach, solver=PRECISE)
    assert entropy.converged
    assert float(entropy) == pytest.approx(dense(args, reach).negentropy, rel=1e-9)


@CASES
def test_the_default_tolerance_gives_four_digits(reach, factor):
    args = problem(reach, factor, n=60, m=70)
    found = hausdorff_divergence(*args, blur=BLUR, reach=reach)
    assert found.value == pytest.approx(dense(args, reach).hausdorff, rel=1e-4)
    near = args[0] + 0.01, args[0], args[2], args[2]
    found = hausdorff_divergence(*near, blur=BLUR, reach=reach)
    assert found.value == pytest.approx(dense(near, reach).hausdorff, rel=1e-3)


@CASES
def test_gradients_are_difference_quotients_of_the_oracle(reach, factor):
    args = problem(reach, factor, n=4, m=5)
    found = hausdorff_divergence(*args, blur=BLUR, reach=reach, solver=PRECISE)
    gradient = found.gradient(tol=1e-11)
    assert gradient.linear_solve.converged
    for k, (name, part) in enumerate(zip("xyab", gradient, strict=True)):

        def value(array, k=k):
            return dense([*args[:k], array, *args[k + 1 :]], reach).hausdorff

        if reach is None and name in "ab":
            continue
        expected = difference_quotients(value, args[k], 1e-5 * np.abs(args[k]).max())
        np.testing.assert_allclose(part, expected, atol=1e-5 * np.abs(expected).max())


def test_balanced_gradients_in_the_weights_are_derivatives_at_one_mass():
    x, y, a, b = problem(None, 3.0, n=4, m=5)
    gradient = hausdorff_divergence(x, y, a, b, blur=BLUR, solver=PRECISE).gradient(tol=1e-11)
    da, db = np.array([0.2, -0.1, 0.3, 0.1]) * a, np.array([-0.1, 0.2, 0.1, 0.3, -0.2]) * b
    db += b * (da.sum() - db.sum()) / b.sum()

    def value(t):
        args = x, y, a + t * da, b + t * db
        return hausdorff_divergence(*args, blur=BLUR, solver=PRECISE).value

    slope = (value(1e-4) - value(-1e-4)) / 2e-4
    assert gradient.a @ da + gradient.b @ db == pytest.approx(slope, rel=1e-6)
    assert gradient.a @ a + gradient.b @ b == pytest.approx(value(0.0), rel=1e-9)


@CASES
def test_gradients_of_the_negentropy_are_difference_quotients(reach, factor):
    x, _, a, _ = problem(reach, factor, n=5)
    gradient = sinkhorn_negentropy(x, a, blur=BLUR, reach=reach, solver=PRECISE).gradient()

    def at(x, a):
        return dense((x, x, a, a), reach).negentropy

    on_x = difference_quotients(lambda x: at(x, a), x, 1e-5)
    np.testing.assert_allclose(gradient.x, on_x, atol=1e-6 * np.abs(on_x).max())
    on_a = difference_quotients(lambda a: at(x, a), a, 1e-5 * a.max())
    if reach is None:  # along changes that keep the mass
        on_a, shift = on_a - on_a.mean(), gradient.a - gradient.a.mean()
        assert gradient.a @ a == pytest.approx(at(x, a), rel=1e-8)
        np.testing.assert_allclose(shift, on_a, atol=1e-6 * np.abs(on_a).max())
    else:
        np.testing.assert_allclose(gradient.a, on_a, atol=1e-6 * np.abs(on_a).max())


@given(p=pairs(), ratio=REACHES, factor=st.sampled_from([0.1, 1.0, 4.0]))
def test_values_lie_between_zero_and_the_sinkhorn_divergence(p, ratio, factor):
    reach, factor = (None, 1.0) if ratio is None else (ratio * p.blur, factor)
    args, settings = (p.x, p.y, p.a, factor * p.b), {"blur": p.blur, "reach": reach}
    found = hausdorff_divergence(*args, **settings)
    above = sinkhorn_divergence(*args, **settings, solver=Sinkhorn(tol=1e-6))
    assert 0 <= found.value <= above.value + 1e-4 * above.value + 1e-9 * p.size
    assert hausdorff_divergence(p.y, p.x, factor * p.b, p.a, **settings).value == found.value


@given(data=st.data(), p=pairs(), ratio=REACHES)
def test_equal_measures_have_no_divergence_however_they_are_written(data, p, ratio):
    x, a = data.draw(rewritten(p.x, p.a))
    reach = None if ratio is None else ratio * p.blur
    found = hausdorff_divergence(p.x, x, p.a, a, blur=p.blur, reach=reach)
    assert found.value == 0


@given(p=pairs(), ratio=REACHES)
def test_gradients_are_finite_and_sum_to_zero(p, ratio):
    """Translations of both clouds change nothing."""
    reach = None if ratio is None else ratio * p.blur
    gradient = hausdorff_divergence(*p[:4], blur=p.blur, reach=reach).gradient(tol=1e-9)
    assert all(np.isfinite(part).all() for part in gradient)
    total = gradient.x.sum(axis=0) + gradient.y.sum(axis=0)
    np.testing.assert_allclose(total, 0.0, atol=1e-6 * p.size / p.blur)


@pytest.mark.parametrize("reach", [None, 0.5])
def test_equal_measures_have_no_gradient(reach):
    x, _, a, _ = problem(reach, 1.0)
    rows = np.array([3, 0, 0, 1, 2, *range(4, 9)])
    parts = a[rows] * np.array([1, 0.5, 0.5, *np.ones(7)])
    gradient = hausdorff_divergence(x, x[rows], a, parts, blur=BLUR, reach=reach).gradient()
    for part, like in zip(gradient, (x, x[rows], a, parts), strict=True):
        np.testing.assert_allclose(part, np.zeros(like.shape), atol=1e-4)


def test_rows_without_mass_and_repeated_rows_change_nothing():
    x, y, a, b = problem(0.7, 2.0)
    rows, near = np.array([0, 0, *range(1, 9)]), x[:1] + 0.2
    parts = a[rows] * np.array([0.25, 0.75, *np.ones(8)])
    written = np.concatenate([x[rows], near]), y, np.append(parts, 0.0), b
    one = hausdorff_divergence(x, y, a, b, blur=BLUR, reach=0.7, solver=PRECISE)
    two = hausdorff_divergence(*written, blur=BLUR, reach=0.7, solver=PRECISE)
    assert two.value == pytest.approx(one.value, rel=1e-12)
    usual, gradient = one.gradient(tol=1e-11), two.gradient(tol=1e-11)
    np.testing.assert_allclose(gradient.x[2:-1], usual.x[1:], atol=1e-8)
    np.testing.assert_allclose(gradient.x[:2].sum(axis=0), usual.x[0], atol=1e-8)
    np.testing.assert_array_equal(gradient.x[-1], 0.0)
    np.testing.assert_allclose(gradient.a[:-1], usual.a[rows], atol=1e-8)
    weighted = hausdorff_divergence(
        written[0], y, np.append(parts, 1e-6), b, blur=BLUR, reach=0.7, solver=PRECISE
    )
    slope = (weighted.value - two.value) / 1e-6
    assert gradient.a[-1] == pytest.approx(slope, rel=1e-4)


def test_a_far_outlier_has_a_finite_gradient():
    """Its potential is so large that exp(-f / rho) is 0."""
    x, y, a, b = problem(0.5, 1.0)
    y[0] = 30.0
    found = hausdorff_divergence(x, y, a, b, blur=BLUR, reach=0.5, solver=PRECISE)
    gradient = found.gradient()
    assert all(np.isfinite(part).all() for part in gradient)
    assert np.abs(gradient.y[0]).max() < 1e-10 * np.abs(gradient.y).max()


def test_a_concentrated_cloud_has_a_larger_negentropy():
    x = example()[0]
    values = [float(sinkhorn_negentropy(scale * x, blur=BLUR)) for scale in (0.0, 0.5, 1.0)]
    assert values[0] == 0.0
    assert values[0] > values[1] > values[2]


def test_float32_points_have_float32_pairs():
    x, y, a, b = problem(None, 1.0, n=60, m=70)
    single = hausdorff_divergence(x.astype(np.float32), y.astype(np.float32), a, b, blur=BLUR)
    double = hausdorff_divergence(x, y, a, b, blur=BLUR)
    assert single.value == pytest.approx(double.value, rel=1e-4)
    assert single.gradient().x.dtype == np.float64


def test_no_problem_between_the_clouds_is_solved():
    """Self problems converge at any blur, where the cross problem takes many passes."""
    x, y, a, b = problem(None, 1.0, n=500, m=600)
    found = hausdorff_divergence(x, y, a, b, blur=0.01)
    assert found.converged
    assert found.n_iter <= 40


def test_results_print_pickle_and_compute():
    args = problem(0.7, 2.0)
    found = hausdorff_divergence(*args, blur=BLUR, reach=0.7)
    entropy = sinkhorn_negentropy(args[0], blur=BLUR)
    for result in (found, entropy):
        assert repr(result).startswith(f"{type(result).__name__}(value={result.value:.6g}")
        assert "<table>" in result._repr_html_()
        assert pickle.loads(pickle.dumps(result)).value == result.value
        assert result + 1 == 1 + result.value
    assert repr(entropy.gradient()) == "NegentropyGradient(x=float64[9, 2], a=float64[9])"
    assert isinstance(found.gradient(), snb.Gradient)


def test_failures_warn_once_and_are_reported():
    args = problem(None, 1.0, n=60, m=70)
    with pytest.warns(snb.ConvergenceWarning, match="max_iter") as caught:
        found = hausdorff_divergence(*args, blur=0.05, solver=Sinkhorn(max_iter=1, init="zeros"))
    assert len(caught) == 1
    assert not found.converged
    assert found.marginal_error > 1e-5


def bad(match, kind, *args, **settings):
    with pytest.raises(kind, match=match):
        hausdorff_divergence(*args, **settings)


def test_bad_input():
    x, y, a, b = problem(None, 1.0)
    bad("to compare probabilities, or pass reach", ValueError, x, y, a, 2 * b, blur=BLUR)
    bad("reach: expected one number", TypeError, x, y, a, b, blur=BLUR, reach=(1.0, None))
    bad("reach: expected", ValueError, x, y, a, b, blur=BLUR, reach=-1.0)
    bad("blur", TypeError, x, y, a, b)
    bad("y: expected points in dimension 2", ValueError, x, y[:, :1], a, b, blur=BLUR)
    with pytest.raises(TypeError, match="reach: expected one number"):
        sinkhorn_negentropy(x, blur=BLUR, reach=(1.0, 2.0))
    with pytest.raises(ValueError, match="a: expected"):
        sinkhorn_negentropy(x, -a, blur=BLUR)
