"""Draws from a plan, and its entropy."""

import numpy as np
import pytest
from problems import PRECISE, cloud, example, weights

import sinkhorn_nb as snb
from sinkhorn_nb import Plan, entropic_ot
from sinkhorn_nb.backends.plan_entries import PlanEntries
from sinkhorn_nb.plan_statistics import Pairs

K = 100_000
CASES = {
    "uneven": example(n=5, m=7, mass=3.0, zeros=1),
    "one row": example(n=1, m=9),
    "one column": example(n=9, m=1),
    "several tiles": (cloud(3, 1), cloud(600, 1), weights(3), weights(600, zeros=200)),
}


@pytest.mark.parametrize("case", CASES)
def test_draws_have_the_distribution_of_the_plan(case):
    """Each count within 5 standard deviations of what is expected."""
    solution = entropic_ot(*CASES[case], blur=0.5, solver=PRECISE)
    P = solution.plan.toarray() / solution.plan.sum()
    drawn = solution.sample(K, random_state=0)
    assert isinstance(drawn, Pairs)
    counts = np.zeros(P.shape)
    np.add.at(counts, (drawn.rows, drawn.columns), 1)
    assert (counts[P == 0] == 0).all()
    assert (np.abs(counts - K * P) <= 5 * np.sqrt(K * P * (1 - P)) + 5).all()
    for axis in (0, 1):
        marginal = P.sum(axis=axis)
        assert (
            np.abs(counts.sum(axis=axis) - K * marginal) <= 5 * np.sqrt(K * marginal * (1 - marginal) + 1e-9) + 5
        ).all()


def test_draws_are_independent_of_their_place_in_the_sequence():
    """Neighbours in the sequence are not correlated, as they would be if draws came sorted."""
    rows, columns = entropic_ot(*example(), blur=0.5).sample(K, random_state=1)
    for drawn in (rows, columns):
        assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 5 / np.sqrt(K)


def test_draws_are_repeated_by_the_seed():
    plan = entropic_ot(*example(), blur=0.5).plan
    one, other = plan.sample(50, 3), plan.sample(50, np.random.default_rng(3))
    np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_array_equal(one.columns, other.columns)
    assert (plan.sample(50, 4).columns != one.columns).any()
    generator = np.random.default_rng(3)
    assert (plan.sample(50, generator).columns != plan.sample(50, generator).columns).any()
    assert plan.sample(3).rows.shape == (3,)


def test_requests_for_draws_are_judged():
    solution = entropic_ot(*example(), blur=0.5)
    with pytest.raises(ValueError, match=r"^k: expected an integer >= 1, got 0"):
        solution.sample(0)
    with pytest.raises(TypeError, match=r"^random_state: expected None, an integer or a numpy\.random\.Generator"):
        solution.sample(1, random_state="seed")


def test_draws_read_each_pair_twice_at_most(monkeypatch):
    read = []

    def counted(method):
        return lambda self, *args: read.append(self.shape[0] * self.shape[1]) or method(self, *args)

    for name in ("sums", "draws"):
        monkeypatch.setattr(PlanEntries, name, counted(getattr(PlanEntries, name)))
    n, m = 60, 70
    plan = entropic_ot(cloud(n, 2), cloud(m, 2), blur=0.5).plan
    plan.sample(10 * n, 0)
    assert n * m < sum(read) <= 2 * n * m
    read.clear()
    plan.sample(3, 0)  # the sums are known, and three rows are read at most
    assert 0 < sum(read) <= 3 * m


def test_draws_of_a_transposed_plan():
    plan = entropic_ot(*example(n=3, m=4), blur=0.5, solver=PRECISE).plan
    counts = np.zeros((4, 3))
    np.add.at(counts, tuple(plan.T.sample(K, 0)), 1)
    np.testing.assert_allclose(counts / K, plan.T.toarray(), atol=0.01)


def test_device_of_a_plan_gets_its_draws():
    """Results go where the points came from."""
    sent = []
    plan = entropic_ot(*example(), blur=0.5).plan
    object.__setattr__(plan.problem, "home", type("Home", (), {"send": lambda self, v: sent.append(v) or v})())
    drawn = plan.sample(5, 0)
    assert all(any(array is v for v in sent) for array in drawn)


def entropy(p):
    p = p[p > 0] / p.sum()
    return -(p * np.log(p)).sum()


@pytest.mark.parametrize("blur", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("case", [{"mass": 3.0, "zeros": 2}, {"n": 40, "m": 40, "d": 1}, {"d": 30}])
def test_normalized_entropy_is_its_formula(case, blur):
    x, y, a, b = example(**case)
    plan = entropic_ot(x, y, a, b, blur=blur, solver=snb.Sinkhorn(tol=1e-10, max_iter=10**6)).plan
    parts = entropy(plan.toarray()), entropy(a), entropy(b)
    expected = (parts[0] - max(parts[1:])) / min(parts[1:])
    assert plan.normalized_entropy == pytest.approx(expected, abs=1e-8)
    assert plan.T.normalized_entropy == pytest.approx(expected, abs=1e-8)
    assert isinstance(plan.normalized_entropy, float)


def test_normalized_entropy_between_equal_weights():
    """H(P) / log(n) - 1."""
    plan = entropic_ot(cloud(30, 2), cloud(30, 2, shift=1.0), blur=0.3, solver=PRECISE).plan
    assert plan.normalized_entropy == pytest.approx(entropy(plan.toarray()) / np.log(30) - 1, abs=1e-9)


def test_normalized_entropy_runs_from_a_map_to_the_independent_plan():
    x = cloud(50, 2)
    found = [entropic_ot(x, x, blur=blur).plan.normalized_entropy for blur in (1e-3, 0.05, 0.3, 1.0, 1e4)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert found[-1] == pytest.approx(1, abs=1e-6)


def test_normalized_entropy_does_not_see_how_measures_are_written():
    x, y = cloud(20, 2), cloud(30, 2, shift=1.0)
    one = entropic_ot(x, y, blur=0.3, solver=PRECISE).plan
    twice = entropic_ot(np.repeat(x, 3, axis=0), np.concatenate([y, y]), blur=0.3, solver=PRECISE).plan
    assert twice.normalized_entropy == pytest.approx(one.normalized_entropy, abs=1e-8)
    assert one.normalized_entropy > 0.1


def test_normalized_entropy_of_a_single_point():
    assert entropic_ot(*example(n=1, m=9), blur=0.5).plan.normalized_entropy == 0
    assert entropic_ot(np.zeros((4, 1)), cloud(9, 1), blur=0.5).plan.normalized_entropy == 0


def test_normalized_entropy_of_rough_potentials_stays_in_its_range():
    s = entropic_ot(*example(), blur=0.1, solver=snb.Sinkhorn(tol=1e-6))
    for f in (s.f * 0, 10 * s.f, s.f + np.linspace(0, 1, len(s.f))):
        assert 0 <= Plan(s.problem, f, s.g).normalized_entropy <= 1
