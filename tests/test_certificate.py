"""The gap is a proof: value <= OT_eps <= value + gap, however early the solver stops."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Dense, softmin
from problems import PRECISE, example
from strategies import pairs

from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence

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
    assert abs(divergence.value - Dense.of(x, y, a, b, blur=blur).divergence) <= divergence.gap + slack
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
    assert entropic_ot(np.zeros((1, 2)), np.ones((1, 2)), blur=0.1).gap < 1e-15


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
