"""Potentials so far from the solution that steps would take thousands: annealing from the largest
cost.
"""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from oracle import exact_cost

import sinkhorn_nb as snb
from sinkhorn_nb import Measure, Problem, Sinkhorn, entropic_ot
from sinkhorn_nb.solver import tail
from sinkhorn_nb.solver.schedule import Phase, cooling, count_cooling
from sinkhorn_nb.solver.sparse_step import SparseStep
from sinkhorn_nb.solver.tail import Tail

BLUR = 0.2
FAR = 1e3


def far_groups(n=90, m=80):
    """Three points of one cloud are where two of the other are, and the masses do not match."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2))
    x[:3] += FAR
    y[:2] += FAR
    return x, y


def solved(x, y, told, **options):
    """A solution by the loop, which tells each iteration."""
    solver = Sinkhorn(tol=1e-4, max_iter=400, init="coarse", callback=told.append)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", snb.ConvergenceWarning)  # before the annealing
        return entropic_ot(x, y, blur=BLUR, solver=solver, **options)


def starts_of_annealing(told):
    """The iterations at the highest temperature."""
    warmest = max(t.eps for t in told)
    return [t.n_iter for t in told if t.eps == warmest and t.eps > BLUR**2]


def test_groups_a_thousand_blurs_away_exchange_what_they_have_too_much(monkeypatch):
    since = []
    monkeypatch.setattr(Phase, "stalls", lambda _, errors: since.append(len(errors)))
    x, y = far_groups()
    told = []
    solution = solved(x, y, told)
    assert solution.converged
    uniform = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
    assert solution.value == pytest.approx(exact_cost(x, y, *uniform), rel=1e-4)

    first, *others = starts_of_annealing(told)
    assert others[-1] - first == len(others)  # it was annealed once
    assert max(since) <= tail.PATIENCE  # and errors before do not make it stall


def test_no_mass_goes_far_at_low_prices_of_the_marginals():
    told = []
    solution = solved(*far_groups(), told, reach=1.0)
    assert solution.converged
    assert starts_of_annealing(told) == []


class Still:
    """A method that makes no step."""

    def next(self, iterate, error):
        return iterate


@pytest.fixture
def still(monkeypatch):
    """The choice of steps, none of which moves the potentials."""
    monkeypatch.setattr(SparseStep, "next", Still.next)
    monkeypatch.setattr(SparseStep, "has_plan", True)

    def make(eps=BLUR**2):
        x, y = far_groups()
        problem = Problem(Measure.of(x), Measure.of(y), BLUR**2)
        return Tail(problem, problem.dual(eps), 1e-4, Still)

    return make


def fed(steps, errors):
    """The number of errors after which the steps are taken for lost; None if they are not."""
    for k, error in enumerate(errors, 1):
        steps.next((0.0, 0.0), error)
        if steps.is_lost:
            return k
    return None


KERNEL = SimpleNamespace(softmin=lambda g: g)


def test_steps_without_progress_are_lost_once(still):
    steps = still()
    assert fed(steps, [0.1] * 200) == tail.PATIENCE
    steps.resumed(KERNEL, 0.0)
    assert fed(steps, [0.1] * 200) is None


def test_steps_near_the_tolerance_are_not_lost(still):
    assert fed(still(), 0.1 * 0.95 ** np.arange(120)) is None


def test_a_long_tail_at_small_errors_is_not_lost(still):
    assert fed(still(), [tail.LOST] * 200) is None
    late = still()
    fed(late, [tail.LOST] * int(late._cooling))
    late._start()
    assert fed(late, [tail.LOST] * 6) is None


def test_sparse_steps_that_are_stuck_are_lost_if_it_is_late(still):
    early = still()
    early._start()
    assert fed(early, [0.1] * 6) is None
    late = still()
    n_late = int(late._cooling)
    assert fed(late, [0.1] * n_late) is None
    late._start()
    assert fed(late, [0.1] * 6) == tail.TRIAL + 1


def test_higher_temperatures_are_not_lost(still):
    assert fed(still(eps=4 * BLUR**2), [0.1] * 200) is None


def test_temperatures_fall_from_the_largest_cost_to_the_one_above_the_phase():
    x, y = far_groups()
    problem = Problem(Measure.of(x), Measure.of(y), BLUR**2)
    phase = Phase(problem.eps, "float64", 1e-4)
    levels = cooling(phase, problem)
    eps = np.array([level.eps for level in levels])
    np.testing.assert_allclose(eps[:-1] / eps[1:], 4)
    assert eps[-1] == pytest.approx(4 * problem.eps)
    assert eps[0] >= problem.diameter**2 / 400 > eps[1]
    assert len(eps) == count_cooling(problem, problem.eps)
    assert count_cooling(problem, eps[0]) == 0
    assert [level.tol for level in levels] == pytest.approx([1e-5] * len(levels))
