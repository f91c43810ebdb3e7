"""All methods have one fixed point; the two-level one gets there in a fraction of the passes."""

import numpy as np
import pytest
from oracle import Dense, softmin
from problems import PRECISE, example

from sinkhorn_nb import Measure, Problem, Sinkhorn, entropic_ot, sinkhorn_divergence
from sinkhorn_nb.dual import Iterate
from sinkhorn_nb.solver.acceleration import Alternating, Anderson, Symmetric
from sinkhorn_nb.solver.schedule import phases
from sinkhorn_nb.terms import terms_of

WIDE = {"small": (23, 31, 2), "line": (40, 40, 1), "many dimensions": (50, 30, 30)}


@pytest.mark.parametrize("family", WIDE)
@pytest.mark.parametrize("blur", [1.5, 0.8])
@pytest.mark.parametrize("acceleration", ["none", "symmetric"])
def test_same_solution(family, blur, acceleration):
    arguments = example(*WIDE[family])
    plain = entropic_ot(
        *arguments,
        blur=blur,
        solver=Sinkhorn(tol=1e-9, max_iter=500_000, acceleration=acceleration),
    )
    mixed = entropic_ot(*arguments, blur=blur, solver=PRECISE)
    assert mixed.value == pytest.approx(plain.value, rel=1e-11)
    np.testing.assert_allclose(mixed.f - mixed.f[0], plain.f - plain.f[0], atol=1e-6)
    np.testing.assert_allclose(mixed.gradient().x, plain.gradient().x, atol=1e-8)


def test_default_needs_a_fraction_of_the_passes():
    arguments = example(1040, 1020, 2)  # too many pairs for the compiled solver of small problems
    passes = {
        acceleration: entropic_ot(
            *arguments, blur=0.13, solver=Sinkhorn(acceleration=acceleration)
        ).n_passes
        for acceleration in ("auto", "none", "symmetric")
    }
    assert passes["auto"] < passes["none"] / 10 < passes["symmetric"] / 10


@pytest.mark.parametrize("acceleration", ["none", "symmetric"])
def test_the_papers_iterations(acceleration):
    """Sinkhorn's: f <- T(g), then g <- T(f). Feydy's: half way to both, at once. At a blur beyond
    the diameter.
    """
    x, y, a, b = example(9, 7)
    iterations = 4
    with pytest.warns(UserWarning, match="max_iter"):
        solver = Sinkhorn(
            tol=1e-12, max_iter=iterations, acceleration=acceleration, init="zeros", dtype="float64"
        )
        solution = entropic_ot(x, y, a, b, blur=20.0, solver=solver)
    dense, (f, g) = Dense.of(x, y, a, b, blur=20.0), (np.zeros(9), np.zeros(7))
    C, eps = dense.C, dense.eps
    tried = [(f, g)]
    for k in range(iterations - 1):
        new_f, new_g = softmin(eps, C, g, b), softmin(eps, C.T, f, a)
        if acceleration == "symmetric":
            f, g = (f + new_f) / 2, (g + new_g) / 2
        else:  # the smaller measure is the source of what is solved
            f, g = (f, new_g) if k % 2 == 0 else (new_f, g)
        tried.append((f, g))
    f, g = min(tried, key=lambda potentials: dense.error(*potentials))
    constant = (a @ f - b @ g) / 2  # what is returned has <a, f> = <b, g>
    np.testing.assert_allclose(solution.f, f - constant, rtol=1e-9)
    np.testing.assert_allclose(solution.g, g + constant, rtol=1e-9)


def test_self_problems_take_few_steps_at_any_blur():
    x, _, a, _ = example(300, 10)
    for blur in (1.0, 0.1, 0.01):
        for acceleration, most in (("auto", 12), ("symmetric", 16)):
            solver = Sinkhorn(tol=1e-5, acceleration=acceleration)
            assert sinkhorn_divergence(x, x, a, a, blur=blur, solver=solver).xx.n_iter <= most


class Linear:
    """The iteration z -> modes z in place of a method; z = 0 solves."""

    period, updates_rows = 1, True

    def __init__(self, modes):
        self.modes = modes

    def next(self, iterate, error):
        return self.modes * iterate.f, self.modes * iterate.f


def mixing(modes):
    x = np.arange(float(len(modes)))[:, None]
    problem = Problem(Measure.of(x), Measure.of(x), 1.0)
    return Anderson(Linear(modes), problem.dual(), problem.is_self, "float64")


def at(z, dual=0.0):
    """An iterate of that dual value."""
    log_rows = np.full(len(z), z.sum() / len(z) * 2 - dual)
    return Iterate(z, z, log_rows, log_rows)


def test_mixing_solves_a_linear_iteration_in_as_many_steps_as_it_has_modes():
    anderson, z = mixing(np.array([0.9, 0.5, -0.7])), np.ones(3)
    for _ in range(5):
        z, _ = anderson.next(at(z), 0.1)
    assert np.abs(z).max() < 1e-6


def test_an_iterate_of_lower_dual_is_given_up_for_the_plain_step():
    anderson, start = mixing(np.array([0.9, 0.5])), np.array([1.0, 2.0])
    anderson.next(at(start, dual=1.0), error=0.1)
    after, _ = anderson.next(at(np.array([9.0, 9.0]), dual=0.5), error=0.05)
    np.testing.assert_array_equal(after, start * [0.9, 0.5])
    assert anderson.n_rejected == 1


def test_mixing_waits_until_the_error_is_small():
    anderson, modes = mixing(np.array([0.9, 0.5])), np.array([0.9, 0.5])
    z = np.ones(2)
    for _ in range(4):
        z, _ = anderson.next(at(z), error=0.9)
    np.testing.assert_allclose(z, modes**4)


@pytest.mark.parametrize("method", [lambda dual: Symmetric(dual, is_self=False), Alternating])
def test_plain_methods_keep_a_solution(method):
    x, y, a, b = example(12, 9)
    problem = Problem(Measure.of(x, a), Measure.of(y, b), 1.0)
    f, g = np.arange(12.0), np.arange(9.0)
    for potential, kept in zip(
        method(problem.dual()).next(Iterate(f, g, 0 * f, 0 * g), 0.0), (f, g), strict=True
    ):
        np.testing.assert_array_equal(potential, kept)


class Drifting(Linear):
    """A method whose potentials move apart by a constant."""

    def next(self, iterate, error):
        return iterate.f + 1e6, iterate.g - 1e6


def test_the_constant_between_the_potentials_does_not_drift():
    x, y, a, b = example(12, 9)
    problem = Problem(Measure.of(x, a), Measure.of(y, b), 1.0)
    f, g = np.zeros(12), np.zeros(9)
    new_f, new_g = Anderson(Drifting(None), problem.dual(), False, "float64").next(
        Iterate(f, g, f, g), 0.1
    )
    np.testing.assert_allclose(new_f, f, atol=1e-9)
    np.testing.assert_allclose(new_g, g, atol=1e-9)


def test_each_temperature_of_the_annealing_moves_the_potentials():
    annealed = entropic_ot(*example(60, 50), blur=0.2, solver=Sinkhorn(acceleration="symmetric"))
    assert annealed.history[1] < 2 * annealed.history[0]  # at zero it would be four times as large


@pytest.mark.parametrize("p", [1, 2])
def test_the_annealing_halves_the_blur_from_the_diameter_on_in_one_iteration_each(p):
    x, y, a, b = example(20, 15)
    problem = Problem(Measure.of(x, a), Measure.of(y, b), *terms_of(blur=0.2, p=p))
    made = phases(problem, Sinkhorn(acceleration="symmetric", dtype="float64"))
    count = int(np.ceil(np.log2(problem.diameter / 0.2)))
    expected = [(0.2 * 2**k) ** p for k in range(count, -1, -1)]
    np.testing.assert_allclose([phase.eps for phase in made], expected)
    assert [phase.max_iter for phase in made] == count * [1] + [np.inf]


@pytest.mark.parametrize("extent", [0.0, 0.1])
def test_clouds_within_a_blur_are_not_annealed(extent):
    x = extent * np.eye(2)
    source, target = Measure.of(x, np.ones(2)), Measure.of(x, np.arange(1.0, 3.0))
    problem = Problem(source, target, *terms_of(blur=1.0, reach=1.0))
    (phase,) = phases(problem, Sinkhorn(acceleration="symmetric", dtype="float64"))
    assert phase.eps == 1.0
