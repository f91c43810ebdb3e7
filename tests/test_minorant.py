"""The bound of the dual on the heavy pairs: it is below the dual for any moves and any pattern, and
what raises it raises the dual.
"""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinkhorn_nb.backends.cpu.sparse_products import SparseRows
from sinkhorn_nb.dual import aim, phi
from sinkhorn_nb.kernels.heavy_plan import HeavyPlan
from sinkhorn_nb.solver import minorant as module
from sinkhorn_nb.solver.minorant import Maximizer, Minorant

BALANCED = (0.0, 0.0)
RATES = [BALANCED, (0.1, 0.1), (2.0, 0.0), (1e-4, 1e-2)]


def sparse(P, is_heavy):
    """The heavy entries of a dense matrix by rows."""
    starts = np.concatenate([[0], np.cumsum(is_heavy.sum(axis=1))])
    columns = np.nonzero(is_heavy)[1].astype(np.int32)
    return SparseRows(starts, columns, P[is_heavy], P.shape[1])


def split(P, is_heavy):
    light = np.where(is_heavy, 0.0, P)
    return HeavyPlan(sparse(P, is_heavy), light.sum(axis=1), light.sum(axis=0))


class Example:
    """A plan at potentials u, v that are not optimal, with exact rows."""

    def __init__(self, seed, n=12, m=15, spread=3.0, rates=BALANCED):
        rng = np.random.default_rng(seed)
        self.rates, self.rng = rates, rng
        self.a, self.b = (w / w.sum() for w in (rng.uniform(0.2, 1, n), rng.uniform(0.2, 1, m)))
        self.u, self.v = rng.normal(size=n), rng.normal(size=m)
        raw = np.exp(spread * rng.normal(size=(n, m)))
        aims = self.a * aim(self.u, rates[0])
        self.P = raw * (aims / raw.sum(axis=1))[:, None]

    def dual(self, s, t):
        """The dual value in units of eps after the moves s and t."""
        kx, ky = self.rates
        earned = self.a @ phi(self.u + s, kx) + self.b @ phi(self.v + t, ky)
        return earned - (np.exp(s)[:, None] * self.P * np.exp(t)).sum()

    def bound(self, is_heavy):
        kx, ky = self.rates
        aims = self.a * aim(self.u, kx), self.b * aim(self.v, ky)
        return Minorant(split(self.P, is_heavy), aims, self.rates)


def gain(bound, s, t):
    zeros = np.zeros(len(s)), np.zeros(len(t))
    return bound.value(s, t, bound.row_products(t)) - bound.value(
        *zeros, bound.row_products(zeros[1])
    )


@given(
    seed=st.integers(0, 10**6),
    share=st.floats(0, 1),
    size=st.floats(1e-3, 3),
    which=st.sampled_from(RATES),
)
def test_the_dual_rises_by_at_least_the_gain_of_the_bound(seed, share, size, which):
    example = Example(seed, rates=which)
    bound = example.bound(example.rng.random(example.P.shape) < share)
    s, t = size * example.rng.normal(size=12), size * example.rng.normal(size=15)
    rise = example.dual(s, t) - example.dual(np.zeros(12), np.zeros(15))
    assert gain(bound, s, t) <= rise + 1e-12 * (1 + abs(rise))


@pytest.mark.parametrize("rates", RATES)
def test_the_bound_touches_the_dual_to_first_order(rates):
    example = Example(1, rates=rates)
    bound = example.bound(example.rng.random(example.P.shape) < 0.3)
    s, t = 1e-4 * example.rng.normal(size=12), 1e-4 * example.rng.normal(size=15)
    rise = example.dual(s, t) - example.dual(-s, -t)
    assert gain(bound, s, t) - gain(bound, -s, -t) == pytest.approx(rise, rel=1e-6)


@pytest.mark.parametrize("rates", RATES)
def test_best_rows_solve_their_equation(rates):
    example = Example(2, rates=rates)
    bound = example.bound(example.rng.random(example.P.shape) < 0.5)
    k = bound.row_products(example.rng.normal(size=15))
    s = bound.best_rows(k)
    left = k * np.exp(s) + bound.light[0] * np.exp(2 * s)
    np.testing.assert_allclose(left, bound.aims[0] * aim(s, rates[0]), rtol=1e-12)


def test_best_rows_of_tiny_masses_without_a_heavy_pair_solve_their_equation():
    """Products of two of these numbers are no floating-point numbers."""
    masses, light, nothing = np.full(3, 1e-270), np.full(3, 1e-280), np.zeros(3)
    plan = HeavyPlan(sparse(np.zeros((3, 3)), np.eye(3, dtype=bool)), light, light)
    s = Minorant(plan, (masses, masses), BALANCED).best_rows(nothing)
    np.testing.assert_allclose(light * np.exp(s) * np.exp(s), masses, rtol=1e-12)


@pytest.mark.parametrize("rates", RATES)
def test_the_gradient_is_a_difference_quotient_of_the_bound_at_the_best_rows(rates):
    example = Example(4, rates=rates)
    bound = example.bound(example.rng.random(example.P.shape) < 0.5)
    t, direction = 0.3 * example.rng.normal(size=15), example.rng.normal(size=15)

    def best(step):
        k = bound.row_products(t + step * direction)
        return bound.value(bound.best_rows(k), t + step * direction, k)

    s = bound.best_rows(bound.row_products(t))
    gradient = bound.gradient(t, bound.column_sums(s, t))
    slope = (best(1e-5) - best(-1e-5)) / 2e-5
    assert gradient @ direction == pytest.approx(slope, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("rates", [BALANCED, (0.1, 0.1)])
@pytest.mark.parametrize("theta", [1e-1, 1e-2, 1e-4, 1e-8])
def test_maxima_of_the_bound_raise_the_dual_until_the_marginals_are_exact(theta, rates):
    example = Example(3, 40, 50, spread=6.0, rates=rates)
    P, a, b = example.P, example.a, example.b
    u, v = example.u, example.v
    kx, ky = rates
    values, errors = [], []
    for _ in range(40):
        scale = a * aim(u, kx) / P.sum(axis=1)  # exact for kx = 0, and closer for others
        u = u + np.log(scale) / (1 + kx)
        P = P * (scale ** (1 / (1 + kx)))[:, None]
        aims = a * aim(u, kx), b * aim(v, ky)
        errors.append(np.abs(P.sum(axis=0) - aims[1]).sum())
        values.append(a @ phi(u, kx) + b @ phi(v, ky) - P.sum())
        bound = Minorant(split(P, P > theta * np.minimum(a[:, None], b)), aims, rates)
        moves = Maximizer(bound).maximum(1e-2 * errors[-1], 1000)
        u, v = u + moves.s, v + moves.t
        P = np.exp(moves.s)[:, None] * P * np.exp(moves.t)
        if errors[-1] < 1e-11:
            break
    assert all(after >= before - 1e-13 for before, after in pairwise(values))
    assert errors[-1] < (1e-11 if theta <= 1e-4 else 1e-2)


def test_parts_with_unequal_masses_and_no_heavy_pair_between_them_are_balanced_by_light_pairs():
    a, b = np.array([0.6, 0.4]), np.array([0.5, 0.5])
    P = np.array([[0.6, 1e-12], [1e-12, 0.4]])
    bound = Minorant(split(P, P > 1e-6), (a, b), BALANCED)
    moves = Maximizer(bound).maximum(1e-9, 500)
    assert np.isfinite(moves.t).all()
    assert gain(Minorant(split(P, P > 1e-6), (a, b), BALANCED), moves.s, moves.t) > 0.5
    assert moves.n_sweeps < 400


def chain(n):
    """Each point is tied to two others, which makes information travel far; and the marginals of
    the chain after moves of long waves.
    """
    rng = np.random.default_rng(n)
    i = np.arange(n)
    P = np.zeros((n, n))
    P[i, i] = 1.0
    P[i[1:], i[:-1]] = np.exp(rng.normal(size=n - 1))
    wave = np.sin(2 * np.pi * i / n)
    target = np.exp(wave)[:, None] * P * np.exp(-2 * wave)
    a, b = target.sum(axis=1) / target.sum(), target.sum(axis=0) / target.sum()
    return P * (a / P.sum(axis=1))[:, None], a, b


def test_sampled_factors_save_most_of_the_sweeps_on_a_chain(monkeypatch):
    P, a, b = chain(500)
    sweeps = []
    for first in (60, 10**6):
        monkeypatch.setattr(module, "FIRST_ITERATIONS", first)
        monkeypatch.setattr(module, "MOST_ITERATIONS", first + 240)
        bound = Minorant(split(P, P > 0), (a, b), BALANCED)
        sweeps.append(Maximizer(bound).maximum(1e-6, 20_000).n_sweeps)
    assert sweeps[0] < sweeps[1] / 2 < 10_000


def test_a_maximum_stops_after_the_sweeps_that_it_is_given():
    P, a, b = chain(500)
    moves = Maximizer(Minorant(split(P, P > 0), (a, b), BALANCED)).maximum(1e-12, 10)
    assert moves.n_sweeps < 2 * module.MOST_ITERATIONS + 60
    assert gain(Minorant(split(P, P > 0), (a, b), BALANCED), moves.s, moves.t) > 0
