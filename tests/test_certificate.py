"""The gap is a proof: value <= OT_eps <= value + gap, however early the solver stops."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Dense, softmin
from problems import PRECISE, example
from strategies import pairs

from sinkhorn_nb import Sinkhorn, Status, entropic_ot, sinkhorn_divergence

EARLY = st.sampled_from([Sinkhorn(tol=1e-9, max_iter=k) for k in (1, 2, 3, 5, 8, 30)])
ROUNDING = {"float32": 1e-6, "float64": 1e-12}


def stopped(call, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*args, **kwargs)


@given(pairs(), EARLY, st.sampled_from(["float64", "float32"]))
def test_value_and_gap_enclose_the_optimum(pair, solver, dtype):
    x, y, a, b, blur = pair
    x, y = x.astype(dtype), y.astype(dtype)
    solution = stopped(entropic_ot, x, y, a, b, blur=blur, solver=solver)
    optimum, slack = Dense.of(x, y, a, b, blur=blur).value, ROUNDING[solution.dtype] * pair.size
    assert solution.value <= optimum + slack
    assert optimum <= solution.value + solution.gap + slack


@given(pairs(), EARLY)
def test_divergence_is_within_its_gap(pair, solver):
    x, y, a, b, blur = pair
    divergence = stopped(sinkhorn_divergence, x, y, a, b, blur=blur, solver=solver)
    slack = ROUNDING["float64"] * pair.size
    assert (
        abs(divergence.value - Dense.of(x, y, a, b, blur=blur).divergence) <= divergence.gap + slack
    )
    assert divergence.value >= -divergence.gap - slack


def plain(tol):
    return Sinkhorn(tol=tol, acceleration="none")


@pytest.mark.parametrize("mass", [1.0, 3.0])
def test_gap_closes_with_the_marginal_error(mass):
    arguments = example(mass=mass)
    gaps = [entropic_ot(*arguments, blur=0.5, solver=plain(tol)).gap for tol in (1e-2, 1e-4, 1e-6)]
    assert 0 <= gaps[2] < gaps[1] / 10 < gaps[0] / 100
    precise = entropic_ot(*arguments, blur=0.5, solver=PRECISE)
    assert precise.gap < 1e-8 * precise.value


def test_gap_of_one_point_is_nothing():
    # The rounding of exponents of 100
    assert entropic_ot(np.zeros((1, 2)), np.ones((1, 2)), blur=0.1).gap < 1e-12


def averaged(max_iter):
    return Sinkhorn(tol=1e-9, max_iter=max_iter, acceleration="symmetric")


def test_value_is_the_better_of_the_two_bounds():
    """<a, T(g)> + <b, g> and <a, f> + <b, T(f)>: both below OT_eps."""
    x, y, a, b = example()
    for max_iter in (1, 2, 3):
        solution = stopped(entropic_ot, x, y, a, b, blur=0.5, solver=averaged(max_iter))
        f, g, dense = solution.f, solution.g, Dense.of(x, y, a, b, blur=0.5)
        bounds = [
            a @ softmin(dense.eps, dense.C, g, b) + b @ g,
            a @ f + b @ softmin(dense.eps, dense.C.T, f, a),
        ]
        assert abs(bounds[0] - bounds[1]) > 1e-6
        assert solution.value == pytest.approx(max(bounds), rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(40, 50, 2), (50, 40, 2), (300, 280, 2)])
def test_certified_solve_reaches_the_relative_gap(shape, dtype):
    x, y, a, b = example(*shape)
    x, y = x.astype(dtype), y.astype(dtype)
    for tol in (1e-2, 1e-5):
        solution = entropic_ot(x, y, a, b, blur=0.3, solver=Sinkhorn(tol=tol, certify=True))
        before = solution.n_passes
        assert solution.converged
        assert solution.gap <= tol * solution.value
        assert solution.n_passes == before  # the certificate was counted already


def test_certified_divergence():
    divergence = sinkhorn_divergence(*example(), blur=0.3, solver=Sinkhorn(tol=1e-6, certify=True))
    assert divergence.gap <= 1e-6 * max(
        divergence.xy.value, divergence.xx.value, divergence.yy.value
    )


def test_certified_solve_goes_on_where_the_marginal_error_would_stop():
    args, options = example(), {"tol": 1e-3, "acceleration": "none"}
    stopped_early = entropic_ot(*args, blur=0.1, solver=Sinkhorn(**options))
    assert stopped_early.gap > 1e-3 * stopped_early.value
    certified = entropic_ot(*args, blur=0.1, solver=Sinkhorn(certify=True, **options))
    assert certified.converged and certified.gap <= 1e-3 * certified.value
    assert certified.n_iter > stopped_early.n_iter
    with pytest.warns(UserWarning, match="certified gap"):
        short = Sinkhorn(certify=True, max_iter=stopped_early.n_iter, **options)
        solution = entropic_ot(*args, blur=0.1, solver=short)
    assert solution.marginal_error <= 1e-3
    assert solution.status is Status.UNCERTIFIED and not solution.converged


def test_passes_of_the_certificate_count_once_it_is_asked_for():
    exact = entropic_ot(
        *example(), blur=0.5, solver=Sinkhorn(tol=1e-8, acceleration="none", dtype="float64")
    )
    inexact = stopped(entropic_ot, *example(), blur=0.5, solver=averaged(60))
    for solution, passes in ((exact, 1), (inexact, 2)):
        before = solution.n_passes
        assert solution.gap >= 0
        assert solution.n_passes == before + passes
        assert solution.T.n_passes == solution.n_passes
        assert solution.T.gap == pytest.approx(solution.gap, abs=1e-12)


def test_the_gap_allows_for_rounding_where_a_tiny_mass_goes_very_far():
    """6e-9 of the mass goes 11 500 blurs, which costs .4 eps and is less than the rounding of the
    plan's sums.
    """
    x, y, blur = np.array([[0.0], [9.22]]), np.array([[0.0], [9.2191]]), 8e-4
    a, b = np.array([1.0, 6e-15]), np.array([1.0, 6e-9])
    solver = Sinkhorn(dtype="float64")
    solution = entropic_ot(x, y, a / a.sum(), b / b.sum(), blur=blur, solver=solver)
    cost = (6e-9 - 6e-15) * 9.2191**2 / 2  # of transport without entropy, a lower bound of OT_eps
    assert solution.value < 0.1 * cost
    assert solution.value + solution.gap >= cost
    assert solution.gap < 50 * blur**2
