"""The Gaussian start: exact between Gaussians, in closed form for any covariances, equivariant."""

import numpy as np
import pytest
import threadpoolctl
from counts import start_and_passes
from hypothesis import given
from hypothesis import strategies as st
from problems import example, gaussian_entropic_ot, gaussian_grid
from strategies import pairs

from sinkhorn_nb import Measure, Problem, Sinkhorn, entropic_ot
from sinkhorn_nb.dual import Iterate
from sinkhorn_nb.initializers import Gaussian

A, B = np.array([[1.0, 0.3], [0.3, 0.5]]), np.array([[0.4, -0.2], [-0.2, 1.2]])
GAUSSIANS = {  # means and covariances, points per side of a grid
    "d = 1": ([1.0], [[0.5]], [-2.0], [[3.0]], 90),
    "d = 2": ([0.3, -1.0], A, [2.0, 1.0], B, 60),
    "same shape": ([0.0, 0.0], A, [5.0, -3.0], A, 60),
    "same mean": ([1.0, 1.0], A, [1.0, 1.0], B, 60),
}


def problem_of(x, y, a=None, b=None, blur=1.0):
    return Problem(Measure.of(x, a), Measure.of(y, b), blur**2)


def start(problem, entropic=True):
    """f and g in the caller's order."""
    f, g, n_passes = start_and_passes(Gaussian(entropic), problem.reduced)
    assert n_passes == 0
    return problem.source.expand(f, np.nan), problem.target.expand(g, np.nan)


def error_of_the_start(problem):
    f, g = Gaussian()(problem, Sinkhorn())
    log_sums = problem.kernel("float64").log_sums(f, g)
    return problem.dual().error(Iterate(f, g, *log_sums))


def quadratic(x, f):
    """Hessian, slope at 0 and the misfit of the quadratic through f at the points; of least norm."""
    d = x.shape[1]
    terms = np.column_stack(
        [np.einsum("ik,il->ikl", x, x).reshape(len(x), -1) / 2, x, np.ones(len(x))]
    )
    found = np.linalg.lstsq(terms, f, rcond=1e-12)[0]
    return found[: d * d].reshape(d, d), found[d * d : -1], np.abs(terms @ found - f).max()


# Exact between Gaussians


@pytest.mark.parametrize("blur", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("case", GAUSSIANS)
def test_exact_between_gaussians(case, blur):
    """Means included: with the linear term of the paper's equation (6) it is not."""
    mean_a, cov_a, mean_b, cov_b, n = GAUSSIANS[case]
    (x, a), (y, b) = gaussian_grid(mean_a, cov_a, n), gaussian_grid(mean_b, cov_b, n)
    problem = problem_of(x, y, a, b, blur)
    f, g = start(problem)
    assert error_of_the_start(problem) < 1e-6
    assert a @ f + b @ g == pytest.approx(
        gaussian_entropic_ot(mean_a, cov_a, mean_b, cov_b, blur), abs=1e-7
    )


@pytest.mark.parametrize("blur", [0.5, 1.0, 3.0])
def test_exact_for_a_gaussian_and_itself(blur):
    gaussian = Measure.of(*gaussian_grid([0.3, -1.0], A, 60))
    problem = Problem(gaussian, gaussian, blur**2)
    f, g = Gaussian()(problem, Sinkhorn())
    assert f is g
    assert error_of_the_start(problem) < 1e-6


def test_a_solve_of_gaussians_stops_at_once():
    (x, a), (y, b) = gaussian_grid([0.3, -1.0], A, 60), gaussian_grid([2.0, 1.0], B, 60)
    solution = entropic_ot(
        x, y, a, b, blur=1.0, solver=Sinkhorn(tol=1e-6, init="gaussian", dtype="float64")
    )
    assert (solution.n_iter, solution.n_passes) == (1, 1.0)


@pytest.mark.parametrize("d", [2, 10])
def test_samples_of_gaussians_need_few_iterations(d):
    rng = np.random.default_rng(d)
    x, y = rng.normal(size=(2, 2000, d)) / np.sqrt(d)
    y = 1 + y @ (np.eye(d) + 0.3 * rng.normal(size=(d, d)) / np.sqrt(d))
    n_iter = {
        init: entropic_ot(
            x, y, blur=0.6, solver=Sinkhorn(tol=1e-2, init=init, acceleration="none")
        ).n_iter
        for init in ("gaussian", "zeros")
    }
    assert n_iter["gaussian"] <= 3 < n_iter["zeros"]


# The closed form


RANKS = {
    "full": (3, 3),
    "singular target": (3, 1),
    "singular source": (2, 3),
    "both": (2, 2),
    "one point": (3, 0),
}


@pytest.mark.parametrize("blur", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("ranks", RANKS)
def test_equations_of_the_maps(ranks, blur):
    """M S1 M + eps M = S2; in the paper, whose eps is twice ours, M S1 M + (eps / 2) M = S2."""
    rng = np.random.default_rng(0)
    x, y = (
        rng.normal(size=(40, rank)) @ rng.normal(size=(rank, 3)) + rng.normal(size=3)
        for rank in RANKS[ranks]
    )
    problem, eps = problem_of(x, y, blur=blur), blur**2
    S1, S2 = np.cov(x.T, bias=True), np.cov(y.T, bias=True)
    for here, there, P, Q, potential in zip(
        (x, y), (y, x), (S1, S2), (S2, S1), start(problem), strict=True
    ):
        # The potential is known in the span alone
        axes = np.linalg.svd(P)[0][:, : np.linalg.matrix_rank(P, tol=1e-9)]
        points = (here - here.mean(axis=0)) @ axes
        hessian, slope, misfit = quadratic(points, potential)
        M = np.eye(axes.shape[1]) - hessian
        assert misfit < 1e-9
        np.testing.assert_allclose(
            axes @ slope, axes @ axes.T @ (here.mean(axis=0) - there.mean(axis=0)), atol=1e-9
        )
        assert np.linalg.eigvalsh(M).min(initial=0.0) >= -1e-9
        inside, there_too = axes.T @ P @ axes, axes.T @ Q @ axes
        np.testing.assert_allclose(M @ inside @ M + eps * M, there_too, atol=1e-8)


def test_the_unregularized_map_of_gaussians():
    """M = S1^-1/2 (S1^1/2 S2 S1^1/2)^1/2 S1^-1/2 takes S1 to S2; of a line, s2 / s1."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 1)), 3 + 2 * rng.normal(size=(50, 1))
    f, g = start(problem_of(x, y, blur=0.7), entropic=False)
    hessian, slope, _ = quadratic(x - x.mean(), f)
    assert 1 - hessian[0, 0] == pytest.approx(y.std() / x.std())
    assert slope[0] == pytest.approx(x.mean() - y.mean())
    assert f.mean() + g.mean() == pytest.approx(
        ((x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2) / 2
    )


@pytest.mark.parametrize("ranks", RANKS)
def test_no_temperature_is_the_unregularized_form(ranks):
    rng = np.random.default_rng(2)
    x, y = (
        rng.normal(size=(40, rank)) @ rng.normal(size=(rank, 3)) + rng.normal(size=3)
        for rank in RANKS[ranks]
    )
    cold = problem_of(x, y, blur=1e-5)
    for entropic, unregularized in zip(start(cold), start(cold, entropic=False), strict=True):
        np.testing.assert_allclose(entropic, unregularized, atol=1e-7)


def test_the_unregularized_form_of_a_measure_and_itself_is_nothing():
    x, _, a, _ = example()
    f, _ = start(problem_of(x, x, a, a), entropic=False)
    np.testing.assert_allclose(f, 0, atol=1e-14)


# Of any size


@pytest.mark.parametrize("entropic", [True, False])
@pytest.mark.parametrize("d", [20, 300])
def test_fewer_points_than_coordinates(d, entropic):
    """The potentials are the same as in the span of the points, wherever this span lies."""
    x, y, a, b = example(8, 5, d=3)
    axes = np.linalg.qr(np.random.default_rng(d).normal(size=(d, 3)))[0].T
    low, high = problem_of(x, y, a, b, 0.3), problem_of(x @ axes + 1, y @ axes + 1, a, b, 0.3)
    for in_span, there in zip(start(low, entropic), start(high, entropic), strict=True):
        np.testing.assert_allclose(there, in_span, atol=1e-12)


@given(pair=pairs(), scale=st.sampled_from([1e-6, 0.3, 1e6]), shift=st.floats(-10, 10))
def test_scaling_and_translation(pair, scale, shift):
    """x -> s x + t, blur -> s blur gives f -> s^2 f."""
    x, y, a, b, blur = pair
    extent = np.sqrt(pair.size / pair.a.sum())
    moved = problem_of(
        scale * (x + shift * extent), scale * (y + shift * extent), a, b, scale * blur
    )
    for potential, plain in zip(start(moved), start(problem_of(*pair)), strict=True):
        np.testing.assert_allclose(
            potential, scale**2 * plain, rtol=0, atol=1e-9 * (scale * extent) ** 2
        )


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scaling_and_translation_without_temperature(scale):
    """The map must be well determined: for points in almost one place it is only rounding."""
    x, y, a, b = example(d=3)
    moved = start(problem_of(scale * (x + 5), scale * (y + 5), a, b, scale), entropic=False)
    for potential, plain in zip(moved, start(problem_of(x, y, a, b), entropic=False), strict=True):
        np.testing.assert_allclose(potential, scale**2 * plain, rtol=0, atol=1e-10 * scale**2)


@given(pair=pairs(), entropic=st.booleans())
def test_points_in_another_order(pair, entropic):
    """The same bits; points that are equal, and equally heavy, may exchange theirs."""
    x, y, a, b, blur = pair
    plain = start(problem_of(*pair), entropic)
    rows, columns = (
        np.random.default_rng(0).permutation(len(x)),
        np.random.default_rng(1).permutation(len(y)),
    )
    permuted = start(problem_of(x[rows], y[columns], a[rows], b[columns], blur), entropic)
    measures = (x, a, rows), (y, b, columns)
    for potential, moved, (points, weights, order) in zip(plain, permuted, measures, strict=True):
        np.testing.assert_array_equal(
            listed(moved, points[order], weights[order]), listed(potential, points, weights)
        )


def listed(potential, points, weights):
    """Sort a potential in an order that does not depend on the order of the caller."""
    return potential[np.lexsort([potential, weights, *points.T])]


@given(pair=pairs())
def test_weights_count_and_points_without_do_not(pair):
    x, y, a, b, blur = pair
    doubled = problem_of(np.concatenate([x, x]), y, np.concatenate([a / 4, 3 * a / 4]), b, blur)
    stranger = problem_of(np.concatenate([x, x[:1] + blur]), y, np.append(a, 0.0), b, blur)
    f, g = start(problem_of(*pair))
    for problem in (doubled, stranger):
        other_f, other_g = start(problem)
        known = ~np.isnan(f)  # the other rows are no points of the reduced measure
        np.testing.assert_allclose(
            other_f[: len(x)][known], f[known], atol=1e-10 * pair.size / pair.a.sum()
        )
        np.testing.assert_allclose(other_g, g, atol=1e-10 * pair.size / pair.a.sum())


@pytest.mark.parametrize("entropic", [True, False])
@pytest.mark.parametrize("blur", [1e-50, 1e-9, 1e9, 1e70])
def test_any_blur_gives_numbers(blur, entropic):
    f, g = start(problem_of(*example(), blur), entropic)
    assert np.isfinite(f).all() and np.isfinite(g).all()


def test_bits_do_not_depend_on_the_threads_of_blas():
    rng = np.random.default_rng(0)
    problem, starts = (
        problem_of(rng.normal(size=(900, 200)), rng.normal(size=(700, 200)), blur=5.0),
        [],
    )
    for n_threads in (1, 2):
        with threadpoolctl.threadpool_limits(n_threads, user_api="blas"):
            starts.append(start(problem))
    np.testing.assert_array_equal(*(f for f, _ in starts))


# As a start


@pytest.mark.parametrize("init", ["gaussian", Gaussian(entropic=False)])
@pytest.mark.parametrize("is_self", [True, False])
def test_the_result_does_not_depend_on_the_start(init, is_self):
    x, y, a, b = example(80, 70)
    arguments = (x, x, a, a) if is_self else (x, y, a, b)
    mine, zeros = (
        entropic_ot(*arguments, blur=0.4, solver=Sinkhorn(tol=1e-10, init=i))
        for i in (init, "zeros")
    )
    assert mine.converged
    assert mine.value == pytest.approx(zeros.value, abs=1e-12)
    np.testing.assert_allclose(mine.plan.toarray(), zeros.plan.toarray(), atol=1e-10)


def test_bad_entropic():
    with pytest.raises(ValueError, match="entropic: expected one of False, True, got 'no'"):
        Gaussian(entropic="no")
