"""Draws from a plan, and its entropy."""

import numpy as np
import pytest
from problems import PRECISE, cloud, example, weights

import sinkhorn_nb as snb
from sinkhorn_nb import Plan, entropic_ot
from sinkhorn_nb.backends.plan_entries import PlanEntries
from sinkhorn_nb.kernels.point_cloud import GibbsKernel
from sinkhorn_nb.results.plan_statistics import Pairs

K = 100_000
CASES = {
    "uneven": example(n=5, m=7, mass=3.0, zeros=1),
    "one row": example(n=1, m=9),
    "one column": example(n=9, m=1),
    "several tiles": (cloud(3, 1), cloud(2600, 1), weights(3), weights(2600, zeros=200)),
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
            np.abs(counts.sum(axis=axis) - K * marginal)
            <= 5 * np.sqrt(K * marginal * (1 - marginal) + 1e-9) + 5
        ).all()


def test_draws_are_independent_of_their_place_in_the_sequence():
    """Neighbors in the sequence are not correlated, as they would be if draws came sorted."""
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
    with pytest.raises(
        TypeError, match=r"^random_state: expected None, an integer or a numpy\.random\.Generator"
    ):
        solution.sample(1, random_state="seed")


@pytest.fixture
def passes(monkeypatch):
    """Record, by name, the shapes of all passes."""
    read = {"sums": [], "draws": []}

    def counted(name, method):
        return lambda self, *args: read[name].append(shape(self)) or method(self, *args)

    def shape(kernel):
        return (
            kernel.shape
            if isinstance(kernel, PlanEntries)
            else (len(kernel._x.points), len(kernel._y.points))
        )

    monkeypatch.setattr(PlanEntries, "draws", counted("draws", PlanEntries.draws))
    monkeypatch.setattr(GibbsKernel, "log_row_sums", counted("sums", GibbsKernel.log_row_sums))
    return read


def test_draws_read_each_pair_once_where_the_solution_knows_the_sums(passes):
    n, m = 60, 70
    plan = entropic_ot(cloud(n, 2), cloud(m, 2), blur=0.5).plan
    plan.sample(10 * n, 0)
    plan.sample(1, 0)
    assert passes == {"sums": [], "draws": [(n, m), (1, m)]}


def test_draws_read_each_pair_twice_where_the_sums_are_those_of_another_precision_or_of_no_solution(
    passes,
):
    n, m = 60, 70
    solution = entropic_ot(cloud(n, 2), cloud(m, 2), blur=0.5, solver=snb.Sinkhorn(dtype="float32"))
    for plan in (solution.plan, Plan(solution.problem, solution.f, solution.g)):
        plan.sample(10 * n, 0)
        plan.sample(10 * n, 0)  # the sums are known by now
        assert passes == {"sums": [(n, m)], "draws": 2 * [(n, m)]}
        passes["sums"].clear()
        passes["draws"].clear()


@pytest.mark.slow
@pytest.mark.parametrize("case", [{"mass": 3.0, "zeros": 2}, {"n": 40, "m": 40, "d": 1}, {"d": 30}])
@pytest.mark.parametrize("acceleration", ["auto", "none", "symmetric"])
@pytest.mark.parametrize("tol", [0.1, 1e-10])
def test_sums_known_from_the_solution_are_those_of_the_plan(case, acceleration, tol):
    solver = snb.Sinkhorn(tol=tol, max_iter=10**5, acceleration=acceleration)
    solution = entropic_ot(*example(**case), blur=0.5, solver=solver)
    fresh = Plan(solution.problem, solution.f, solution.g)
    with np.errstate(divide="ignore"):
        expected = np.log(solution.plan.toarray().sum(axis=1))
    np.testing.assert_allclose(solution.plan._log_sums, expected, atol=1e-11)
    np.testing.assert_allclose(fresh._log_sums, expected, atol=1e-11)


@pytest.mark.parametrize("tol", [0.1, 1e-10])
def test_draws_from_rows_of_equal_points(tol):
    """Each row has its share, and a row without mass has none."""
    x, a = np.repeat(cloud(4, 2), 2, axis=0), np.array([1, 3, 2, 2, 0, 1, 0, 0]) / 9
    solution = entropic_ot(x, cloud(5, 2), a, blur=0.5, solver=snb.Sinkhorn(tol=tol))
    P = solution.plan.toarray() / solution.plan.sum()
    for plan in (solution.plan, Plan(solution.problem, solution.f, solution.g)):
        counts = np.zeros(P.shape)
        np.add.at(counts, tuple(plan.sample(K, 0)), 1)
        assert (counts[P == 0] == 0).all()
        assert (np.abs(counts - K * P) <= 5 * np.sqrt(K * P * (1 - P)) + 5).all()


@pytest.mark.parametrize("shift", [-1e6, -800.0, 600.0, 1e6])
def test_draws_do_not_see_a_constant_in_the_potentials(shift):
    """Sums and entries may be beyond the range of numbers: their ratios are not."""
    s = entropic_ot(*example(zeros=2), blur=0.5)
    one, other = (
        s.plan.sample(1000, 0),
        Plan(s.problem, s.f + shift * s.problem.eps, s.g).sample(1000, 0),
    )
    for drawn, expected in zip(other, one, strict=True):
        np.testing.assert_array_equal(drawn, expected)


def row_of_ones(m, positive):
    """One row whose entries are 1 in the first `positive` columns and 0 in all others."""
    G = np.where(np.arange(m) < positive, 0.0, -np.inf)
    return PlanEntries(np.zeros((1, 1)), np.zeros(1), np.zeros((m, 1)), G, 1.0, 900.0)


@pytest.mark.parametrize(
    ("m", "positive"), [(7, 7), (7, 5), (5000, 5000), (5000, 4097), (5000, 3), (4096, 4096)]
)
def test_target_at_or_above_the_sum_has_the_last_column_with_mass(m, positive):
    targets = np.array([0.5, positive - 0.5, positive, positive + 1.0])
    columns = row_of_ones(m, positive).draws(np.array([0, 4]), targets)
    np.testing.assert_array_equal(columns, [0, positive - 1, positive - 1, positive - 1])


def test_targets_above_the_sum_of_one_row_leave_the_others_alone():
    x = np.zeros((3, 1))
    entries = PlanEntries(x, np.zeros(3), np.zeros((2000, 1)), np.zeros(2000), 1.0, 900.0)
    columns = entries.draws(np.array([0, 2, 3, 4]), np.array([10.5, 3000.0, 5000.0, 1999.5]))
    np.testing.assert_array_equal(columns, [10, 1999, 1999, 1999])


def test_draws_run_through_columns_of_several_tiles():
    columns = row_of_ones(5000, 5000).draws(np.array([0, 5000]), np.arange(5000.0))
    np.testing.assert_array_equal(columns, np.arange(5000))


def test_draws_of_a_transposed_plan():
    plan = entropic_ot(*example(n=3, m=4), blur=0.5, solver=PRECISE).plan
    counts = np.zeros((4, 3))
    np.add.at(counts, tuple(plan.T.sample(K, 0)), 1)
    np.testing.assert_allclose(counts / K, plan.T.toarray(), atol=0.01)


def test_device_of_a_plan_gets_its_draws():
    """Results go where the points came from."""
    sent = []
    plan = entropic_ot(*example(), blur=0.5).plan
    object.__setattr__(
        plan, "home", type("Home", (), {"send": lambda self, v: sent.append(v) or v})()
    )
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
    assert plan.normalized_entropy == pytest.approx(
        entropy(plan.toarray()) / np.log(30) - 1, abs=1e-9
    )


def test_normalized_entropy_runs_from_a_map_to_the_independent_plan():
    x = cloud(50, 2)
    found = [
        entropic_ot(x, x, blur=blur).plan.normalized_entropy for blur in (1e-3, 0.05, 0.3, 1.0, 1e4)
    ]
    assert found == sorted(found)
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert found[-1] == pytest.approx(1, abs=1e-6)


def test_normalized_entropy_does_not_see_how_measures_are_written():
    x, y = cloud(20, 2), cloud(30, 2, shift=1.0)
    one = entropic_ot(x, y, blur=0.3, solver=PRECISE).plan
    twice = entropic_ot(
        np.repeat(x, 3, axis=0), np.concatenate([y, y]), blur=0.3, solver=PRECISE
    ).plan
    assert twice.normalized_entropy == pytest.approx(one.normalized_entropy, abs=1e-8)
    assert one.normalized_entropy > 0.1


def test_normalized_entropy_of_a_single_point():
    assert entropic_ot(*example(n=1, m=9), blur=0.5).plan.normalized_entropy == 0
    assert entropic_ot(np.zeros((4, 1)), cloud(9, 1), blur=0.5).plan.normalized_entropy == 0


def test_normalized_entropy_of_rough_potentials_stays_in_its_range():
    s = entropic_ot(*example(), blur=0.1, solver=snb.Sinkhorn(tol=1e-6))
    for f in (s.f * 0, 10 * s.f, s.f + np.linspace(0, 1, len(s.f))):
        assert 0 <= Plan(s.problem, f, s.g).normalized_entropy <= 1
