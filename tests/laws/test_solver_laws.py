"""All options have the same solution, and a result tells the truth about itself, for any data and
options.
"""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Dense
from problems import example
from strategies import SCALES, Pair, pairs

from sinkhorn_nb import Sinkhorn, entropic_ot

TOL = 1e-8


# One fixed point


def rng(seed):
    return np.random.default_rng(seed)


def uniform():
    return (*rng(0).uniform(size=(2, 400, 2)), None, None)


def clusters():
    random, centers = rng(1), rng(2).uniform(size=(6, 2))
    x, y = (
        centers[random.choice(6, 300, p=random.dirichlet(np.ones(6)))]
        + 0.02 * random.normal(size=(300, 2))
        for _ in range(2)
    )
    return x, y, None, None


def ring_and_disk():
    random = rng(3)
    angles, radii = (
        random.uniform(0, 2 * np.pi, 700),
        np.append(np.ones(400), 0.7 * random.uniform(size=300) ** 0.5),
    )
    points = radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    return points[:400], points[400:], None, None


def line_and_square():
    random = rng(4)
    return (
        np.column_stack([random.uniform(size=500), np.zeros(500)]),
        random.uniform(size=(300, 2)),
        None,
        None,
    )


def heavy_tails():
    return (*rng(5).lognormal(size=(2, 400, 2)), None, None)


def repeated_points():
    """Points on a grid, with some weights zero."""
    random = rng(6)
    x, y, a = (
        random.integers(8, size=(300, 2)) / 7,
        random.integers(9, size=(350, 2)) / 7,
        random.uniform(size=300),
    )
    a[:50] = 0
    return x, y, a / a.sum(), None


FAMILIES = {
    "bent Gaussians": lambda: example(600, 500, mass=3.0),
    "uniform": uniform,
    "clusters": clusters,
    "ring and disk": ring_and_disk,
    "line and square": line_and_square,
    "heavy tails": heavy_tails,
    "repeated points": repeated_points,
}


def diameter(x, y):
    return np.linalg.norm(np.ptp(np.concatenate([x, y]), axis=0))


def distance(f, other, a):
    """Mean difference of potentials, but for the constant that f and g can exchange."""
    difference = (f - other) - a @ (f - other) / a.sum()
    return a @ np.abs(difference) / a.sum()


@pytest.mark.parametrize("ratio", [0.1, 0.05])
@pytest.mark.parametrize("family", FAMILIES)
def test_one_fixed_point(family, ratio):
    """The error of potentials is that of the marginals, times the plain iterations that take a
    factor e off it.
    """
    x, y, a, b = FAMILIES[family]()
    size = diameter(x, y)
    blur = ratio * size
    plain, two_level = (
        entropic_ot(
            x,
            y,
            a,
            b,
            blur=blur,
            solver=Sinkhorn(tol=TOL, max_iter=20_000, acceleration=acceleration),
        )
        for acceleration in ("none", "auto")
    )
    assert plain.converged
    assert two_level.converged
    assert two_level.n_passes < plain.n_passes
    assert_same(two_level, plain, 10 * TOL * max(1, plain.n_iter / np.log(1 / TOL)))


def assert_same(one, other, accuracy):
    """Potentials to the accuracy in units of eps, the plan in units of the mass; the value to its
    square.
    """
    problem = other.problem
    a, b, mass, eps, size = (
        problem.source.weights,
        problem.target.weights,
        problem.mass,
        problem.eps,
        problem.diameter,
    )
    assert one.value == pytest.approx(other.value, abs=mass * (eps * accuracy**2 + 1e-14 * size**2))
    assert distance(one.f, other.f, a) <= accuracy * eps
    assert distance(one.g, other.g, b) <= accuracy * eps
    gradient, expected = one.gradient(), other.gradient()
    assert distance(gradient.a, expected.a, a) <= accuracy * eps
    assert distance(gradient.b, expected.b, b) <= accuracy * eps
    assert np.abs(gradient.x - expected.x).sum() <= accuracy * mass * size
    assert np.abs(gradient.y - expected.y).sum() <= accuracy * mass * size
    rows, columns = np.arange(0, len(a), 3), np.arange(0, len(b), 2)
    block, expected = one.plan.block(rows, columns), other.plan.block(rows, columns)
    assert expected.sum() > mass / 50
    assert np.abs(block - expected).sum() <= accuracy * expected.sum()


# The truth


@st.composite
def larger_pairs(draw):
    """Clouds that are started from centroids."""
    random, scale = rng(draw(st.integers(0, 2**32 - 1))), draw(SCALES)
    n, m, power = (
        draw(st.integers(257, 400)),
        draw(st.integers(257, 400)),
        draw(st.sampled_from([1.0, 3.0])),
    )
    x, y = scale * random.normal(size=(n, 2)) ** power, scale * random.uniform(-1, 1, size=(m, 2))
    a, b = (
        random.dirichlet(np.full(n, draw(st.sampled_from([0.1, 1.0])))),
        random.dirichlet(np.ones(m)),
    )
    mass, ratio = draw(st.sampled_from([1.0, 3.0])), draw(st.floats(0.05, 2.0))
    return Pair(x, y, mass * a, mass * b, float(ratio * diameter(x, y)))


SOLVERS = st.builds(
    Sinkhorn,
    tol=st.sampled_from([1e-1, 1e-3, 1e-6, 1e-10]),
    max_iter=st.integers(1, 50),
    init=st.sampled_from(["auto", "coarse", "zeros"]),
    acceleration=st.sampled_from(["auto", "none", "symmetric"]),
    dtype=st.sampled_from([None, "float32", "float64"]),
)
INPUT = st.sampled_from(["float32", "float64"])


def solved(pair, solver, dtype):
    """The solution, and the same problem dense."""
    x, y, a, b, blur = pair
    x, y = x.astype(dtype), y.astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        solution = entropic_ot(x, y, a, b, blur=blur, solver=solver)
    return solution, Dense.of(x, y, a, b, blur=blur)


def assert_tells_the_truth(solution, dense, tol):
    true, is_single = dense.error(solution.f, solution.g), solution.dtype == "float32"
    exponents = 1 + dense.C.max() / dense.eps
    slack = {"float32": 1e-6, "float64": 1e-14}[solution.dtype] * exponents
    assert solution.marginal_error == pytest.approx(
        true, rel=1e-4 if is_single else 1e-9, abs=slack
    )
    assert solution.converged == (solution.marginal_error <= tol)
    if solution.history[-1] <= 0.5:  # beyond, one side may have been made exact in the end
        assert solution.history.min() <= solution.marginal_error * (1 + 1e-9) + slack
    assert 1 <= solution.n_iter == len(solution.history)


@given(pairs(dimensions=st.just(2)), SOLVERS, INPUT)
def test_small_problems(pair, solver, dtype):
    solution, dense = solved(pair, solver, dtype)
    assert_tells_the_truth(solution, dense, solver.tol)
    assert solution.n_iter <= solver.max_iter
    slack = {"float32": 1e-6, "float64": 1e-12}[solution.dtype] * pair.size
    assert solution.value <= dense.value + slack
    assert dense.value <= solution.value + solution.gap + slack


@given(larger_pairs(), SOLVERS, INPUT)
def test_problems_with_a_coarse_start(pair, solver, dtype):
    solution, dense = solved(pair, solver, dtype)
    assert_tells_the_truth(solution, dense, solver.tol)
    assert solution.n_iter <= solver.max_iter
    assert solution.gap >= 0
