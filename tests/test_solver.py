"""The reports of a solver while it works and when it fails."""

import re
import warnings
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import sklearn.exceptions
from problems import example

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence

X, Y, A, B = example(n=40, m=50)


def solve(x, y, a, b, *, blur, solver):
    """The third way in."""
    return solver.solve(snb.Problem(snb.Measure.of(x, a), snb.Measure.of(y, b), blur**2))


WAYS = [entropic_ot, sinkhorn_divergence, solve]


def caught(call, **options):
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        return call(X, Y, A, B, **options), record


def test_callback_is_told_every_iteration():
    told = []
    solution = entropic_ot(X, Y, blur=0.1, solver=Sinkhorn(callback=told.append))
    assert [t.n_iter for t in told] == list(range(1, solution.n_iter + 1))
    np.testing.assert_array_equal([t.marginal_error for t in told], solution.history)
    assert told[-1].n_passes == solution.n_passes
    assert told[-1].eps == pytest.approx(0.01)
    assert all(later.eps <= earlier.eps for earlier, later in pairwise(told))
    assert all(later.n_passes > earlier.n_passes for earlier, later in pairwise(told))


@pytest.mark.parametrize("call", WAYS)
def test_one_warning_a_call_at_the_line_of_the_caller(call):
    result, record = caught(
        call, blur=0.02, solver=Sinkhorn(tol=1e-9, max_iter=10, acceleration="none")
    )
    (warning,) = record
    assert warning.category is snb.ConvergenceWarning
    assert issubclass(snb.ConvergenceWarning, sklearn.exceptions.ConvergenceWarning)
    assert warning.filename == __file__
    assert f"{result.marginal_error:.2e}" in str(warning.message)
    assert "tol=1.00e-09" in str(warning.message)
    assert not result.converged


@pytest.mark.parametrize("call", WAYS)
@pytest.mark.parametrize(("blur", "tol"), [(0.2, 1e-6), (0.1, 1e-3), (0.1, 1e-6)])
def test_following_the_cure_converges(call, blur, tol):
    plain = Sinkhorn(tol=tol, max_iter=1_000_000, acceleration="none", init="zeros")
    result, record = caught(call, blur=blur, solver=plain)
    assert result.converged and not record
    short = max(16, result.n_iter // 2)
    failed, (warning,) = caught(call, blur=blur, solver=replace(plain, max_iter=short))
    assert not failed.converged
    needed = int(re.search(r"max_iter=(\d+)", str(warning.message))[1])
    cured, record = caught(call, blur=blur, solver=replace(plain, max_iter=needed))
    assert cured.converged and not record
    assert needed < 10 * result.n_iter + 100  # safe, but not by orders of magnitude


def test_tolerance_out_of_reach_of_float32_is_cured_by_float64():
    x, y = X.astype("float32"), Y.astype("float32")
    with pytest.warns(snb.ConvergenceWarning, match=r"dtype=None") as record:
        entropic_ot(x, y, blur=0.3, solver=Sinkhorn(tol=1e-10, dtype="float32"))
    assert len(record) == 1
    assert entropic_ot(x, y, blur=0.3, solver=Sinkhorn(tol=1e-10)).converged


def test_few_iterations_fail_with_a_cure_too():
    with pytest.warns(snb.ConvergenceWarning, match=r"larger max_iter|max_iter=\d+"):
        entropic_ot(X, Y, blur=0.1, solver=Sinkhorn(max_iter=2, acceleration="none"))


def test_message_of_a_success():
    solution = entropic_ot(X, Y, blur=0.3)
    assert f"{solution.marginal_error:.2e} <= 1.00e-03" in solution.message


def test_solver_is_a_frozen_value():
    solver = Sinkhorn(tol=1e-4)
    assert solver == Sinkhorn(tol=1e-4) != Sinkhorn()
    assert hash(solver) == hash(Sinkhorn(tol=1e-4))
    with pytest.raises(AttributeError):
        solver.tol = 1.0
    assert entropic_ot(X, Y, blur=0.3, solver=solver).tol == 1e-4
