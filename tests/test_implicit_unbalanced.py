"""Derivatives of potentials, maps, plans and gradients with prices of the marginals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moving import BLUR, EXACT, SCALARS, TOL, Path, assert_close, derivative
from problems import example
from strategies import pairs

from sinkhorn_nb import entropic_ot, sinkhorn_divergence
from sinkhorn_nb.marginals import Marginals

pytestmark = pytest.mark.usefixtures("few_clusters")
REACHES = [0.2, 0.7, 5.0, (0.7, None), (None, 0.7), (0.3, 2.0)]
CASES = {
    "equal masses": {},
    "other masses": {"factor": 7.0},
    "many against few": {"n": 40, "m": 9, "d": 5, "factor": 0.1},
    "zero weights": {"zeros": 4, "mass": 2.0},
}


EVERY = [(reach, case) for reach in REACHES for case in CASES]


@pytest.fixture(scope="module", params=EVERY, ids=str)
def path(request):
    reach, case = request.param
    return Path(reach, **CASES[case])


@pytest.mark.parametrize("name", SCALARS)
def test_pullback_is_the_derivative(path, name):
    cotangent = path.cotangents[name]
    expected = derivative(lambda t: SCALARS[name](path.solve(t), cotangent))
    gradient = path.solve().pullback(**{name: cotangent}, tol=TOL)
    assert gradient.linear_solve.converged
    assert path.along(gradient) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["f", "g", "value"])
def test_pushforward_is_the_derivative(path, name):
    expected = derivative(lambda t: getattr(path.solve(t), name))
    assert_close(getattr(path.solve().pushforward(*path.direction, tol=TOL), name), expected)


@pytest.mark.parametrize("side", ["x", "y"])
@pytest.mark.parametrize(("reach", "case"), EVERY, ids=str)
def test_hessian_of_the_value(reach, case, side):
    path = Path(reach, weights_move=False, **CASES[case])
    expected = derivative(lambda t: getattr(path.solve(t).gradient(), side))
    product = path.solve().hessian_vector_product(path.dx, path.dy, tol=TOL)
    assert_close(getattr(product, side), expected)


@pytest.mark.parametrize("reach", [0.2, 0.7, 5.0])
@pytest.mark.parametrize("case", CASES)
def test_hessian_of_the_divergence(case, reach):
    path = Path(reach, weights_move=False, **CASES[case])

    def divergence(t):
        return sinkhorn_divergence(*path.arguments(t), blur=BLUR, reach=reach, solver=EXACT)

    def gradient(t):
        return np.concatenate(divergence(t).gradient()[:2])

    product = divergence(0.0).hessian_vector_product(path.dx, path.dy, tol=TOL)
    assert_close(np.concatenate(product), derivative(gradient))


@given(pairs(), st.integers(0, 2**32 - 1), st.sampled_from([0.3, 1.0, 4.0]), st.booleans())
def test_pullback_is_adjoint_to_pushforward(p, seed, ratio, is_hard):
    reach = (None, ratio * p.blur) if is_hard else ratio * p.blur
    solution = entropic_ot(p.x, p.y, p.a, 2 * p.b, blur=p.blur, reach=reach)
    rng, scale = np.random.default_rng(seed), np.sqrt(p.size / p.a.sum())
    dx, dy, f, g = (rng.normal(size=np.shape(like)) for like in p[:4])
    da, db = p.a * rng.normal(size=len(p.a)), p.b * rng.normal(size=len(p.b))
    tangents = solution.pushforward(scale * dx, scale * dy, da, db, tol=1e-11)
    gradient = solution.pullback(f, g, tol=1e-11)
    terms = [gradient.x * scale * dx, gradient.y * scale * dy, gradient.a * da, gradient.b * db]
    size = sum(np.abs(term).sum() for term in terms) + np.abs(f * tangents.f).sum()
    size += np.abs(g * tangents.g).sum()
    total = f @ tangents.f + g @ tangents.g
    got = sum(term.sum() for term in terms)
    assert got == pytest.approx(total, abs=1e-8 * size + 1e-12 * scale**2)


def test_a_short_reach_needs_fewer_iterations_than_exact_marginals():
    """The damping bounds the spectrum of the system."""
    x, y, a, b = example(n=300, m=280)
    n_iter = [
        entropic_ot(x, y, a, b, blur=0.1, reach=reach, solver=EXACT)
        .pullback(f=np.ones(300), g=np.arange(280.0))
        .linear_solve.n_iter
        for reach in (0.05, None)
    ]
    assert n_iter[0] < n_iter[1]


def test_a_large_reach_has_the_derivatives_of_balanced_transport():
    x, y, a, b = example()
    cotangent = np.random.default_rng(0).normal(size=(len(x), 2))
    balanced = entropic_ot(x, y, a, b, blur=BLUR, solver=EXACT).pullback(map=cotangent, tol=TOL)
    far = entropic_ot(x, y, a, b, blur=BLUR, reach=1e4, solver=EXACT)
    got = far.pullback(map=cotangent, tol=TOL)
    assert_close(got.x, balanced.x, rtol=1e-5)
    assert_close(got.y, balanced.y, rtol=1e-5)


@pytest.mark.parametrize("rho", [(0.3, 0.3), (0.3, 2.0), (0.3, np.inf), (np.inf, 0.3)], ids=str)
def test_rates_of_the_scaling_are_its_derivatives(rho):
    marginals, logs = Marginals(*rho), np.array([0.4, -1.3])
    rates = marginals.scaling_rates(0.2)

    def scaling(logs):
        found = marginals.scaling(*np.exp(logs), 0.2)
        return np.array([np.log(found.mass), found.of_f, found.of_g])

    for side in (0, 1):
        step = 1e-5 * np.eye(2)[side]
        expected = (scaling(logs + step) - scaling(logs - step)) / 2e-5
        np.testing.assert_allclose([rate[side] for rate in rates], expected, atol=1e-9)
