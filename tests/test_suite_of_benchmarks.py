"""The suite for everybody: its answers are known, and its judge agrees with the library."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from benchmarks.suite import __main__ as runner
from benchmarks.suite import adapters
from benchmarks.suite.adapters import ours
from benchmarks.suite.judge import judged
from benchmarks.suite.problems import problems

PROBLEMS = problems(36)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_without_entropy_the_identity_is_the_best_plan_of_a_diagonal_problem(problem):
    assert problem.a.sum() == pytest.approx(1) and problem.b.sum() == pytest.approx(1)
    if problem.is_diagonal:
        rows, columns = linear_sum_assignment(problem.costs)
        best = problem.costs[rows, columns].sum()
        assert np.trace(problem.costs) == pytest.approx(best, rel=1e-12)


def test_the_judge_finds_the_error_and_the_value_that_a_solution_states():
    problem = PROBLEMS[0]
    f, g = ours(problem, 1e-8)
    good, bad = judged(problem, f, g), judged(problem, f + problem.eps, g)
    assert good.marginal_error <= 2e-8
    assert 0 < good.diagonal_mass < 1 and good.dual_value > bad.dual_value
    assert bad.marginal_error == pytest.approx(np.e - 1, rel=1e-6)


def test_libraries_for_a_gpu_are_skipped_without_one(monkeypatch):
    monkeypatch.setattr(adapters, "has_gpu", lambda: False)
    names = {name for name, library in adapters.LIBRARIES.items() if library.needs_gpu}
    assert names == {"cuRegOT", "FlashSinkhorn"}
    assert not names & set(adapters.installed())
    assert all(adapters.missing(adapters.LIBRARIES[name]) == "needs a GPU" for name in names)


def test_a_library_stops_when_its_budget_is_spent(monkeypatch):
    monkeypatch.setattr(runner, "BUDGET_S", 0.0)
    problem = PROBLEMS[0]
    poor = adapters.Library(lambda *_: (np.zeros(36), np.zeros(36)), [1, 2, 3], "numpy")
    rows = list(runner.measured(problem, poor))
    assert [row["error"] for row in rows] == ["not within 0 s", "not reached"]
    monkeypatch.undo()
    rows = list(runner.measured(problem, adapters.LIBRARIES["sinkhorn_nb"]))
    assert [row["marginal_error"] <= row["target"] for row in rows] == [True, True]
