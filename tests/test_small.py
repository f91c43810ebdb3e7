"""The compiled solver of small problems, called without the library around it, against the dense
oracle.
"""

from dataclasses import dataclass, field

import numba
import numpy as np
import pytest
from oracle import Dense
from problems import example

from sinkhorn_nb.backends.cpu import small_problems
from sinkhorn_nb.backends.cpu.small_costs import profile
from sinkhorn_nb.backends.cpu.small_problems import Answers, Problems, solve_all
from sinkhorn_nb.backends.normal_forms import Forms

LOG2E = np.log2(np.e)


@dataclass
class Case:
    """One problem; a start is v in bits."""

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    blur: float = 0.3
    tol: float = 1e-10
    start: np.ndarray | None = None
    is_self: bool = False
    dense: Dense = field(init=False)

    def __post_init__(self):
        self.dense = Dense.of(self.x, self.y, self.a, self.b, blur=self.blur)

    @property
    def bits(self):
        """C_ij in bits."""
        return self.dense.C / self.unit

    @property
    def unit(self):
        """The cost that is one bit."""
        return self.dense.eps / LOG2E


def case(n=23, m=31, d=2, **settings):
    return Case(*example(n, m, d), **settings)


def own(n=23, d=2, **settings):
    """A problem of a measure with itself."""
    x, _, a, _ = example(n, n, d)
    return Case(x, x, a, a, is_self=True, **settings)


@dataclass
class Answer:
    u: np.ndarray
    v: np.ndarray
    logs: np.ndarray
    history: np.ndarray
    n_kernels: int
    n_levels: int
    error: float

    @property
    def bytes(self):
        """All of it, to the bit."""
        arrays = [array.tobytes() for array in (self.u, self.v, self.logs, self.history)]
        return (*arrays, self.n_kernels, self.n_levels, self.error)


def ends(sizes):
    return np.cumsum([0, *sizes])


def forms_of(cases):
    """Two clouds per case, in the order of their rows and in blurs."""
    sides = [side for c in cases for side in ((c.x / c.blur, c.a), (c.y / c.blur, c.b))]
    points, weights = zip(*sides, strict=True)
    dimensions, none = np.array([x.shape[1] for x in points]), np.empty(0)
    flat = np.concatenate([x.ravel() for x in points]), np.concatenate(weights)
    cuts = ends(map(len, points)), ends(x.size for x in points)
    return Forms(*flat, *cuts, dimensions, np.empty(0, dtype=np.int64), ends(2 * dimensions), none)


def nothing_known(forms):
    """Answers for each cloud with itself that ask for nothing beyond the tolerance."""
    sizes = np.diff(forms.ends)
    return Answers.room(sizes, sizes, 1)


def solved(cases, max_iter=500, ask=solve_all):
    """Answers to all cases in one call."""
    forms, count = forms_of(cases), np.arange(len(cases))
    problems = Problems(
        sources=2 * count,
        targets=2 * count + np.array([not c.is_self for c in cases]),
        profile=profile(None, 1.0, LOG2E),
        rates=np.zeros((len(cases), 2)),
        shares=np.full((len(cases), 2), 0.5),
        constants=np.zeros(len(cases)),
        tols=np.array([c.tol for c in cases]),
        are_fine=np.zeros(len(cases), dtype=bool),
        are_wanted=np.ones(len(cases), dtype=bool),
        starts=np.concatenate([np.zeros(len(c.y)) if c.start is None else c.start for c in cases]),
        are_started=np.array([c.start is not None for c in cases]),
    )
    found = ask(forms, problems, nothing_known(forms), max_iter)
    us = np.split(found.u, found.u_ends[1:-1])
    vs, logs = (np.split(part, found.v_ends[1:-1]) for part in (found.v, found.logs))
    rest = zip(found.histories, found.counts.tolist(), found.errors.tolist(), strict=True)
    return [
        Answer(u, v, log, history[:n_iter].copy(), n_kernels, n_levels, error)
        for u, v, log, (history, (n_iter, n_kernels, n_levels), error) in zip(
            us, vs, logs, rest, strict=True
        )
    ]


def alone(case, max_iter=500):
    (answer,) = solved([case], max_iter)
    return answer


def log_column_sums(case, u, v):
    """log2 sum_i a_i 2^(u_i + v_j - C_ij), for any potentials."""
    exponents = u[:, None] + v - case.bits + np.log2(case.a)[:, None]
    return np.logaddexp2.reduce(exponents, axis=0)


def log_row_sums(case, u, v):
    return np.logaddexp2.reduce(u[:, None] + v - case.bits + np.log2(case.b), axis=1)


def check_that_all_is_true(case, answer, atol=1e-9):
    """Check the numbers of an answer against its potentials, whether they solve the problem or not."""
    u, v = (answer.v, answer.v) if case.is_self else (answer.u, answer.v)
    if not case.is_self:
        np.testing.assert_allclose(log_row_sums(case, u, v), 0.0, atol=atol)
    np.testing.assert_allclose(answer.logs, log_column_sums(case, u, v), rtol=1e-12, atol=atol)
    errors = case.b @ np.abs(np.exp2(np.minimum(answer.logs, 1000)) - 1)
    assert answer.error == pytest.approx(errors, rel=1e-9, abs=1e-14)
    assert answer.error in answer.history


def check_that_it_is_solved(case, answer):
    """Value, plan and potentials are those of the oracle."""
    check_that_all_is_true(case, answer)
    assert answer.error <= case.tol
    assert (answer.history[:-1] > case.tol).all()
    u, v, dense = answer.u, answer.v, case.dense
    value = case.unit * (case.a @ u + case.b @ v)
    assert value == pytest.approx(dense.value, rel=1e-9, abs=1e-9 * dense.eps)
    plan = np.outer(case.a, case.b) * np.exp2(u[:, None] + v - case.bits)
    np.testing.assert_allclose(plan, dense.plan, atol=1e-9)
    if case.is_self:
        np.testing.assert_allclose(case.unit * v, dense.symmetric_potential, atol=1e-6 * dense.eps)


SIZES = [(1, 1), (1, 9), (9, 1), (2, 2), (23, 31), (31, 23), (64, 17), (5, 200)]


@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("blur", [0.1, 1.0, 30.0])
def test_problems_of_all_sizes_are_solved(n, m, blur):
    problem = case(n, m, blur=blur)
    check_that_it_is_solved(problem, alone(problem))


@pytest.mark.parametrize("d", [1, 2, 3, 7, 40])
def test_problems_of_all_dimensions_are_solved(d):
    for problem in (case(d=d, blur=1.0), own(d=d, blur=1.0)):
        check_that_it_is_solved(problem, alone(problem))


@pytest.mark.parametrize("n", [1, 2, 9, 40])
@pytest.mark.parametrize("blur", [0.1, 1.0, 30.0])
def test_problems_of_a_measure_with_itself_are_solved(n, blur):
    problem = own(n, blur=blur)
    answer = alone(problem)
    check_that_it_is_solved(problem, answer)
    assert answer.n_levels == 0


@pytest.mark.parametrize("max_iter", [1, 2, 3, 5])
def test_what_is_said_of_a_solve_that_is_not_done_is_true(max_iter):
    for problem in (
        case(blur=0.05),
        own(blur=0.05),
        case(blur=0.05, start=np.linspace(-40, 40, 31)),
    ):
        answer = alone(problem, max_iter)
        assert len(answer.history) == max_iter
        assert answer.error > problem.tol
        check_that_all_is_true(problem, answer)


def test_iterations_end_at_the_tolerance():
    loose, tight = (alone(case(blur=0.1, tol=tol)) for tol in (1e-2, 1e-6))
    assert len(loose.history) < len(tight.history)
    np.testing.assert_array_equal(loose.history, tight.history[: len(loose.history)])
    assert loose.error <= 1e-2 < loose.history[:-1].min()


@pytest.mark.parametrize("make", [case, own])
def test_a_given_start_is_where_the_iterations_begin(make):
    known = alone(make())
    again = alone(make(start=known.v))
    assert (len(again.history), again.n_levels) == (1, 0)
    assert again.error == pytest.approx(known.error, rel=1e-3)
    start = np.random.default_rng(0).normal(size=len(known.v))
    problem = make(start=start)
    np.testing.assert_allclose(alone(problem, 1).v, start)
    check_that_it_is_solved(problem, alone(problem))


def test_columns_that_nobody_sees_are_measured_all_the_same():
    """Half of the targets are 1000 blurs away from all sources: their sums are 2^-700 000, and less
    than any number.
    """
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 2)), rng.normal(size=(12, 2))
    y[::2, 0] += 1000.0
    problem = Case(x, y, np.full(10, 0.1), np.full(12, 1 / 12), blur=1.0, start=np.zeros(12))
    first = alone(problem, 1)
    assert first.logs[::2].max() < -700_000
    check_that_all_is_true(problem, first)
    for max_iter in (2, 3, 50):
        check_that_all_is_true(problem, alone(problem, max_iter))


def test_far_clusters_are_found_from_higher_temperatures():
    """At distances of 300 blurs, where the potential that moves the mean, not annealed, is nothing
    like a start.
    """
    warm, cold = [], []
    for seed in (1, 2, 3):
        x, y = np.random.default_rng(seed).normal(size=(2, 12, 2))
        x[::3] += [300.0, 0.0]
        y[::3] += [0.0, 300.0]
        moves_mean = LOG2E * (y - y.mean(axis=0)) @ (y.mean(axis=0) - x.mean(axis=0))
        for answers, start in ((warm, None), (cold, moves_mean)):
            problem = Case(
                x, y, np.full(12, 1 / 12), np.full(12, 1 / 12), blur=1.0, tol=1e-6, start=start
            )
            answers.append(alone(problem, 1000))
            check_that_all_is_true(problem, answers[-1], atol=1e-8)
            assert answers[-1].error <= problem.tol
    assert {answer.n_levels for answer in warm} == {6}
    assert {answer.n_levels for answer in cold} == {0}
    for annealed, moved in zip(warm, cold, strict=True):
        assert annealed.history[0] < moved.history[0] / 2


def test_the_kernel_is_built_anew_where_the_potential_has_moved_far():
    """The potential moves by hundreds of bits from the start, too far for one reference."""
    for start in (np.zeros(31), np.linspace(-300, 300, 31)):
        problem = case(blur=0.2, start=start)
        answer = alone(problem)
        assert np.ptp(answer.v - problem.start) > 200
        assert 1 < answer.n_kernels < len(answer.history)
        check_that_it_is_solved(problem, answer)


def scattered(seed):
    """Uneven weights, a blur below the distance of neighbors: Anderson mixing overshoots."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(3, 30, size=2)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2)) + rng.normal(size=2)
    a, b = rng.exponential(size=n) ** 2 + 1e-3, rng.exponential(size=m) ** 2 + 1e-3
    return Case(x, y, a / a.sum(), b / b.sum(), blur=rng.uniform(0.1, 0.4), tol=1e-8)


def test_mixing_that_lowers_the_dual_is_taken_back():
    """Else half of these problems are not solved at all."""
    answers = solved([scattered(seed) for seed in range(40)], 450)
    assert max(answer.error for answer in answers) <= 1e-8


@pytest.mark.parametrize("seed", [24, 30, 38, 156, 297])
def test_small_masses_are_not_lost_on_the_way_to_the_tolerance(seed):
    """The error does not see masses of 1e-30; mixing would leave their ratios at 2^-35 to 2^-270."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(3, 30, size=2)
    blur = 10 ** rng.uniform(-1.5, 0)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2)) + rng.normal(size=2)
    a, b = 10 ** rng.uniform(-30, 0, n), 10 ** rng.uniform(-30, 0, m)
    problem = Case(x, y, a / a.sum(), b / b.sum(), blur=blur, tol=1e-8)
    answer = alone(problem)
    check_that_all_is_true(problem, answer)
    assert answer.error <= problem.tol
    assert np.abs(answer.logs).max() < 30


def test_the_same_bits_in_any_company_and_on_any_number_of_threads(monkeypatch):
    """Sizes and dimensions of all kinds in one call, in either order, in few and many panels."""
    cases = [case(n, m, d) for (n, m), d in zip(SIZES, [1, 2, 3, 7, 1, 40, 2, 5], strict=True)]
    cases += [
        own(1),
        own(20, 3),
        own(33, 1),
        case(start=np.linspace(-5, 5, 31)),
        case(blur=0.05, tol=1e-3),
    ]
    expected = [alone(problem).bytes for problem in cases]
    before = numba.get_num_threads()
    try:
        for pairs_a_panel in (1, 1000, small_problems.PAIRS_A_PANEL):
            monkeypatch.setattr(small_problems, "PAIRS_A_PANEL", pairs_a_panel)
            for n_threads in {1, min(2, numba.config.NUMBA_NUM_THREADS)}:
                numba.set_num_threads(n_threads)
                assert [answer.bytes for answer in solved(cases)] == expected
                assert [answer.bytes for answer in solved(cases[::-1])] == expected[::-1]
    finally:
        numba.set_num_threads(before)
