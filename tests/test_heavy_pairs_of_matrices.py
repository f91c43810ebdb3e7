"""The heavy pairs of plans whose costs are a matrix, in both orders of memory, against dense arrays."""

import numba
import numpy as np
import pytest
from test_heavy_pairs import dense
from test_matrix_kernel import EPS, Example

from sinkhorn_nb.backends.cpu import backend as cpu

THETA = 1e-2
SIZES = [(1, 5), (33, 1101), (190, 170)]


def example(n, m, order="C", dtype="float64"):
    """An example whose rows are exact."""
    case = Example(n, m, order, dtype, forbidden=0.1 if min(n, m) > 9 else 0.0)
    case.f = case.kernel.softmin(case.g)
    with np.errstate(under="ignore"):
        weights = np.outer(case.a, case.b)
        case.P = weights * np.exp((case.f[:, None] + case.g - case.C) / EPS)
    return case


@pytest.mark.parametrize(("order", "dtype"), [("C", "float64"), ("F", "float64"), ("F", "float32")])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_heavy_pairs_and_light_sums_are_those_of_the_dense_plan(sizes, order, dtype):
    case = example(*sizes, order, dtype)
    plan = case.kernel.heavy_plan(case.f, case.g, THETA, 10**6)
    found = dense(plan.pairs)
    limit = THETA * np.minimum(case.a[:, None], case.b)
    is_heavy = found > 0
    assert (case.P[is_heavy] > 0.99 * limit[is_heavy]).all()
    assert (case.P[~is_heavy] < 1.01 * limit[~is_heavy]).all()
    np.testing.assert_allclose(found[is_heavy], case.P[is_heavy], rtol=1e-11)
    light = np.where(is_heavy, 0.0, case.P)
    rtol = 1e-9 if dtype == "float64" else 1e-3
    np.testing.assert_allclose(plan.light_rows, light.sum(axis=1), rtol=rtol, atol=1e-16)
    np.testing.assert_allclose(plan.light_columns, light.sum(axis=0), rtol=rtol, atol=1e-16)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_few_rows_have_the_heavy_pairs_of_the_whole_plan(order):
    case = example(190, 170, order)
    plan = case.kernel.heavy_plan(case.f, case.g, THETA, 10**6)
    counts = np.diff(plan.pairs.starts)
    for rows in (np.arange(0, 190, 19), np.arange(0, 190, 2)):  # with and without a copy
        count = case.kernel.count_heavy(case.f, case.g, rows, THETA, 10**6)
        assert count == counts[rows].sum() > 0


@pytest.mark.parametrize("order", ["C", "F"])
def test_too_many_pairs_are_not_listed(order):
    case = example(190, 170, order)
    count = len(case.kernel.heavy_plan(case.f, case.g, THETA, 10**6).pairs)
    assert case.kernel.heavy_plan(case.f, case.g, THETA, count) is not None
    assert case.kernel.heavy_plan(case.f, case.g, THETA, count - 1) is None


def test_the_same_bits_on_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(cpu, "PAIRS_A_PANEL", 2**10)
    case = example(190, 170)
    before = numba.get_num_threads()
    plans = []
    try:
        for n_threads in (1, 2):
            numba.set_num_threads(n_threads)
            plans.append(case.kernel.heavy_plan(case.f, case.g, THETA, 10**6))
    finally:
        numba.set_num_threads(before)
    one, two = plans
    np.testing.assert_array_equal(dense(one.pairs), dense(two.pairs))
    np.testing.assert_array_equal(one.light_rows, two.light_rows)
    np.testing.assert_array_equal(one.light_columns, two.light_columns)
