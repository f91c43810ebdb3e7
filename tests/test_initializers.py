"""Starts change the time of a solve, not its result; their passes are counted; float32 comes first."""

import numpy as np
import pytest
from counts import start_and_passes
from problems import example, uniform

from sinkhorn_nb import (
    ConvergenceWarning,
    Measure,
    Problem,
    Sinkhorn,
    entropic_ot,
    sinkhorn_divergence,
)
from sinkhorn_nb.initializers import Coarse, Zeros
from sinkhorn_nb.initializers.one_sided import OfTarget

TOL = 1e-9


BLUR = 0.05 * np.sqrt(2)  # of the square's diameter


def clusters(n=400):
    rng = np.random.default_rng(0)
    centers = rng.uniform(size=(5, 2))
    return tuple(
        centers[rng.integers(5, size=n)] + 0.02 * rng.normal(size=(n, 2)) for _ in range(2)
    )


FAMILIES = {
    "bent Gaussians": (example(420, 380), 0.4),
    "zero weights": (example(300, 300, zeros=90), 0.4),
    "mass 3": (example(300, 270, mass=3.0), 0.4),
    "clusters": (clusters(), 0.05),
    "finer than the points": (uniform(300), 0.03),
    "few against many": ((uniform(300)[0], uniform(900)[1]), 0.1),
}


def centered(potential, weights):
    """Free of the constant that f and g can exchange; only where there is mass."""
    weights = np.ones(len(potential)) if weights is None else weights
    return (potential - weights @ potential / weights.sum())[weights > 0]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_start_does_not_matter(family):
    arguments, blur = FAMILIES[family]
    zeros, coarse, auto = (
        entropic_ot(*arguments, blur=blur, solver=Sinkhorn(tol=TOL, init=init))
        for init in ("zeros", "coarse", "auto")
    )
    assert auto.value == pytest.approx(coarse.value, abs=10 * TOL * blur**2)
    weights = arguments[2:] or (None, None)
    eps, reach = blur**2, np.ptp(np.concatenate(arguments[:2]), axis=0).max()
    assert coarse.value == pytest.approx(zeros.value, abs=10 * TOL * eps)
    np.testing.assert_allclose(
        centered(coarse.f, weights[0]), centered(zeros.f, weights[0]), atol=1e4 * TOL * eps
    )
    np.testing.assert_allclose(
        centered(coarse.g, weights[1]), centered(zeros.g, weights[1]), atol=1e4 * TOL * eps
    )
    np.testing.assert_allclose(coarse.gradient().x, zeros.gradient().x, atol=10 * TOL * reach)
    np.testing.assert_allclose(coarse.gradient().y, zeros.gradient().y, atol=10 * TOL * reach)


@pytest.mark.parametrize("blur", [0.02, 0.3])
def test_the_start_of_a_self_problem_does_not_matter(blur):
    x, _ = uniform(400)
    zeros, coarse = (
        entropic_ot(x, x, blur=blur, solver=Sinkhorn(tol=TOL, init=init))
        for init in ("zeros", "coarse")
    )
    np.testing.assert_allclose(coarse.f, zeros.f, atol=100 * TOL * blur**2)
    assert coarse.value == pytest.approx(zeros.value, abs=10 * TOL * blur**2)


def test_the_coarse_start_takes_fewer_passes():
    x, y = uniform()
    passes = {
        init: entropic_ot(x, y, blur=BLUR, solver=Sinkhorn(init=init)).n_passes
        for init in ("coarse", "zeros")
    }
    assert passes["coarse"] < passes["zeros"]


# Which problems are started how


def start(x, y, a=None, b=None, blur=0.2, initializer=None):
    problem = Problem(Measure.of(x, a), Measure.of(y, b), blur**2)
    return start_and_passes(initializer or Coarse(), problem)


@pytest.mark.parametrize(
    ("n", "m", "is_coarse"), [(257, 257, True), (256, 900, False), (900, 256, False)]
)
def test_small_clouds_start_from_zero(n, m, is_coarse):
    f, g, n_passes = start(uniform(n)[0], uniform(m)[1])
    assert (f.shape, g.shape) == ((n,), (m,))
    assert f.any() == g.any() == (n_passes > 0) == is_coarse


def test_zeros_cost_nothing():
    f, g, n_passes = start(*uniform(400), initializer=Zeros())
    assert not f.any()
    assert not g.any()
    assert n_passes == 0


def test_self_problems_have_one_potential():
    x, _ = uniform(400)
    f, g, n_passes = start(x, x.copy())
    assert f is g
    assert f.any()
    assert 0 < n_passes < 0.6
    f, g, n_passes = start(x, x.copy(), blur=1e-3)  # potentials of single points
    assert f is g
    assert not f.any()


def test_the_start_is_near_the_solution():
    """Within a fraction of eps, where zero is many eps away."""
    x, y = uniform()
    solution = entropic_ot(x, y, blur=BLUR, solver=Sinkhorn(tol=1e-6))
    f, _, _ = start(x, y, blur=BLUR)
    f, exact = (
        centered(solution.problem.source.partition.restore(f), None),
        centered(solution.f, None),
    )
    assert np.abs(f - exact).mean() < 0.02 * BLUR**2 < np.abs(exact).mean() / 5


@pytest.mark.parametrize("init", ["coarse", "zeros"])
def test_the_start_knows_nothing_of_the_callers_callback(init):
    told = []
    x, y = uniform(400)
    solution = entropic_ot(x, y, blur=0.2, solver=Sinkhorn(init=init, callback=told.append))
    assert [iteration.n_iter for iteration in told] == list(range(1, solution.n_iter + 1))
    assert {iteration.eps for iteration in told} == {solution.problem.eps}


# What is counted


@pytest.mark.parametrize("blur", [BLUR, 0.2, 0.01])
@pytest.mark.parametrize("is_self", [False, True])
def test_every_pass_is_counted(blur, is_self, work):
    x, y = uniform()
    solution = entropic_ot(x, x if is_self else y, blur=blur, solver=Sinkhorn(max_iter=300))
    assert solution.n_passes == pytest.approx(sum(work.values()) / 2000**2)


def passes_of_the_start(x, y, blur):
    """The number of passes before the first iteration."""
    told = []
    entropic_ot(x, y, blur=blur, solver=Sinkhorn(tol=0.1, callback=told.append))
    return told[0].n_passes - 1


def test_passes_of_the_start():
    assert 0.1 < passes_of_the_start(*uniform(), BLUR) < 0.6


def test_one_more_pass_where_the_centroids_are_sparser_than_the_blur():
    assert 1 < passes_of_the_start(*uniform(), 0.01) < 1.6


# float32 first


def full_passes(work, n=2000):
    return {dtype: work[n, n, dtype] / n**2 for dtype in ("float32", "float64")}


def test_most_passes_are_float32(work):
    """The answer is float64: its error is, and so is its value."""
    x, y = uniform()
    solution = entropic_ot(x, y, blur=BLUR)
    passes = full_passes(work)
    assert solution.dtype == "float64"
    assert passes["float64"] < passes["float32"]
    precise = entropic_ot(x, y, blur=BLUR, solver=Sinkhorn(tol=1e-12, dtype="float64"))
    assert solution.value == pytest.approx(precise.value, abs=solution.gap)
    assert solution.value == pytest.approx(precise.value, rel=1e-5)
    assert solution.value <= precise.value + 1e-14


def test_float64_is_all_there_is_where_it_is_asked_for(work):
    """But for the coarse start."""
    entropic_ot(*uniform(), blur=BLUR, solver=Sinkhorn(dtype="float64"))
    assert full_passes(work)["float32"] == 0


def test_no_pass_is_float32_where_its_rounding_hides_the_marginals(work):
    """At a blur of 1e-5 of the diameter, float32 pairs are off by more than 1e2: iterations with
    them are wasted.
    """
    x, y = uniform(60)
    options = {"init": "zeros", "max_iter": 5, "acceleration": "none"}
    with pytest.warns(ConvergenceWarning):
        solution = entropic_ot(x, y, blur=1e-5 * np.sqrt(2), solver=Sinkhorn(**options))
    assert solution.n_iter == 5
    # A few more where sums are redone; NumPy computes in float64
    assert {dtype for _, _, dtype in work} <= {"float64", "NumPy"}
    work.clear()
    with pytest.warns(ConvergenceWarning):
        entropic_ot(x, y, blur=1e-2 * np.sqrt(2), solver=Sinkhorn(**options))
    assert full_passes(work, 60)["float32"] == 4


def test_float32_first_loses_no_digit():
    x, y = uniform()
    mixed, precise = (
        sinkhorn_divergence(x, y, blur=BLUR, solver=Sinkhorn(tol=1e-12, dtype=dtype))
        for dtype in (None, "float64")
    )
    assert mixed.converged
    assert precise.converged
    assert mixed.value == pytest.approx(precise.value, rel=1e-12)


def test_float32_gives_way_where_it_stalls(work):
    """Its rounding leaves the marginal error above the required tolerance."""
    solution = entropic_ot(*uniform(), blur=BLUR, solver=Sinkhorn(tol=1e-11))
    assert solution.converged
    assert full_passes(work)["float64"] >= 2


@pytest.mark.parametrize("max_iter", [1, 2, 3])
def test_the_last_iteration_is_float64(max_iter, work):
    solver = Sinkhorn(tol=1e-9, max_iter=max_iter)
    with pytest.warns(UserWarning, match="max_iter"):
        solution = entropic_ot(*uniform(), blur=BLUR, solver=solver)
    assert solution.n_iter == max_iter
    assert full_passes(work) == {"float32": max_iter - 1, "float64": 1}


def far_groups(n=60):
    """Two groups at 1400 blurs, .7 of the mass in the first of one cloud and .3 in that of the
    other.
    """
    x, y = np.random.default_rng(8).normal(size=(2, n, 2))
    x[int(0.7 * n) :] += 1000
    y[int(0.3 * n) :] += 1000
    return x, y


def test_far_groups_start_from_a_higher_temperature():
    """From zero, the groups have no information on how much mass must move between them."""
    arguments = far_groups()
    warm = entropic_ot(*arguments, blur=1.0, solver=Sinkhorn(init="coarse"))
    assert warm.converged and warm.n_passes < 50
    with pytest.warns(ConvergenceWarning):
        cold = entropic_ot(*arguments, blur=1.0, solver=Sinkhorn(init="zeros", max_iter=90))
    assert not cold.converged


def test_passes_at_higher_temperatures_are_counted():
    warm = entropic_ot(*far_groups(), blur=1.0)
    # At least one for each halving of the blur
    assert warm.n_passes >= warm.n_iter + np.log2(1400 / 20)


@pytest.mark.parametrize(("n", "m"), [(3, 5), (7, 7), (8, 20)])
def test_a_coarse_problem_has_a_cell_at_least(n, m):
    """This holds also for fewer points than a cell has: otherwise the recursion would never end."""
    x, y = uniform(n)[0], uniform(m)[1]
    f, g, _ = start(x, y, blur=0.01, initializer=Coarse(least=2))
    assert np.isfinite(f).all() and np.isfinite(g).all()


@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize("how", [{}, {"reach": 1.0}])
def test_potentials_of_the_target_alone_start_a_solve_where_it_ended(turn, how):
    x, y, a, b = example(90, 60, mass=3.0, zeros=10)
    if turn:
        x, y, a, b = y, x, b, a
    found = entropic_ot(x, y, a, b, blur=0.4, solver=Sinkhorn(tol=1e-10), **how)
    solver = Sinkhorn(tol=1e-6, init=OfTarget(found.g))
    again = entropic_ot(x, y, a, b, blur=0.4, solver=solver, **how)
    assert again.n_iter <= 2  # one in each precision
    np.testing.assert_allclose(again.f, found.f, atol=1e-5)
