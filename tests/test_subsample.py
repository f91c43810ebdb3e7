"""Samples have the masses of their strata, repeat no point, and are a better start than zero."""

from collections import Counter

import numpy as np
import pytest
from counts import start_and_passes
from hypothesis import given
from hypothesis import strategies as st
from problems import example, uniform
from strategies import clouds, probabilities

from sinkhorn_nb import Measure, Problem, Sinkhorn, entropic_ot
from sinkhorn_nb.initializers import NAMED, Subsample, subsample
from sinkhorn_nb.initializers.base import sketch
from sinkhorn_nb.initializers.subsample import draw

TOL = 1e-9


def sample(x, a=None, count=20, seed=0):
    measure = Measure.of(x, a)
    return measure, draw(measure.partition, count, np.random.default_rng(seed))


def uneven(n, zeros=0):
    """Points in the plane and weights over three orders of magnitude, some of them zero."""
    rng = np.random.default_rng(n)
    a = 10.0 ** rng.uniform(-3, 0, size=n)
    a[rng.permutation(n)[:zeros]] = 0
    return rng.uniform(size=(n, 2)), a / a.sum()


# The sample


@pytest.mark.parametrize(
    ("n", "count", "zeros"), [(200, 20, 0), (203, 20, 30), (50, 50, 0), (50, 40, 20), (9, 1, 3)]
)
def test_one_point_of_each_run_with_the_mass_of_the_run(n, count, zeros):
    measure, drawn = sample(*uneven(n, zeros), count)
    points, heavy = measure.partition.points, np.flatnonzero(measure.partition.probabilities)
    size = min(count, len(heavy))
    runs = [heavy[k * len(heavy) // size : (k + 1) * len(heavy) // size] for k in range(size)]
    assert len(drawn) == size
    for run, point, mass in zip(runs, drawn.points, drawn.weights, strict=True):
        assert (points[run] == point).all(axis=1).sum() == 1
        assert mass == pytest.approx(measure.partition.probabilities[run].sum(), rel=1e-14)


def test_each_point_stands_for_its_own_mass_on_average():
    """E sum_k M_k 1{i is drawn from run k} = a_i."""
    x, a = uneven(60, zeros=10)
    n_draws, mean = 4000, Counter()
    for seed in range(n_draws):
        _, drawn = sample(x, a, 7, seed)
        for point, mass in zip(drawn.points[:, 0], drawn.weights, strict=True):
            mean[point] += mass / n_draws
    largest = drawn.weights.max()
    estimate = np.array([mean[first] for first in x[:, 0]])
    assert (
        np.abs(estimate - a) <= 5 * np.sqrt(largest * a / n_draws) + 5 * largest / n_draws
    ).all()
    assert (estimate[a == 0] == 0).all()


@given(st.data())
def test_samples_of_anything(data):
    x = data.draw(clouds(data.draw(st.integers(1, 3)), largest=30))
    a = data.draw(probabilities(len(x)))
    count, seed = data.draw(st.integers(1, 40)), data.draw(st.integers(0, 1000))
    measure, drawn = sample(x, a, count, seed)
    assert len(drawn) == min(count, np.count_nonzero(a))
    assert drawn.mass == pytest.approx(1)
    support = {tuple(point) for point in measure.points[a > 0] + 0.0}
    assert {tuple(point) for point in drawn.points} <= support


# The start


def start(initializer, x, y, a=None, b=None, blur=0.1):
    problem = Problem(Measure.of(x, a), Measure.of(y, b), blur**2)
    return start_and_passes(initializer, problem.reduced)


FAMILIES = {
    "uniform": (uniform(700), 0.1),
    "zero weights and mass 3": (example(600, 500, mass=3.0, zeros=90), 0.4),
    "finer than the points": (uniform(300), 0.03),
    "few against many": ((uniform(300)[0], uniform(900)[1]), 0.1),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "init", ["subsample", Subsample(size=30), Subsample(size=280, random_state=1)]
)
def test_the_result_does_not_depend_on_the_draw(family, init):
    arguments, blur = FAMILIES[family]
    ours, zeros = (
        entropic_ot(*arguments, blur=blur, solver=Sinkhorn(tol=TOL, init=s))
        for s in (init, "zeros")
    )
    assert ours.converged
    assert ours.value == pytest.approx(zeros.value, abs=10 * TOL * blur**2)
    np.testing.assert_allclose(ours.gradient().x, zeros.gradient().x, atol=100 * TOL)


@pytest.mark.parametrize("weighted", [False, True])
def test_fewer_passes_than_from_zero_whatever_the_draw(weighted):
    (x, y), a = uniform(), uneven(2000)[1]
    weights = (a, a[::-1]) if weighted else ()
    ours, zeros = (
        entropic_ot(x, 2 * y, *weights, blur=0.03, solver=Sinkhorn(init=init))
        for init in (Subsample(), "zeros")
    )
    assert 1.3 * ours.n_passes < zeros.n_passes


def assert_near(f, exact):
    """Up to a constant; the exact one is no constant."""
    exact = exact - exact.mean()
    assert np.abs(f - f.mean() - exact).mean() < np.abs(exact).mean() / 10


def test_the_start_is_near_the_solution():
    x, y = uniform()
    solution = entropic_ot(x, 2 * y, blur=0.1, solver=Sinkhorn(tol=1e-6))
    f, g, _ = start(Subsample(), x, 2 * y)
    assert_near(f, solution.iterate.f)
    assert_near(g, solution.iterate.g)


def test_self_problems_have_one_potential_from_one_sample(monkeypatch):
    asked = []
    monkeypatch.setattr(
        subsample, "sketch", lambda *arguments: asked.append(arguments[1]) or sketch(*arguments)
    )
    x, a = uneven(900, zeros=50)
    solution = entropic_ot(x, x, a, a, blur=1.0, solver=Sinkhorn(tol=TOL))
    f, g, n_passes = start(Subsample(random_state=0), x, x[::-1], a, a[::-1], blur=1.0)
    assert f is g
    assert np.abs(f - solution.iterate.f).max() < np.abs(solution.iterate.f).max() / 5
    assert 1 / 8 < n_passes < 1 / 4
    assert [problem.is_self for problem in asked] == [True]
    ours = entropic_ot(x, x, a, a, blur=1.0, solver=Sinkhorn(tol=TOL, init="subsample"))
    np.testing.assert_allclose(ours.f, solution.f, atol=1e-7)


def test_several_levels(work):
    start(Subsample(), *uniform(3000))
    assert {n for n, _, _ in work} == {3000, 3000 // 8, 3000 // 8 // 8}


def test_a_size_holds_for_the_first_level(work):
    start(Subsample(size=1000), *uniform(3000))
    assert {n for n, _, _ in work} == {3000, 1000, 125}


@pytest.mark.parametrize("is_self", [False, True])
@pytest.mark.parametrize("blur", [0.2, 0.02])
def test_every_pass_is_counted(is_self, blur, work):
    x, y = uniform(1500)
    solution = entropic_ot(x, x if is_self else y, blur=blur, solver=Sinkhorn(init="subsample"))
    assert solution.n_passes == pytest.approx(sum(work.values()) / 1500**2)


def test_small_clouds_are_not_drawn_from():
    for initializer, n in ((Subsample(), 256), (Subsample(size=400), 400)):
        f, g, n_passes = start(initializer, *uniform(n), blur=1.0)
        assert n_passes == 0
        assert not f.any() and not g.any()


# What is random


def test_integers_repeat_the_draws_of_all_levels_and_none_does_not():
    x, y = uniform(2500)
    first, second = (start(Subsample(random_state=7), x, y)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    first, second = (start(Subsample(), x, y)[0] for _ in range(2))
    assert (first != second).any()
    generator = np.random.default_rng(7)
    first, second = (start(Subsample(random_state=generator), x, y)[0] for _ in range(2))
    assert (first != second).any()


def test_the_named_start_repeats_itself_in_either_order():
    assert NAMED["subsample"] == Subsample(random_state=0)
    x, y = uniform(400)
    solver = Sinkhorn(init="subsample")
    there, back = (
        entropic_ot(x, y, blur=0.1, solver=solver),
        entropic_ot(y, x[::-1], blur=0.1, solver=solver),
    )
    assert there.value == back.value
    np.testing.assert_array_equal(there.f, back.g[::-1])


@pytest.mark.parametrize("value", [1.5, "seed", True, np.random.RandomState(0)])
def test_other_random_states_are_refused(value):
    with pytest.raises(
        TypeError,
        match=r"random_state: expected None, an integer or a numpy.random.Generator, got ",
    ):
        Subsample(random_state=value)


def test_bad_numbers_are_refused():
    with pytest.raises(
        ValueError, match="random_state: expected an integer >= 0, got -1; pass a larger one"
    ):
        Subsample(random_state=-1)
    with pytest.raises(ValueError, match="size: expected an integer >= 1, got 0"):
        Subsample(size=0)
