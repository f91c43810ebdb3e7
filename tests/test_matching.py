"""One-to-one matchings from plans."""

import numpy as np
import pytest
from oracle import costs
from scipy.optimize import linear_sum_assignment

import sinkhorn_nb as snb
from sinkhorn_nb.results.matching import matching

x, y = np.random.default_rng(0).random((2, 40, 2))


def test_the_matching_is_the_cheapest_permutation():
    rows, columns = snb.entropic_ot(x, y, blur=0.1).matching()
    np.testing.assert_array_equal(rows, np.arange(40))
    np.testing.assert_array_equal(columns, linear_sum_assignment(costs(x, y))[1])


def test_uneven_weights_and_other_costs_have_the_same_matching():
    a = np.linspace(1, 2, 40)
    uneven = snb.entropic_ot(x, y, a / a.sum(), blur=0.1).matching()
    np.testing.assert_array_equal(uneven.columns, linear_sum_assignment(costs(x, y))[1])
    scores = np.random.default_rng(1).random((40, 40))
    matched = snb.entropic_ot_matrix(-scores, eps=0.05).matching()
    np.testing.assert_array_equal(matched.columns, linear_sum_assignment(scores, True)[1])


def test_forbidden_pairs_are_not_matched():
    C = np.where(np.eye(4) + np.roll(np.eye(4), 1, axis=1) > 0, 1.0, np.inf)
    C[0, 0] = 5.0
    columns = snb.entropic_ot_matrix(C, eps=1.0).matching().columns
    np.testing.assert_array_equal(columns, [1, 2, 3, 0])


def test_a_plan_without_a_permutation_is_named():
    C = np.where(np.arange(3) < 1, 1.0, np.full((3, 3), np.inf))
    C[0] = 1.0
    solution = snb.entropic_ot_matrix(C, eps=1.0, rho=1.0)
    with pytest.raises(ValueError, match=r"contain a permutation, got none; .*forbidden"):
        solution.matching()


@pytest.mark.parametrize(("n", "m", "text"), [(3, 4, "3 and 4"), (5001, 5001, "at most 5000")])
def test_sizes_that_have_no_matching_are_refused(n, m, text):
    plan = snb.Plan(
        snb.Problem(
            snb.Measure.of(np.arange(n)[:, None]), snb.Measure.of(np.arange(m)[:, None]), 1.0
        ),
        np.zeros(n),
        np.zeros(m),
    )
    with pytest.raises(ValueError, match=f"matching: .*{text}.*topk"):
        matching(plan)
