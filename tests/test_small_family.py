"""Small problems of all costs and prices by the compiled solver, against the loop and a dense
oracle.
"""

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import pairs
from unbalanced_oracle import HARD, Priced

import sinkhorn_nb as snb
from sinkhorn_nb.backends.cpu.small_problems import MOST_PAIRS
from sinkhorn_nb.costs import cost_of
from sinkhorn_nb.dual import Normal
from sinkhorn_nb.solver import small
from sinkhorn_nb.solver.small import suits
from sinkhorn_nb.terms import terms_of

TOL = 1e-10
PRECISE = snb.Sinkhorn(tol=TOL)
LOOP = snb.Sinkhorn(tol=TOL, callback=lambda iteration: None)
COSTS = {
    "p2": ({"p": 2, "eps": 0.05}, 3),
    "p1": ({"p": 1, "eps": 0.1}, 3),
    "p1.5": ({"p": 1.5, "eps": 0.05}, 3),
    "cosine": ({"cost": "cosine", "eps": 0.02}, 3),
    "haversine": ({"cost": "haversine", "eps": 0.1}, 2),
    "cityblock": ({"cost": "cityblock", "eps": 0.2}, 3),
}
EACH = pytest.mark.parametrize("name", COSTS)
PRICES = {"exact": None, "cheap": 0.02, "dear": 3.0}
EACH_PRICE = pytest.mark.parametrize("rho", PRICES.values(), ids=PRICES)


@dataclass(frozen=True, eq=False)
class Dense(Priced):
    """The oracle for any cost."""

    cost: object = None

    @cached_property
    def C(self):
        return self.cost.block(self.x, self.y)


def clouds(d, n=13, m=17, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5
    a, b = rng.exponential(size=n) + 0.1, rng.exponential(size=m) + 0.1
    return x / 2, y / 2, a / a.sum(), b / b.sum()


def case(name, rho, masses=(200.0, 3e-3)):
    """Arguments of the public functions, terms, and the oracle; masses are far apart if they may
    be.
    """
    how, d = COSTS[name]
    x, y, a, b = clouds(d)
    if rho is not None:
        a, b, how = masses[0] * a, masses[1] * b, how | {"rho": rho}
    cost = cost_of(how.get("p", 2), how.get("cost"))
    prices = (HARD if rho is None else rho,) * 2
    return (x, y, a, b), how, Dense(x, y, a, b, how["eps"], prices, cost)


def assert_same(got, expected, rtol):
    """All parts agree, in units of the largest number of each."""
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=rtol * np.abs(theirs).max())


def is_compiled(solution):
    """Whether the compiled solver has found a solution."""
    return isinstance(solution.found, Normal)


@EACH_PRICE
@EACH
def test_solutions_are_those_of_the_oracle(name, rho):
    args, how, dense = case(name, rho)
    solution = snb.entropic_ot(*args, **how, solver=PRECISE)
    assert is_compiled(solution) and solution.converged
    assert solution.value == pytest.approx(dense.value, rel=1e-9)
    mass = dense.plan.sum()
    np.testing.assert_allclose(solution.plan.toarray(), dense.plan, rtol=0, atol=1e-9 * mass)
    if rho is not None:  # else there is a free constant
        assert_same((solution.f, solution.g), dense.potentials, 1e-8)


@EACH_PRICE
@EACH
def test_divergences_and_gradients_are_those_of_the_loop_and_of_the_oracle(name, rho):
    args, how, dense = case(name, rho)
    found = snb.sinkhorn_divergence(*args, **how, solver=PRECISE)
    known = snb.sinkhorn_divergence(*args, **how, solver=LOOP)
    assert is_compiled(found.xy) and is_compiled(found.xx) and not is_compiled(known.xy)
    size = abs(dense.value) + abs(dense.on_source.value) + abs(dense.on_target.value)
    assert float(found) == pytest.approx(dense.divergence, rel=1e-9, abs=1e-12 * size)
    assert float(found) == pytest.approx(float(known), rel=1e-9)
    assert_same(found.gradient(), known.gradient(), 1e-7)
    assert_same(found.xy.gradient(), known.xy.gradient(), 1e-7)


@EACH_PRICE
@EACH
def test_batches_give_the_bits_of_single_calls_in_both_orders(name, rho):
    (x, y, a, b), how, _ = case(name, rho, (2.0, 3.0))
    batch = snb.sinkhorn_divergences([x, y, x], [y, x, x], [a, b, a], [b, a, a], **how)
    alone = snb.sinkhorn_divergence(x, y, a, b, **how)
    assert batch.value.tolist() == [float(alone), float(alone), 0.0]
    assert is_compiled(batch[0].xy) and is_compiled(batch[1].xy)
    parts = batch.gradient()
    np.testing.assert_array_equal(parts.x[0], parts.y[1])
    np.testing.assert_array_equal(parts.b[0], parts.a[1])
    assert_same([part[0] for part in parts], alone.gradient(), 1e-12)
    table = snb.pairwise_sinkhorn_divergence([x, y], weights=[a, b], **how)
    assert table.tolist() == [[0.0, float(alone)], [float(alone), 0.0]]


@pytest.mark.parametrize("sides", [(None, 0.3), (0.3, None), (0.1, 2.0)], ids=str)
def test_both_sides_may_have_prices_of_their_own(sides):
    x, y, a, b = clouds(2)
    prices = [HARD if side is None else side for side in sides]
    for first, second, own, other, rho in ((x, y, a, b, prices), (y, x, b, a, prices[::-1])):
        weights = own, (0.2 if HARD in rho else 30.0) * other
        dense = Dense(first, second, *weights, 0.05, tuple(rho), cost_of(1))
        pair = tuple(None if side == HARD else side for side in rho)
        found = snb.entropic_ot(first, second, *weights, p=1, eps=0.05, rho=pair, solver=PRECISE)
        assert is_compiled(found)
        assert found.value == pytest.approx(dense.value, rel=1e-9)
        assert_same((found.f, found.g), dense.potentials, 1e-8)


def test_equal_points_with_other_masses_are_no_equal_measures():
    x, _, a, _ = clouds(3)
    how = {"p": 1, "eps": 0.1, "rho": 0.5, "solver": PRECISE}
    found = snb.sinkhorn_divergences([x, x], [x, x], [a, a], [a, 3 * a], **how)
    known = snb.sinkhorn_divergence(x, x, a, 3 * a, **(how | {"solver": LOOP}))
    assert found.value[0] == 0.0
    assert found.value[1] == pytest.approx(float(known), rel=1e-9) and float(known) > 0.1
    assert_same([part[1] for part in found.gradient()], known.gradient(), 1e-7)


@given(
    p=pairs(scales=st.just(1.0), dimensions=st.just(3)),
    exponent=st.sampled_from([1, 1.5, 2]),
    reach=st.sampled_from([None, 0.05, 1.0, 1e3, 1e8]),
    factor=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_random_problems_are_those_of_the_loop(p, exponent, reach, factor):
    b = p.b if reach is None else factor * p.b
    how = {"blur": p.blur, "p": exponent, "reach": reach}
    found = snb.sinkhorn_divergence(p.x, p.y, p.a, b, **how, solver=PRECISE)
    known = snb.sinkhorn_divergence(p.x, p.y, p.a, b, **how, solver=LOOP)
    mass = max(known.xx.problem.mass, known.yy.problem.mass)
    assert float(found) == pytest.approx(float(known), rel=1e-6, abs=1e-10 * mass)
    for got, expected in zip(found.gradient()[:2], known.gradient()[:2], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-7 * mass)


@pytest.mark.parametrize("how", [{"p": 1, "blur": 0.05}, {"blur": 0.1, "reach": 1.0}], ids=str)
def test_a_similar_divergence_is_a_start(how):
    x, y, a, b = clouds(2, 60, 50)
    first = snb.sinkhorn_divergence(x, y, a, b, **how)
    moved = x + 1e-3
    solver = snb.Sinkhorn(init=first)
    second = snb.sinkhorn_divergence(moved, y, a, b, **how, solver=solver)
    cold = snb.sinkhorn_divergence(moved, y, a, b, **how)
    assert is_compiled(second.xy)
    assert second.n_passes < cold.n_passes / 2
    assert float(second) == pytest.approx(float(cold), rel=1e-3)


def test_what_the_compiled_solver_does_not_serve_takes_the_loop():
    x, y, a, b = clouds(2)
    distance = numba.njit(lambda s, t: np.sqrt(((s - t) ** 2).sum()))
    for how in ({"cost": distance, "eps": 0.1}, {"eps": 0.1, "rho": 1e-9}):
        found = snb.entropic_ot(x, y, a, b, **how)
        assert found.converged and not is_compiled(found)
    classical, linear = terms_of(blur=0.1), terms_of(blur=0.1, p=1)
    on_gpu = snb.Sinkhorn(backend="cuda")
    assert suits(on_gpu, classical) and not suits(on_gpu, linear)
    assert suits(snb.Sinkhorn(), linear)


def test_with_a_start_or_a_small_blur_fewer_pairs_are_small(monkeypatch):
    monkeypatch.setattr(small, "LARGEST_STARTED", 100)
    monkeypatch.setattr(small, "LARGEST_FINE", 100)
    cold = snb.sinkhorn_divergence(*clouds(2), blur=0.3)
    warm = snb.sinkhorn_divergence(*clouds(2), blur=0.31, solver=snb.Sinkhorn(init=cold))
    monkeypatch.setattr(small, "FINE_BLUR", 0.9)
    fine = snb.sinkhorn_divergence(*clouds(2), blur=0.3)
    assert is_compiled(cold.xy) and is_compiled(fine.xx)
    assert not is_compiled(warm.xy) and not is_compiled(fine.xy)
    assert fine.value == pytest.approx(cold.value, rel=1e-2)


def test_a_plan_that_carries_nothing_is_solved_by_the_loop():
    """Its mass is 2^-(10^5), and less than any number: all mass is removed and created."""
    x = np.zeros((3, 1))
    x[:, 0] = [0.0, 1.0, 2.0]
    found = snb.entropic_ot(x, x + 1e4, p=1, eps=0.05, rho=0.02)
    assert found.converged and not is_compiled(found)
    assert found.value == pytest.approx(0.02 + 0.02 + 0.05, rel=1e-12)
    assert found.plan.sum() == 0


@pytest.mark.parametrize("mass", [1e-300, 1e-140, 1e140])
def test_masses_whose_products_are_no_floats_have_values_without_warnings(mass):
    (x, y, *_) = clouds(2)
    a, b = np.full(len(x), mass / len(x)), np.full(len(y), mass / len(y))
    value = snb.sinkhorn_divergence(x, y, a, b, blur=0.6, reach=1.0).value
    assert 0 <= value < np.inf


def test_a_hard_problem_is_given_up_before_it_costs_more_than_the_loop():
    n = 1000
    x, y = np.random.default_rng(0).random((2, n, 3))
    solver = snb.Sinkhorn(tol=1e-6)
    problem = snb.entropic_ot(x, y**2, blur=0.017, solver=snb.Sinkhorn(tol=0.1)).problem
    found, n_passes = small.solve_one_small(problem, solver)
    most = MOST_PAIRS // n**2
    assert found is None
    assert 0.5 * most < n_passes < most + 20  # and the kernels built
