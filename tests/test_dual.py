"""The dual problem for any prices of the marginals, against its formulas written out."""

import math

import numpy as np
import pytest
from problems import cloud, weights
from unbalanced_oracle import Priced, damped

from sinkhorn_nb.dual import Dual, Iterate, phi, self_step
from sinkhorn_nb.marginals import Marginals

EPS = 0.3
PRICES = [(0.05, 0.05), (0.4, 0.4), (50.0, 50.0), (0.4, math.inf), (math.inf, 0.2), (0.1, 3.0)]
EXACT = (math.inf, math.inf)
ANY = pytest.mark.parametrize("rho", [*PRICES, EXACT], ids=str)
PRICED = pytest.mark.parametrize("rho", PRICES, ids=str)


def setting(rho, noise=0.2):
    """The dual, potentials near the optimum with their marginals, and the oracle."""
    x, y, a, b = cloud(8, 2), cloud(11, 2, shift=0.5), weights(8), weights(11)
    dense = Priced(x, y, a, b, EPS, rho)
    rng = np.random.default_rng(3)
    f, g = (p + noise * EPS * rng.normal(size=len(p)) for p in dense.potentials)
    return Dual(a, b, EPS, Marginals(*rho)), iterate_at(dense, f, g), dense


def iterate_at(dense, f, g):
    P = dense.plan_of(f, g)
    return Iterate(f, g, np.log(P.sum(axis=1) / dense.a), np.log(P.sum(axis=0) / dense.b))


@ANY
def test_the_value_here_is_the_dual_at_the_potentials(rho):
    dual, iterate, dense = setting(rho)
    assert dual.here(iterate) == pytest.approx(dense.dual(iterate.f, iterate.g), rel=1e-12)


@ANY
def test_values_after_an_update_are_those_of_the_updated_potentials(rho):
    dual, iterate, dense = setting(rho)
    rows = dense.dual(dual.updated_rows(iterate), iterate.g)
    columns = dense.dual(iterate.f, dual.updated_columns(iterate))
    assert dual.after_rows(iterate) == pytest.approx(rows, rel=1e-11)
    assert dual.after_columns(iterate) == pytest.approx(columns, rel=1e-11)
    assert dual.value(iterate) == max(dual.after_rows(iterate), dual.after_columns(iterate))
    here = dense.dual(iterate.f, iterate.g)
    assert dual.gain(iterate) == pytest.approx(max(rows, columns) - here, rel=1e-9)
    assert dual.value(iterate) <= dense.value


@ANY
def test_updates_are_damped_softmins(rho):
    dual, iterate, dense = setting(rho)
    exact = damped(dual.softmin_rows(iterate), EPS, rho[0])
    np.testing.assert_allclose(dual.updated_rows(iterate), exact, atol=1e-13)
    np.testing.assert_allclose(dual.damped_rows(dual.softmin_rows(iterate)), exact, atol=1e-13)
    half = (iterate.f + exact) / 2
    np.testing.assert_allclose(dual.updated_rows(iterate, 0.5), half, atol=1e-13)
    updated = iterate_at(dense, exact, iterate.g)
    np.testing.assert_allclose(np.exp(updated.log_rows), dual.ratios_after(iterate), rtol=1e-12)
    assert dual.semi_dual(iterate.f, dual.softmin_columns(iterate)) == pytest.approx(
        dual.after_columns(iterate), rel=1e-11
    )


@ANY
def test_the_error_is_that_of_the_marginals_per_transported_mass(rho):
    dual, iterate, dense = setting(rho)
    expected = dense.error(iterate.f, iterate.g)
    if rho == EXACT:  # the mass is 1
        expected *= dense.plan_of(iterate.f, iterate.g).sum()
    assert dual.error(iterate) == pytest.approx(expected, rel=1e-12)
    assert dual.error(iterate_at(dense, *dense.potentials)) < 1e-11


@PRICED
def test_the_price_gap_is_the_distance_of_primal_and_dual(rho):
    dual, iterate, dense = setting(rho)
    if math.isinf(rho[0]):
        f, g = dual.updated_rows(iterate), iterate.g
    elif math.isinf(rho[1]):
        f, g = iterate.f, dual.updated_columns(iterate)
    else:
        f, g = iterate.f, iterate.g
    gap = dense.primal(dense.plan_of(f, g)) - dense.dual(f, g)
    assert dual.price_gap(iterate_at(dense, f, g)) == pytest.approx(gap, rel=1e-9)
    assert gap >= 0


@PRICED
def test_the_best_constant_has_the_largest_dual_value(rho):
    dual, iterate, dense = setting(rho)
    f, g = dual.balanced(iterate.f + 0.7, iterate.g - 0.7)
    np.testing.assert_allclose(f + g[:8], iterate.f + iterate.g[:8], atol=1e-12)
    best = dense.dual(f, g)
    assert best > max(dense.dual(f + step, g - step) for step in (-1e-2, 1e-2))
    again = dual.completed(iterate_at(dense, f, g), is_self=False)
    np.testing.assert_allclose(again.f, f, atol=1e-12)


def test_exact_marginals_are_balanced_by_equal_pairings():
    dual, iterate, _ = setting(EXACT)
    f, g = dual.balanced(iterate.f, iterate.g)
    assert dual.a @ f == pytest.approx(dual.b @ g)


@ANY
def test_the_transposed_dual_exchanges_the_sides(rho):
    dual, iterate, _ = setting(rho)
    assert dual.T.after_rows(iterate.T) == dual.after_columns(iterate)
    assert dual.T.error(iterate.T) == dual.error(iterate)
    np.testing.assert_array_equal(dual.T.updated_rows(iterate.T), dual.updated_columns(iterate))


@pytest.mark.parametrize("k", [0.0, 1e-12, 0.3, 20.0])
def test_phi_is_accurate_near_zero(k):
    s = np.array([-1e-9, 1e-9, 0.1, 1.0])
    expected = s - k * s**2 / 2 + k**2 * s**3 / 6 if k < 1e-3 else (1 - np.exp(-k * s)) / k
    np.testing.assert_allclose(phi(s, k), expected, rtol=1e-7)


@pytest.mark.parametrize("rho", [0.05, 0.4, 50.0, math.inf])
def test_self_steps_contract_by_their_rate(rho):
    """The spectrum of the update's derivative lies in [-lam, 0]."""
    x, a, lam = cloud(9, 2), weights(9), 1 / (1 + EPS / rho)
    dense = Priced(x, x, a, a, EPS, (rho, rho))
    dual, f = Dual(a, a, EPS, Marginals(rho, rho)), sum(dense.potentials) / 2
    share, errors = self_step(EPS / rho), []
    g = f + 0.1 * EPS * np.random.default_rng(0).normal(size=9)
    for _ in range(12):
        g = dual.updated_rows(iterate_at(dense, g, g), share)
        errors.append(np.abs(g - f).max())
    assert errors[-1] <= (1.05 * lam / (2 + lam)) ** 9 * errors[2] + 1e-13


@pytest.mark.parametrize("masses", [(1.0, 1.0), (1e-3, 1e3), (4.0, 0.5)], ids=str)
@PRICED
def test_masses_drop_out_of_the_problem(rho, masses):
    """The problem between measures follows from that between their probabilities."""
    _, _, one = setting(rho)
    a, b = masses[0] * one.a, masses[1] * one.b
    many = Priced(one.x, one.y, a, b, EPS, rho)
    scaling = Marginals(*rho).scaling(*masses, EPS)
    size = abs(many.value) + EPS * masses[0] * masses[1]
    assert scaling.mass * one.value + scaling.constant == pytest.approx(
        many.value, abs=1e-11 * size
    )
    np.testing.assert_allclose(scaling.mass * one.plan, many.plan, rtol=1e-9)
    np.testing.assert_allclose(one.potentials[0] - scaling.of_f, many.potentials[0], atol=1e-9)
    np.testing.assert_allclose(one.potentials[1] - scaling.of_g, many.potentials[1], atol=1e-9)
    back = Marginals(*rho).T.scaling(*masses[::-1], EPS).T
    assert back == scaling


@ANY
def test_probabilities_scale_by_nothing(rho):
    assert Marginals(*rho).scaling(1.0, 1.0, EPS) == (1.0, 0.0, 0.0, 0.0)
