"""Potentials and earlier solutions as starts: exact ones stop at once, poor ones cost passes, never
correctness.
"""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import PRECISE, example

from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence
from sinkhorn_nb.initializers import Potentials, Warm

BLUR = 0.3


def solved(solver=PRECISE, **kwargs):
    return entropic_ot(*example(**kwargs), blur=BLUR, solver=solver)


def again(init, tol=1e-6, blur=BLUR, **kwargs):
    return entropic_ot(
        *example(**kwargs), blur=blur, solver=Sinkhorn(tol=tol, init=init, dtype="float64")
    )


@pytest.mark.parametrize(
    "kwargs", [{}, {"mass": 3.0}, {"zeros": 5}, {"n": 31, "m": 23}, {"n": 31, "m": 31}]
)
def test_a_solution_starts_at_the_solution(kwargs):
    solution = solved(**kwargs)
    for init in (
        solution,
        Warm(solution),
        (solution.f, solution.g),
        Potentials(solution.f, solution.g),
    ):
        warm = again(init, **kwargs)
        assert (warm.n_iter, warm.n_passes) == (1, 1.0)
        assert warm.value == pytest.approx(solution.value, rel=1e-12)


def test_the_caller_s_arrays_are_copied():
    solution = solved()
    f, g = solution.f.copy(), solution.g.copy()
    solver = Sinkhorn(init=(f, g), dtype="float64", tol=1e-6)
    f[:], g[:] = np.nan, np.nan
    assert entropic_ot(*example(), blur=BLUR, solver=solver).n_iter == 1


@pytest.mark.parametrize(("n", "m"), [(23, 31), (31, 23), (30, 30)])
def test_the_two_sides_are_not_mixed_up(n, m):
    x, y, a, b = example(n, m)
    solution = entropic_ot(x, y, a, b, blur=BLUR, solver=PRECISE)
    for arguments, start in (((x, y, a, b), solution), ((y, x, b, a), solution.T)):
        for init in (start, (start.f, start.g)):
            solver = Sinkhorn(tol=1e-6, init=init, dtype="float64")
            assert entropic_ot(*arguments, blur=BLUR, solver=solver).n_iter == 1


def test_a_solution_is_extended_to_new_points():
    x, y, a, b = example(200, 150)
    solution = entropic_ot(x, y, a, b, blur=0.1, solver=Sinkhorn(tol=1e-6))
    a, b = a[::2] / a[::2].sum(), b[:120] / b[:120].sum()
    solver = Sinkhorn(tol=1e-3, init=solution)

    def moved(**changes):
        return entropic_ot(
            x[::2] + 0.01, y[:120], a, b, blur=0.1, solver=replace(solver, **changes)
        )

    assert moved().n_iter < moved(init="zeros").n_iter
    # One softmin per side; the default steps also look at some of the rows
    plain = moved(acceleration="none", tol=0.1)
    counted = plain.n_passes - plain.n_iter
    assert counted == pytest.approx((100 * 150 + 120 * 200) / (100 * 120))


def test_one_start_serves_a_divergence():
    """The problems of each measure with itself do not know what to do with it, and start as by
    default.
    """
    x, y, a, b = example(60, 50)
    divergence = sinkhorn_divergence(x, y, a, b, blur=BLUR, solver=PRECISE)
    for init in (divergence.xy, (divergence.xy.f, divergence.xy.g)):
        warm = sinkhorn_divergence(
            x, y, a, b, blur=BLUR, solver=Sinkhorn(tol=1e-6, init=init, dtype="float64")
        )
        assert warm.xy.n_iter == 1 < warm.xx.n_iter
        assert warm.value == pytest.approx(divergence.value, rel=1e-9)


def test_the_solution_of_a_self_problem_starts_a_self_problem():
    x, _, a, _ = example()
    solution = entropic_ot(x, x, a, a, blur=BLUR, solver=PRECISE)
    warm = entropic_ot(
        x, x, a, a, blur=BLUR, solver=Sinkhorn(tol=1e-6, init=solution, dtype="float64")
    )
    assert warm.n_iter == 1
    np.testing.assert_array_equal(warm.f, warm.g)


@pytest.mark.parametrize("acceleration", ["auto", "none"])
@pytest.mark.parametrize("n", [1, 23])
def test_large_constants_leave_the_reported_error_true(n, acceleration):
    x, y, a, b = example(n, n)
    solver = Sinkhorn(tol=1e-9, init=(np.full(n, 1e7), np.full(n, -1e7)), acceleration=acceleration)
    solution = entropic_ot(x, y, a, b, blur=BLUR, solver=solver)
    assert solution.converged
    rows, columns = solution.plan.sum(axis=1), solution.plan.sum(axis=0)
    assert max(np.abs(rows - a).sum(), np.abs(columns - b).sum()) <= 1.1e-9 * a.sum()


@given(st.floats(-1e3, 1e3), st.sampled_from([1e-3, 1.0, 1e2]), st.integers(0, 2**32 - 1))
def test_a_foreign_start_is_survived(shift, size, seed):
    """Whatever the start: exponents of e^1e5 and more are redone as log-sum-exp."""
    f, g = (size * np.random.default_rng(seed).normal(size=k) for k in (23, 31))
    solution = again((f + shift, g), blur=0.05, tol=1e-9)
    assert solution.converged
    assert solution.value == pytest.approx(solved_at(0.05).value, rel=1e-9)


@cache
def solved_at(blur):
    return entropic_ot(*example(), blur=blur, solver=PRECISE)


@pytest.mark.parametrize(
    ("init", "error", "text"),
    [
        (
            3,
            TypeError,
            "init: expected a name, an Initializer, a Solution, a Divergence or a pair (f, g), got "
            "int; pass one of",
        ),
        ("fourier", ValueError, "init: expected one of 'auto', "),
        (("a", "b"), TypeError, "init: f: expected an (n,) array of real numbers"),
        (
            (np.array([np.nan]), np.zeros(2)),
            ValueError,
            "init: f: expected finite numbers, got nan at index [0]",
        ),
    ],
)
def test_bad_starts(init, error, text):
    with pytest.raises(error) as caught:
        Sinkhorn(init=init)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("shape", [(31,), (1, 23)])
def test_potentials_of_other_sizes(shape):
    got = re.escape(str(shape))
    with pytest.raises(
        ValueError, match=rf"init: f: expected shape \(23,\), got {got}; pass one number per point"
    ):
        again((np.zeros(shape), np.zeros(23)))


def test_a_solution_in_another_dimension():
    with pytest.raises(
        ValueError,
        match="init: solution: expected points in dimension 2 like the data, got dimension 1",
    ):
        again(solved(d=1))
