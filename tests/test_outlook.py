"""Blurs that are too small for the data give one early warning, which proposes a better blur."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from problems import cloud

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence, suggest_blur
from sinkhorn_nb.measures.measure import Measure
from sinkhorn_nb.problem import Problem
from sinkhorn_nb.results import outlook
from sinkhorn_nb.results.status import is_too_slow
from sinkhorn_nb.solver.descent import Iteration

pytestmark = pytest.mark.slow


def people(n, seed):
    """Incomes, ages and shares."""
    r = np.random.default_rng(seed)
    return np.column_stack([r.lognormal(10.5, 0.8, n), r.integers(18, 90, n), r.random(n)])


X, Y = people(60, 0), people(50, 1)
# From the usual start these problems are solved in a few iterations
PLAIN = Sinkhorn(acceleration="none", init="zeros")
HASTY = replace(PLAIN, max_iter=120)


def told(call):
    """The texts of the warnings, each one at the caller's line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    assert all(w.category is snb.ConvergenceWarning and w.filename == __file__ for w in caught)
    return result, [str(w.message) for w in caught]


def problem_of(x, y, blur):
    return Problem(Measure.of(x), Measure.of(y), blur**2)


CALLS = {
    "entropic_ot": lambda solver: entropic_ot(X, Y, blur=0.05, solver=solver),
    "solve": lambda solver: solver.solve(problem_of(X, Y, 0.05)),
    "sinkhorn_divergence": lambda solver: sinkhorn_divergence(X, Y, blur=0.05, solver=solver),
    "sinkhorn_divergences": lambda solver: snb.sinkhorn_divergences(
        [X, X], [Y, Y + 1], blur=0.05, solver=solver
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_one_warning_names_the_diameter_the_column_and_a_blur(call):
    result, texts = told(lambda: CALLS[call](replace(PLAIN, max_iter=250)))
    assert not np.any(result.converged)
    (text,) = texts
    assert "he blur 0.05 is " in text
    diameter = problem_of(X, Y, 1.0).diameter
    assert f"the diameter {diameter:.3g}, which column 0 makes" in text
    assert "expect some " in text and "standard deviation" in text
    assert f"blur={0.05 * diameter:.3g}, 5 % of the diameter" in text


def test_the_warning_comes_early():
    done = []

    def stop(message, *rest, **options):
        done.append(len(seen))

    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = stop
        entropic_ot(X, Y, blur=0.05, solver=replace(PLAIN, max_iter=600, callback=seen.append))
    (n_iter,) = done
    assert n_iter < 300
    assert len(seen) == 600  # the caller's callback is called as before


def test_a_solve_too_short_for_it_ends_with_the_same_advice():
    solution, (text,) = told(
        lambda: entropic_ot(X, Y, blur=0.05, solver=replace(PLAIN, max_iter=5))
    )
    assert text == solution.message
    assert (
        text.startswith("stopped at max_iter")
        and "5 % of the diameter" in text
        and "max_iter=" not in text
    )


def test_the_message_of_the_solution_has_the_advice_too():
    solution, _ = told(lambda: entropic_ot(X, Y, blur=0.05, solver=HASTY))
    assert outlook.advice(solution.problem) in solution.message


def test_the_same_problem_is_told_again_when_it_is_solved_again():
    problem = problem_of(X, Y, 0.05)
    for _ in range(2):
        assert len(told(lambda: HASTY.solve(problem))[1]) == 1


def test_the_advice_works():
    """Scaled columns and the blur that is proposed converge."""
    scale = np.concatenate([X, Y]).std(axis=0)
    for x, y in ((X, Y), (X / scale, Y / scale)):
        assert entropic_ot(x, y, blur=suggest_blur(x, y)).converged


def test_small_blurs_that_are_solved_at_once_are_not_told():
    x = np.random.default_rng(0).random((100, 2))
    solution, texts = told(lambda: entropic_ot(x, x + 1e-5, blur=1e-4))
    assert outlook.advice(solution.problem) is not None
    assert solution.converged and texts == []


def test_a_blur_below_the_spacing_of_the_points():
    x, y = cloud(40, 2), cloud(30, 2, shift=0.5)
    problem = problem_of(x, y, 0.005)
    assert problem.blur > outlook.FINEST * problem.diameter
    spacing = min(problem.source.spacing, problem.target.spacing)
    assert f"is below {spacing:.3g}, the distance of neighboring points" in outlook.advice(problem)
    assert outlook.advice(problem_of(x, y, 1.01 * spacing)) is None
    # Below the spacing, and solved in a few iterations
    assert outlook.advice(problem_of(x, y, 0.1)) is None


def test_errors_that_fall_fast_enough_are_on_their_way_whatever_the_diameter():
    falling = 0.9 ** np.arange(60.0)
    assert not is_too_slow(falling, tol=1e-8, max_iter=300)  # it takes 175
    assert is_too_slow(falling, tol=1e-8, max_iter=100)
    assert is_too_slow(np.full(60, 0.3), tol=1e-8, max_iter=10**6)
    assert is_too_slow(falling[:4], tol=1e-8, max_iter=300)  # too few to tell


def test_a_solve_that_slows_down_later_is_looked_at_again():
    """Half a second goes well, then nothing moves: a word comes once twice as many errors are
    known.
    """
    problem = problem_of(X, Y, 0.05)
    watched = outlook.Watch(Sinkhorn()).over(problem).callback
    first = watched._due  # iterations in half a second
    errors = np.append(0.9 ** np.arange(first), np.full(3 * first, 0.9**first))

    def tell(start, end):
        for k in range(start, end):
            watched(Iteration(k + 1, k + 1.0, problem.eps, errors[k]))

    assert 10 < first < 100
    assert told(lambda: tell(0, first))[1] == []
    assert told(lambda: tell(first, 2 * first - 1))[1] == []
    (text,) = told(lambda: tell(2 * first - 1, 2 * first))[1]
    assert text.startswith("The blur 0.05 is ")
    assert told(lambda: tell(2 * first, 4 * first))[1] == []  # once is enough


def test_solves_that_are_expected_to_be_short_are_left_alone_however_long_they_take():
    plain = Sinkhorn(acceleration="none", init="zeros")
    solution, texts = told(
        lambda: entropic_ot(cloud(40, 2), cloud(30, 2, shift=0.5), blur=0.1, solver=plain)
    )
    assert solution.n_iter > 100 and solution.problem.blur < solution.problem.source.spacing
    assert texts == []


def test_ordinary_failures_keep_the_cure_of_more_iterations():
    x, y = cloud(40, 2), cloud(30, 2, shift=0.5)
    _, (text,) = told(lambda: entropic_ot(x, y, blur=0.3, solver=Sinkhorn(tol=1e-9, max_iter=3)))
    assert "max_iter=" in text and "diameter" not in text


def test_columns_of_one_unit_are_not_blamed():
    text = outlook.advice(problem_of(cloud(9, 2), cloud(7, 2, shift=0.5), 1e-6))
    assert "column" not in text and "standard deviation" not in text


# suggest_blur


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1e200, 1e307])
def test_the_suggested_blur_is_a_share_of_any_diameter(scale):
    assert suggest_blur(np.multiply([[0.0, 0.0], [3.0, 4.0]], scale)) == pytest.approx(
        0.25 * scale, rel=1e-2
    )


def test_no_blur_is_suggested_for_a_diameter_beyond_float64():
    with pytest.raises(
        ValueError, match=r"^x: expected points .*, got a diameter beyond float64; rescale"
    ):
        suggest_blur([[-1.5e308], [1.5e308]])


def test_suggested_blur_is_a_share_of_the_diameter():
    assert suggest_blur([[0.0, 0.0], [3.0, 0.0]], [[1.0, 4.0]]) == pytest.approx(0.25)
    assert suggest_blur([[0.0], [1.0]], fraction=0.5) == 0.5
    assert suggest_blur(np.float32([[0.0], [1.0]])) == 0.05


@pytest.mark.parametrize("fraction", [0, -1, 1.5, float("nan")])
def test_bad_fractions(fraction):
    with pytest.raises(
        ValueError, match=r"^fraction: expected a number above 0 and at most 1, got .*pass 0\.05"
    ):
        suggest_blur(X, Y, fraction)


def test_no_blur_for_equal_points_or_other_dimensions():
    with pytest.raises(ValueError, match=r"^x: expected at least two different points"):
        suggest_blur([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"^y: expected points in dimension 3"):
        suggest_blur(X, cloud(5, 2))
