"""The two-level step: its dual against plain half steps, whole solves; for its reduced problem, see
test_best_shifts.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Dense
from problems import example
from strategies import pairs

import sinkhorn_nb.solver.descent as loop
from sinkhorn_nb import Measure, Problem, Sinkhorn, entropic_ot
from sinkhorn_nb.solver.acceleration import Alternating, Anderson
from sinkhorn_nb.solver.twolevel import SHARE, TwoLevel

# One step


def step_from(problem, f, g, on_rows, error=0.0, dtype="float64"):
    """The potentials after one step, from potentials in the caller's order and in the same order."""
    source, target, problem = problem.source, problem.target, problem.reduced
    method, kernel = TwoLevel(problem, problem.dual()), problem.kernel(dtype)
    method.updates_rows = on_rows
    f, g = method.next(method.measure(kernel, source.collapse(f), target.collapse(g)), error)
    return source.expand(f), target.expand(g)


def dense_dual(dense, f, g):
    return dense.a @ f + dense.b @ g - dense.eps * (dense.plan_of(f, g).sum() - 1)


def half_step(dense, f, g, on_rows):
    """One side exact for the other."""
    P = dense.plan_of(f, g)
    with np.errstate(divide="ignore", invalid="ignore"):
        if on_rows:
            return np.where(dense.a > 0, f - dense.eps * np.log(P.sum(axis=1) / dense.a), f), g
        return f, np.where(dense.b > 0, g - dense.eps * np.log(P.sum(axis=0) / dense.b), g)


@given(pairs(dimensions=st.just(2)), st.integers(0, 2**32 - 1), st.floats(0, 10), st.booleans())
def test_a_step_raises_the_dual_at_least_as_much_as_a_plain_half_step(pair, seed, scale, on_rows):
    x, y, a, b, blur = pair
    a, b = a / a.sum(), b / b.sum()
    dense, rng = Dense.of(x, y, a, b, blur=blur), np.random.default_rng(seed)
    problem = Problem(Measure.of(x, a), Measure.of(y, b), blur**2)
    f, g = (
        dense.eps * scale * rng.normal(size=len(measure.reduced))
        for measure in (problem.source, problem.target)
    )
    f, g = problem.source.expand(f), problem.target.expand(g)  # equal points have equal potentials
    start = dense_dual(dense, f, g)
    plain = dense_dual(dense, *half_step(dense, f, g, on_rows))
    after = dense_dual(dense, *step_from(problem, f, g, on_rows))
    slack = 1e-11 * (dense.eps * (1 + scale) + dense.C.max())
    assert after >= plain - slack
    assert plain >= start - slack - 1e-14 * abs(start)


@pytest.mark.parametrize("on_rows", [True, False])
@pytest.mark.parametrize("blur", [0.3, 1.0])
def test_as_many_clusters_as_points_solve_at_once(blur, on_rows):
    x, y, a, b = example(40, 50)
    problem = Problem(Measure.of(x, a), Measure.of(y, b), blur**2)
    dense = Dense.of(x, y, a, b, blur=blur)
    f, g = step_from(problem, np.zeros(40), np.zeros(50), on_rows)
    assert dense.error(f, g) <= 1e-9
    assert dense_dual(dense, f, g) == pytest.approx(dense.value, rel=1e-11)


@pytest.mark.parametrize("on_rows", [True, False])
def test_the_reduced_problem_is_solved_to_a_share_of_the_error(on_rows):
    """Its gradient holds the masses of the clusters; here each is one point."""
    x, y, a, b = example(40, 50)
    dense, problem = (
        Dense.of(x, y, a, b, blur=0.5),
        Problem(Measure.of(x, a), Measure.of(y, b), 0.25),
    )
    assert (
        dense.error(*step_from(problem, np.zeros(40), np.zeros(50), on_rows, error=0.3))
        <= 0.3 * SHARE
    )


@pytest.mark.parametrize("on_rows", [True, False])
def test_one_step_makes_one_side_exact(on_rows):
    """And the masses of the clusters on the other."""
    x, y, a, b = example(700, 600)
    problem, dense = (
        Problem(Measure.of(x, a), Measure.of(y, b), 0.25),
        Dense.of(x, y, a, b, blur=0.5),
    )
    start = dense.alternate(dense.eps, np.zeros(600), times=2)
    plan = dense.plan_of(*step_from(problem, *start, on_rows))
    if not on_rows:
        plan, a, b, problem = plan.T, b, a, problem.T
    np.testing.assert_allclose(plan.sum(axis=1), a, rtol=1e-9)
    partition = problem.target.partition
    starts = TwoLevel(problem, problem.dual())._target.bounds[:-1]
    assert 32 <= len(starts) <= 128
    columns, masses = (np.add.reduceat(partition.sort(v), starts) for v in (plan.sum(axis=0), b))
    np.testing.assert_allclose(columns, masses, rtol=1e-8)
    assert np.abs(plan.sum(axis=0) / b - 1).max() > 1e-5


@pytest.mark.parametrize("on_rows", [True, False])
@pytest.mark.parametrize("family", [{}, {"zeros": 3}, {"n": 1, "m": 40}, {"n": 2, "m": 40}])
def test_a_solution_stays(family, on_rows):
    x, y, a, b = example(**family)
    dense, problem = (
        Dense.of(x, y, a, b, blur=0.5),
        Problem(Measure.of(x, a), Measure.of(y, b), 0.25),
    )
    after = step_from(problem, *dense.potentials, on_rows)
    for new, old, weights in zip(after, dense.potentials, (a, b), strict=True):
        np.testing.assert_allclose(new[weights > 0], old[weights > 0], atol=1e-10)


@pytest.mark.parametrize("shift", [75.0, -75.0])
def test_sums_that_were_redone_give_a_plain_half_step(shift):
    """Column sums beyond what float64 pairs hold: their parts are not known."""
    x, y, a, b = example()
    dense, problem = (
        Dense.of(x, y, a, b, blur=0.5),
        Problem(Measure.of(x, a), Measure.of(y, b), 0.25),
    )
    f, g = np.zeros(len(x)), np.full(len(y), shift)
    after = step_from(problem, f, g, on_rows=True)
    np.testing.assert_allclose(after[0], half_step(dense, f, g, on_rows=True)[0], rtol=1e-10)
    np.testing.assert_array_equal(after[1], g)


# Whole solves: the dual before each step, after the exact update that is due


def ring_and_disk(n, m):
    rng = np.random.default_rng([n, m, 1])
    angles, radii = (
        rng.uniform(0, 2 * np.pi, n + m),
        np.append(np.ones(n), 0.7 * np.sqrt(rng.uniform(size=m))),
    )
    points = radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    return points[:n], points[n:], None, None


def clusters(n, m):
    """Six of them, of other masses in the target."""
    rng = np.random.default_rng([n, m, 2])
    centers = rng.uniform(size=(6, 2))
    shares = [rng.dirichlet(np.ones(6)) for _ in range(2)]
    x, y = (
        centers[rng.choice(6, k, p=p)] + 0.01 * rng.normal(size=(k, 2))
        for k, p in zip((n, m), shares, strict=True)
    )
    return x, y, None, None


def tails(n, m):
    rng = np.random.default_rng([n, m, 3])
    return rng.lognormal(sigma=1.5, size=(n, 2)), rng.lognormal(sigma=1.5, size=(m, 2)), None, None


FAMILIES = {
    "small": example(30, 40),
    "zero weights": example(80, 60, zeros=20),
    "bent Gaussians": example(400, 350),
    "ring and disk": ring_and_disk(400, 300),
    "clusters": clusters(300, 280),
    "heavy tails": tails(300, 300),
}


def diameter(x, y):
    return np.linalg.norm(np.ptp(np.concatenate([x, y]), axis=0))


def solved(family, ratio, **options):
    x, y, a, b = FAMILIES[family]
    solver = Sinkhorn(tol=1e-9, dtype="float64", max_iter=20_000, **options)
    return entropic_ot(x, y, a, b, blur=ratio * diameter(x, y), solver=solver)


def slack(duals, eps):
    """Rounding of a dual value."""
    return 1e-12 * (eps + np.abs(duals).max())


class Step(NamedTuple):
    """Before it: the dual and whether a period starts there; whether the iterate was accepted."""

    dual: float
    starts: bool
    accepted: bool


@pytest.mark.parametrize("init", ["coarse", "zeros"])
@pytest.mark.parametrize("ratio", [0.1, 0.03])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_dual_never_decreases(family, ratio, init, monkeypatch):
    """This holds from one accepted iterate to the next, and within a period."""
    runs = []

    class Recorded(Anderson):
        def __init__(self, *args):
            super().__init__(*args)
            runs.append([])

        def next(self, iterate, error):
            dual, starts, before = self.value(iterate), self._n_done == 0, self.n_rejected
            potentials = super().next(iterate, error)
            runs[-1].append(Step(dual, starts, self.n_rejected == before))
            return potentials

    monkeypatch.setattr(loop, "Anderson", Recorded)
    solution = solved(family, ratio, init=init)
    assert solution.converged
    # The run before, if any, is that of the coarse problem
    steps = [step for step in runs[-1] if step.accepted]
    assert len(runs[-1]) == solution.n_iter - 1
    at_starts = np.array([step.dual for step in steps if step.starts])
    assert len(at_starts) >= 2
    assert (np.diff(at_starts) >= -slack(at_starts, solution.problem.eps)).all()
    for before, after in pairwise(steps):
        assert after.starts or after.dual >= before.dual - slack(at_starts, solution.problem.eps)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_dual_of_alternating_updates_increases(family, monkeypatch):
    """Strictly, until rounding."""
    duals = []

    class Recorded(Alternating):
        def next(self, iterate, error):
            f, g, log_rows, log_columns = iterate
            dual, on_rows = self._dual, self.updates_rows
            gain = dual.a @ log_rows if on_rows else dual.b @ log_columns
            duals.append(dual.a @ f + dual.b @ g - dual.eps * gain)
            return super().next(iterate, error)

    monkeypatch.setattr(loop, "Alternating", Recorded)
    solution = solved(family, 0.1, acceleration="none", init="zeros")
    assert solution.converged
    assert len(duals) == solution.n_iter - 1
    rises, rounding = np.diff(duals), slack(duals, solution.problem.eps)
    assert (rises >= -rounding).all()
    errors = solution.history[2:]  # a rise is of the order of eps times the square of the error
    assert (rises[solution.problem.eps * errors**2 > 100 * rounding] > 0).all()
