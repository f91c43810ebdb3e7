"""Compressed solves of unbalanced problems agree with plain ones within the errors that they state."""

import numpy as np
import pytest
from large_clouds import problem

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn
from sinkhorn_nb.compression.price import Price

COMPRESSED = Sinkhorn(compression=1.0, tol=5e-3)
PLAIN = Sinkhorn(tol=1e-6, compression=None)
# Families, reach in blurs and masses of both sides
CASES = {
    "near": ("mixtures", 2.0, (1.0, 1.0)),
    "far": ("weighted", 20.0, (1.0, 1.0)),
    "little is transported": ("outlier", 0.5, (1.0, 1.0)),
    "other masses": ("heavy tails", 5.0, (0.01, 3.0)),
}


def clouds_of(name, reach, masses, n=2000):
    x, y, a, b, blur = problem(name, n)
    a = np.full(len(x), 1 / len(x)) if a is None else a
    b = np.full(len(y), 1 / len(y)) if b is None else b
    return (x, y, masses[0] * a, masses[1] * b), {"blur": blur, "reach": reach * blur}


def distance(mine, theirs):
    return np.linalg.norm(mine - theirs) / np.linalg.norm(theirs)


def true_marginal_error(solution):
    """Of all pairs of points, by a full pass."""
    return solution.problem.reduced.dual().error(solution.iterate)


@pytest.fixture(scope="module", params=CASES)
def pair(request):
    """A compressed and a plain divergence."""
    clouds, terms = clouds_of(*CASES[request.param])
    compressed = snb.sinkhorn_divergence(*clouds, **terms, solver=COMPRESSED)
    return compressed, snb.sinkhorn_divergence(*clouds, **terms, solver=PLAIN)


def test_values_agree_within_the_stated_errors(pair):
    compressed, plain = pair
    scale = compressed.xy.problem.eps * compressed.xy.problem.mass
    assert compressed.compression and not plain.compression
    assert abs(compressed.value - plain.value) <= compressed.value_error
    assert compressed.value_error <= 1e-3 * max(scale, plain.value)
    for mine, theirs in zip(compressed._solutions, plain._solutions, strict=True):
        assert abs(mine.value - theirs.value) <= mine.value_error <= 1e-3 * abs(theirs.value)


def test_the_stated_marginal_error_is_above_that_of_all_pairs(pair):
    """It is relative to the mass of the plan, as in a plain solve."""
    for solution in pair[0]._solutions:
        true = true_marginal_error(solution)
        assert 0.1 * solution.marginal_error <= true <= 1.1 * solution.marginal_error


def test_gradients_in_points_and_weights_agree(pair):
    compressed, plain = pair
    for mine, theirs in [(compressed, plain), (compressed.xy, plain.xy)]:
        own, other = mine.gradient(), theirs.gradient()
        assert all(distance(*parts) <= 0.02 for parts in zip(own[:2], other[:2], strict=True))
        assert all(distance(*parts) <= 5e-3 for parts in zip(own[2:], other[2:], strict=True))


def test_potentials_maps_and_plans_agree(pair):
    """Where mass is transported; the potential of a far outlier, of hundreds of eps, is rougher."""
    mine, theirs = pair[0].xy, pair[1].xy
    blur, points = mine.problem.blur, mine.problem.source.points[:50]
    a = theirs.plan.sum(axis=1) / theirs.plan.sum(axis=1).sum()
    assert np.sqrt(a @ (mine.f - theirs.f) ** 2) <= 0.02 * blur**2
    assert np.sqrt(a @ ((mine.map() - theirs.map()) ** 2).sum(axis=1)) <= 0.02 * blur
    np.testing.assert_allclose(mine.potential(points), mine.f[:50], atol=0.05 * blur**2)
    rows = [solution.plan.sum(axis=1) for solution in (mine, theirs)]
    assert np.abs(rows[0] - rows[1]).sum() <= 5e-3 * rows[1].sum()
    own, other = (divergence.potentials[1] for divergence in pair)
    b = mine.problem.target.probabilities
    assert np.sqrt(b @ (own - other) ** 2) <= 0.02 * blur**2


def test_the_gap_is_rigorous(pair):
    compressed, plain = pair
    assert abs(compressed.xy.value - plain.xy.value) <= compressed.xy.gap + plain.xy.gap


@pytest.mark.parametrize("reach", [(None, 0.3), (0.3, None), (0.1, 0.4)])
def test_each_side_may_have_its_own_reach(reach):
    clouds, terms = clouds_of("mixtures", 1.0, (2.0, 0.7))
    terms["reach"] = reach
    mine, theirs = (
        snb.entropic_ot(*clouds, **terms, solver=solver) for solver in (COMPRESSED, PLAIN)
    )
    assert mine.compression and abs(mine.value - theirs.value) <= mine.value_error
    own, other = mine.gradient(), theirs.gradient()
    assert all(distance(*parts) <= 5e-3 for parts in zip(own, other, strict=True))
    assert true_marginal_error(mine) <= 1.1 * mine.marginal_error


def test_equal_measures_have_the_divergence_zero_and_a_stationary_gradient():
    (x, _, a, _), terms = clouds_of("mixtures", 3.0, (2.0, 1.0))
    y, b = np.concatenate([x[::-1], x[:9]]), np.concatenate([a[::-1], a[:9] / 3])
    b[-18:-9] *= 2 / 3  # of the same points
    divergence = snb.sinkhorn_divergence(x, y, a, b, **terms, solver=COMPRESSED)
    assert divergence.compression and divergence.value == divergence.value_error == 0.0
    for part in (*divergence.gradient(), *divergence.potentials):
        np.testing.assert_array_equal(part, 0.0)


def test_equal_probabilities_of_other_masses_differ_by_their_masses():
    (x, _, a, _), terms = clouds_of("mixtures", 3.0, (1.0, 1.0))
    mine, theirs = (
        snb.sinkhorn_divergence(x, x, a, 3 * a, **terms, solver=solver)
        for solver in (COMPRESSED, PLAIN)
    )
    assert mine.value > 0 and abs(mine.value - theirs.value) <= mine.value_error
    for own, other in zip(mine.gradient(), theirs.gradient(), strict=True):
        assert distance(own, other) <= 5e-3


def test_both_orders_give_the_same_bits():
    (x, y, a, b), terms = clouds_of("weighted", 3.0, (1.0, 2.0))
    forth = snb.sinkhorn_divergence(x, y, a, b, **terms, solver=COMPRESSED)
    back = snb.sinkhorn_divergence(y, x, b, a, **terms, solver=COMPRESSED)
    assert (forth.value, forth.value_error) == (back.value, back.value_error)
    np.testing.assert_array_equal(forth.gradient().x, back.gradient().y)
    np.testing.assert_array_equal(forth.gradient().a, back.gradient().b)


def test_a_long_reach_gives_the_balanced_value():
    (x, y, a, b), terms = clouds_of("mixtures", 1e4, (1.0, 1.0))
    unbalanced = snb.sinkhorn_divergence(x, y, a, b, **terms, solver=COMPRESSED)
    balanced = snb.sinkhorn_divergence(x, y, a, b, blur=terms["blur"], solver=COMPRESSED)
    assert unbalanced.value == pytest.approx(balanced.value, rel=1e-4)


def test_what_a_change_earns_is_the_difference_without_rounding():
    price = Price(0.1, 0.3)
    f, change = np.array([-1.0, 0.0, 2.0]), np.array([0.5, -0.5, 1e-12])
    expected = price.earned(f + change) - price.earned(f)
    np.testing.assert_allclose(price.earned_beyond(f, change), expected, atol=1e-15)
    assert price.earned_beyond(f, change)[2] == pytest.approx(1.15e-12 * np.exp(-6), rel=1e-10)
    assert Price(0.1, 0.0).earned(f) is f


REACHES = [(None, None), (4.0, 4.0), (None, 2.0)]


@pytest.mark.parametrize("reach", REACHES)
def test_implicit_derivatives_are_those_of_a_plain_solve(reach):
    """The potentials of all points are right, and so are full passes from them."""
    (x, y, a, b), terms = clouds_of("mixtures", 1.0, (1.0, 1.0 if None in reach else 3.0), 500)
    terms["reach"] = tuple(None if r is None else r * terms["blur"] for r in reach)
    mine, theirs = (
        snb.entropic_ot(x, y, a, b, **terms, solver=solver) for solver in (COMPRESSED, PLAIN)
    )
    f, g, U, V = np.sin(9 * x[:, 0]) * a, np.cos(9 * y[:, 0]) * b, x[:, :1], y[:, 1:]
    of_both = [
        (
            *solution.pullback(f=f, g=g, plan=(U, V)),
            *solution.pushforward(x=np.sin(9 * x), y=y)[:2],
            *solution.hessian_vector_product(x, np.cos(9 * y)),
        )
        for solution in (mine, theirs)
    ]
    assert mine.compression
    for own, other in zip(*of_both, strict=True):
        assert distance(own, other) <= 0.01
