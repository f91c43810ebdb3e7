"""The default start is the best of the cheap ones by the semi-dual, and pays for the comparison."""

import numpy as np
import pytest
from counts import start_and_passes
from problems import PRECISE, example

from sinkhorn_nb import Measure, Problem, Sinkhorn, entropic_ot
from sinkhorn_nb.initializers import Auto, Coarse, Gaussian, Sorting, Zeros


def problem(x, y, blur):
    return Problem(Measure.of(x), Measure.of(y), blur**2)


def gaussians(n=1200, d=10):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, n, d))
    return x, 0.5 + y @ (np.eye(d) + 0.3 * rng.normal(size=(d, d)))


def moons(n=1200):
    angle, rng = np.linspace(0, np.pi, n), np.random.default_rng(0)
    x = np.column_stack([np.cos(angle), np.sin(angle)])
    return x + 0.05 * rng.normal(size=(n, 2)), [1.0, 0.5] - x + 0.05 * rng.normal(size=(n, 2))


def line(n=1200):
    rng = np.random.default_rng(0)
    return rng.random((n, 1)), rng.random((n, 1)) ** 3


CASES = {
    "Gaussians": (gaussians(), 1.5, Gaussian()),
    "moons": (moons(), 0.1, Coarse()),
    "a line, small blur": (line(), 0.01, Sorting()),
    "a line, large blur": (line(), 3.0, Gaussian()),
}


@pytest.mark.parametrize("case", CASES)
def test_the_best_start_is_taken(case):
    (x, y), blur, best = CASES[case]
    start = Auto()(problem(x, y, blur), Sinkhorn())
    expected = best(problem(x, y, blur), Sinkhorn())
    np.testing.assert_array_equal(start.f, expected.f)
    np.testing.assert_array_equal(start.g, expected.g)


@pytest.mark.parametrize("case", CASES)
def test_the_comparison_counts(case):
    (x, y), blur, _ = CASES[case]
    likely = Sorting() if x.shape[1] == 1 else Coarse()
    *_, passes = start_and_passes(Auto(), problem(x, y, blur))
    *_, passes_of_likely = start_and_passes(likely, problem(x, y, blur))
    assert passes == pytest.approx(passes_of_likely + 3 * 256**2 / (len(x) * len(y)))


@pytest.mark.parametrize(
    ("n", "d", "is_looked_at"), [(70, 64, True), (80, 65, False), (16 * 65, 65, True)]
)
def test_no_gaussian_start_where_it_would_take_longer_than_the_solve(
    n, d, is_looked_at, monkeypatch
):
    x, y, a, b = example(n, n, d)
    asked = []
    monkeypatch.setattr(Gaussian, "__call__", lambda self, *of: asked.append(of) or Zeros()(*of))
    Auto()(Problem(Measure.of(x, a), Measure.of(y, b), 1.0), Sinkhorn())
    assert bool(asked) == is_looked_at


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_no_start_takes_far_fewer_iterations(case):
    (x, y), blur, _ = CASES[case]
    inits = (Coarse(), Gaussian(), Zeros(), *([Sorting()] if x.shape[1] == 1 else []))
    fewest = min(entropic_ot(x, y, blur=blur, solver=Sinkhorn(init=init)).n_iter for init in inits)
    assert entropic_ot(x, y, blur=blur).n_iter <= fewest + 3


def test_a_problem_of_a_measure_with_itself_has_the_coarse_start():
    x, _ = moons()
    starts = [start_and_passes(init, problem(x, x, 0.1)) for init in (Auto(), Coarse())]
    (f, g, passes), (coarse, _, passes_of_coarse) = starts
    assert f is g
    np.testing.assert_array_equal(f, coarse)
    assert passes == passes_of_coarse


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 40), (3, 2), (5, 300)])
def test_few_points(n, m):
    x, y, a, b = example(n, m)
    auto = entropic_ot(x, y, a, b, blur=0.3, solver=Sinkhorn(tol=1e-9))
    assert auto.value == pytest.approx(
        entropic_ot(x, y, a, b, blur=0.3, solver=PRECISE).value, rel=1e-8
    )


def test_the_same_bits_from_either_side():
    x, y = gaussians(500)
    there, back = entropic_ot(x, y, blur=1.5), entropic_ot(y, x, blur=1.5)
    assert there.value == back.value
    np.testing.assert_array_equal(there.f, back.g)
