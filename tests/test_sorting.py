"""Transport on a line is a sort: its dual is feasible and exact, and a good start of the entropic
problem.
"""

import math

import numpy as np
import pytest
from counts import start_and_passes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracle import Dense, exact_cost
from strategies import probabilities

from sinkhorn_nb import Measure, Problem, Sinkhorn, entropic_ot, sinkhorn_divergence
from sinkhorn_nb.backends.sorted_dual import dual_sort_sweep, midpoint_dual, running_sums, staircase
from sinkhorn_nb.initializers import DualSort, Sorting, Zeros

EXPONENTS = [1.0, 1.5, 2.0, 3.0]
ROUNDING = 1e-12


def costs(x, y, p):
    return np.abs(x[:, None] - y[None, :]) ** p / p


def quantile_cost(x, y, a, b, p):
    """int |F^-1(t) - G^-1(t)|^p / p dt over (0, 1), for ascending points."""
    A, B = np.cumsum(a) / a.sum(), np.cumsum(b) / b.sum()
    cuts = np.unique(np.concatenate([[0], A, B]))
    middle, width = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts)
    i, j = (np.minimum(np.searchsorted(s, middle), len(s) - 1) for s in (A, B))
    return width @ (np.abs(x[i] - y[j]) ** p / p)


def line(n, m, seed=0, weighted=True):
    """Ascending points and probabilities of two measures."""
    rng = np.random.default_rng([n, m, seed])
    x, y = np.sort(rng.normal(size=n)), np.sort(rng.normal(size=m) / 2 + 1)
    a, b = (rng.uniform(0.1, 1, size=k) if weighted else np.ones(k) for k in (n, m))
    return x, y, a / a.sum(), b / b.sum()


def assert_exact(x, y, a, b, p):
    """Feasible wherever there is mass on one side at least, and as good as the quantile coupling."""
    f, g = midpoint_dual(x, a, y, b, p)
    C = costs(x, y, p)
    size = C.max() + np.abs(f).max() + np.abs(g).max() + 1e-300
    matter = (a > 0)[:, None] | (b > 0)
    assert (f[:, None] + g - C)[matter].max() <= ROUNDING * size
    assert a @ f + b @ g == pytest.approx(quantile_cost(x, y, a, b, p), abs=ROUNDING * size)
    return f, g


# The exact dual


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize(
    ("n", "m"), [(1, 1), (1, 9), (9, 1), (7, 7), (40, 40), (40, 25), (300, 301)]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_feasible_without_a_gap(n, m, p, weighted):
    assert_exact(*line(n, m, weighted=weighted), p)


def test_the_value_is_that_of_linear_programming():
    x, y, a, b = line(12, 9)
    f, g = midpoint_dual(x, a, y, b, 2.0)
    assert a @ f + b @ g == pytest.approx(exact_cost(x[:, None], y[:, None], a, b), rel=1e-9)


@st.composite
def lines(draw):
    """Ascending points with ties, probabilities with zeros, some of them many orders of magnitude
    apart.
    """
    sides = []
    for _ in range(2):
        n = draw(st.integers(1, 12))
        points = np.sort(draw(hnp.arrays(np.float64, n, elements=st.integers(-5, 5).map(float))))
        weights = draw(probabilities(n)) * 10.0 ** -draw(
            hnp.arrays(np.float64, n, elements=st.sampled_from([0, 6, 12]))
        )
        sides.append((points, weights / weights.sum()))
    (x, a), (y, b) = sides
    return x, y, a, b


@given(lines(), st.sampled_from(EXPONENTS), st.sampled_from([1e-3, 1.0, 1e5]))
def test_ties_zeros_and_small_weights(measures, p, scale):
    x, y, a, b = measures
    assert_exact(scale * x, scale * y, a, b, p)


@pytest.mark.parametrize("p", EXPONENTS)
def test_weights_over_twelve_orders_of_magnitude(p):
    x, y, *_ = line(200, 150)
    a, b = (10.0 ** np.random.default_rng(k).uniform(-12, 0, size=k) for k in (200, 150))
    assert_exact(x, y, a / a.sum(), b / b.sum(), p)


def test_feasible_to_the_last_digits_far_from_the_origin():
    x, y, a, b = line(500, 400)
    f, _ = assert_exact(x + 2.0**20, y + 2.0**20, a, b, 2.0)
    near, _ = midpoint_dual((x + 2.0**20) - 2.0**20, a, (y + 2.0**20) - 2.0**20, b, 2.0)
    np.testing.assert_array_equal(f, near)


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("weighted", [False, True])
def test_points_without_mass_change_nothing_and_take_the_least(p, weighted):
    x, y, a, b = line(61, 61, weighted=weighted)
    a[::3], b[::3] = 0, 0
    a, b = a / a.sum(), b / b.sum()
    f, g = assert_exact(x, y, a, b, p)
    X, Y = a > 0, b > 0
    np.testing.assert_array_equal(midpoint_dual(x[X], a[X], y[Y], b[Y], p)[0], f[X])
    np.testing.assert_allclose(f[~X], (costs(x[~X], y[Y], p) - g[Y]).min(axis=1), atol=1e-13)
    np.testing.assert_allclose(
        g[~Y], (costs(x[X], y[~Y], p) - f[X][:, None]).min(axis=0), atol=1e-13
    )


@pytest.mark.parametrize(("n", "m"), [(6, 6), (12, 4), (21, 7), (6, 9)])
@pytest.mark.parametrize("interval", [5, 8])
def test_the_limit_of_the_entropic_potentials(n, m, interval):
    """Uniform weights: the running masses agree at several cuts, where f is free in some such
    multiple of 2 eps.
    """
    rng = np.random.default_rng(n)
    x, y = (
        np.cumsum(rng.uniform(0.8, 1.2, size=n)),
        n / m * np.cumsum(rng.uniform(0.8, 1.2, size=m)),
    )
    f, g = midpoint_dual(x, np.full(n, 1 / n), y, np.full(m, 1 / m), 2.0)
    eps = n / m / 2 / interval
    exact_f, exact_g = Dense.of(x[:, None], y[:, None], blur=np.sqrt(eps)).potentials
    assert np.ptp(exact_f - f) < eps
    assert np.ptp(exact_g - g) < eps


@pytest.mark.parametrize("ratio", [3, 10])
def test_masses_that_agree_but_for_rounding_do_so_to_the_end(ratio):
    """m of many uniform points take `ratio` of the other side's each: there is an interval after
    each of them.
    """
    m = 30_000
    rows, columns = staircase(*(running_sums(np.full(k, 1 / k)) for k in (ratio * m, m)))
    both = (np.diff(rows) == 1) & (np.diff(columns) == 1)
    np.testing.assert_array_equal(rows[:-1][both] + 1, ratio * np.arange(1, m))


@pytest.mark.parametrize("excess", [1e-9, -1e-9])
def test_the_last_points_are_reached_even_if_the_masses_differ(excess):
    A, B = np.array([0.25, 0.5, 1 + excess, 1 + 2 * excess]), np.array([0.5, 1.0])
    for path in (staircase(A, B), staircase(B, A)[::-1]):
        assert [part[-1] for part in path] == [3, 1]
        assert all(np.isin(np.diff(part), (0, 1)).all() for part in path)


def test_running_sums_are_right_to_the_last_digits():
    masses = 10.0 ** np.random.default_rng(0).uniform(-12, 0, size=3000)
    masses /= masses.sum()
    exact = [math.fsum(masses[: k + 1]) for k in range(3000)]
    np.testing.assert_allclose(running_sums(masses), exact, rtol=5e-16)


def test_uniform_weights_in_closed_form():
    """f_{i+1} - f_i = (x_{i+1} - x_i) (x_{i+1} + x_i - y_i - y_{i+1}) / 2."""
    x, y, a, b = line(30, 30, weighted=False)
    f, _ = midpoint_dual(x, a, y, b, 2.0)
    np.testing.assert_allclose(
        np.diff(f), np.diff(x) * (x[1:] + x[:-1] - y[1:] - y[:-1]) / 2, atol=1e-14
    )


# The start of the entropic problem


def problem(x, y, a=None, b=None, eps=0.01):
    x, y = np.reshape(x, (-1, 1)), np.reshape(y, (-1, 1))
    return Problem(Measure.of(x, a), Measure.of(y, b), eps)


def start(problem, initializer=None):
    """The start in the caller's order, and its passes."""
    f, g, n_passes = start_and_passes(initializer or Sorting(), problem)
    return problem.source.partition.restore(f), problem.target.partition.restore(g), n_passes


def iterations(problem, init, max_iter=3000):
    return (
        Sinkhorn(init=init, acceleration="none", tol=1e-2, max_iter=max_iter)
        .attempt(problem)
        .n_iter
    )


@pytest.mark.parametrize("mass", [1.0, 3.0])
def test_potentials_are_in_the_order_of_the_points(mass):
    x, y, a, b = line(90, 70)
    f, g = midpoint_dual(x, a, y, b, 2.0)
    rng = np.random.default_rng(0)
    i, j = rng.permutation(90), rng.permutation(70)
    permuted_f, permuted_g, n_passes = start(problem(x[i], y[j], mass * a[i], mass * b[j]))
    np.testing.assert_allclose(permuted_f, f[i], atol=1e-12)
    np.testing.assert_allclose(permuted_g, g[j], atol=1e-12)
    assert n_passes == 0


def test_points_closer_than_the_rounding_of_the_others():
    """The cuts of the partition do not tell them apart."""
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(size=30) * 1e-18, [1.0, 5.0]])
    y = np.concatenate([rng.uniform(size=30) * 1e-18, [2.0, 3.0]])
    f, g, _ = start(problem(x, y))
    exact_f, exact_g = midpoint_dual(
        np.sort(x), np.full(32, 1 / 32), np.sort(y), np.full(32, 1 / 32), 2.0
    )
    np.testing.assert_array_equal(f, exact_f[np.argsort(np.argsort(x))])
    np.testing.assert_array_equal(g, exact_g[np.argsort(np.argsort(y))])


@pytest.mark.parametrize("initializer", [Sorting(), DualSort()])
def test_a_measure_with_itself(initializer):
    """The exact midpoint dual is zero: both potentials are the same array."""
    x, _, a, _ = line(50, 1, weighted=isinstance(initializer, Sorting))
    x[10:20] = x[10]
    x.sort()
    of_itself = problem(x, x[::-1].copy(), a, a[::-1].copy())
    f, g, n_passes = start_and_passes(initializer, of_itself)
    assert f is g
    assert n_passes == 0
    for potential in midpoint_dual(x, a, x, a, 2.0):
        np.testing.assert_array_equal(potential, f)


@pytest.mark.parametrize("eps", [0.05, 0.005, 0.0005])
def test_fewer_iterations_than_the_sweeps_of_the_paper(eps):
    x, y, *_ = line(60, 60)
    midpoint, sweeps = (
        iterations(problem(x, y, eps=eps), init) for init in (Sorting(), DualSort())
    )
    assert 3 * midpoint <= sweeps
    assert midpoint <= 20


def test_sweeps_of_the_paper_beat_zeros_and_count():
    x, y, *_ = line(60, 60)
    sweeps, zeros = (iterations(problem(x, y), init) for init in (DualSort(), Zeros()))
    assert sweeps < zeros
    assert start(problem(x, y), DualSort(n_sweeps=5))[2] == 6


def test_the_sweeps_are_those_of_the_paper():
    x, y, *_ = line(40, 40)
    i, C, f = np.random.default_rng(0).permutation(40), costs(x, y, 2.0), np.zeros(40)
    for _ in range(2):
        f = (C - np.diag(C) + f).min(axis=1)
    permuted_f, permuted_g, _ = start(problem(x[i], y), DualSort(n_sweeps=2))
    np.testing.assert_allclose(permuted_f, f[i], atol=1e-14)
    expected = -0.01 * np.log(np.exp((f[:, None] - C) / 0.01).mean(axis=0))
    np.testing.assert_allclose(permuted_g, expected, atol=1e-5)


@pytest.mark.parametrize("init", ["sorting", DualSort()])
@pytest.mark.parametrize("blur", [0.02, 0.3, 10.0])
def test_the_result_does_not_depend_on_it(init, blur):
    x, y, *_ = line(80, 80)
    x, y = x[::-1, None], y[:, None]
    ours, zeros = (
        sinkhorn_divergence(x, y, blur=blur, solver=Sinkhorn(tol=1e-9, init=s))
        for s in (init, "zeros")
    )
    assert ours.value == pytest.approx(zeros.value, abs=1e-8 * blur**2)
    np.testing.assert_allclose(ours.gradient().x, zeros.gradient().x, atol=1e-8)


@pytest.mark.parametrize("blur", [0.01, 0.3])
def test_weights_zeros_and_sizes_in_a_whole_solve(blur):
    x, y, a, b = line(70, 300)
    a[::5], b[:20], y[40:60] = 0, 0, y[40]
    a, b = 3 * a / a.sum(), 3 * b / b.sum()
    ours, zeros = (
        entropic_ot(x[:, None], y[:, None], a, b, blur=blur, solver=Sinkhorn(tol=1e-9, init=init))
        for init in ("sorting", "zeros")
    )
    assert ours.converged
    assert ours.value == pytest.approx(zeros.value, abs=1e-7 * blur**2)


def test_one_point_against_many_is_solved_at_once():
    x, y, a, b = line(1, 50)
    solver = Sinkhorn(init="sorting", dtype="float64", tol=1e-10)
    assert solver.solve(problem(x, y, a, b)).n_iter == 1


# Refusals


def test_dual_sort_needs_a_sweep():
    with pytest.raises(ValueError, match=r"n_sweeps: expected an integer >= 1, got 0"):
        DualSort(n_sweeps=0)


@pytest.mark.parametrize("initializer", [Sorting(), DualSort()])
def test_points_off_the_line_are_refused(initializer):
    x = np.zeros((3, 2))
    message = rf'init: {type(initializer).__name__}: .* of one coordinate, got dimension 2; use init="auto"'
    with pytest.raises(ValueError, match=message):
        entropic_ot(x, x + 1, blur=1.0, solver=Sinkhorn(init=initializer))


def test_dual_sort_refuses_other_problems():
    with pytest.raises(
        ValueError, match=r"init: DualSort: .* as many points .* 5 and 4; use Sorting\(\)"
    ):
        start(problem(np.arange(5.0), np.arange(4.0)), DualSort())
    with pytest.raises(
        ValueError,
        match=r"init: DualSort: expected equal weights, got .* 0.25 to 0.75; use Sorting\(\)",
    ):
        start(problem(np.arange(2.0), np.arange(2.0) + 1, None, [0.25, 0.75]), DualSort())


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_sweeps_are_those_of_the_paper_with_its_costs_transposed(p):
    """Erratum: f_i <- min_j (C_ij - C_jj + f_j); as printed, with C_ji, the limit is no dual
    potential.
    """
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.normal(size=30)), np.sort(rng.normal(size=30) + 1)
    C = np.abs(x[:, None] - y) ** p / p
    f = np.zeros(30)
    for _ in range(60):
        swept = dual_sort_sweep(x, y, f, p)
        np.testing.assert_allclose(swept, (C - np.diag(C) + f).min(axis=1), atol=1e-12)
        f = swept
    g = np.diag(C) - f
    assert (f[:, None] + g <= C + 1e-12).all()
