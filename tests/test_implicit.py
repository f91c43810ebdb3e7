"""Derivatives of potentials, maps, plans and gradients: finite differences, a dense oracle, adjoints."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moving import BLUR, EXACT, SCALARS, TOL, Path, assert_close, derivative
from oracle import Dense
from problems import example
from strategies import pairs

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence
from sinkhorn_nb.gradients import linear_system
from sinkhorn_nb.initializers import NAMED

pytestmark = pytest.mark.usefixtures("few_clusters")
CASES = {
    "d=1": {"d": 1},
    "mass 3": {"mass": 3.0},
    "d=5, many against few": {"n": 40, "m": 9, "d": 5},
    "zero weights": {"zeros": 4},
}


@pytest.fixture(scope="module", params=CASES)
def path(request):
    return Path(**CASES[request.param])


@pytest.mark.parametrize("name", SCALARS)
def test_pullback_is_the_derivative(path, name):
    cotangent = path.cotangents[name]
    expected = derivative(lambda t: SCALARS[name](path.solve(t), cotangent))
    gradient = path.solve().pullback(**{name: cotangent}, tol=TOL)
    assert path.along(gradient) == pytest.approx(expected, rel=1e-6)


def test_cotangents_add_up(path):
    solution = path.solve()
    together = solution.pullback(**path.cotangents, tol=TOL)
    parts = [solution.pullback(**{name: c}, tol=TOL) for name, c in path.cotangents.items()]
    for got, *terms in zip(together, *parts, strict=True):
        assert_close(got, sum(terms), rtol=1e-8)


@pytest.mark.parametrize("name", ["f", "g", "value"])
def test_pushforward_is_the_derivative(path, name):
    expected = derivative(lambda t: getattr(path.solve(t), name))
    assert_close(getattr(path.solve().pushforward(*path.direction, tol=TOL), name), expected)


@pytest.mark.parametrize("side", ["x", "y"])
@pytest.mark.parametrize("case", CASES)
def test_hessian_of_the_value(case, side):
    path = Path(weights_move=False, **CASES[case])
    expected = derivative(lambda t: getattr(path.solve(t).gradient(), side))
    assert_close(
        getattr(path.solve().hessian_vector_product(path.dx, path.dy, tol=TOL), side), expected
    )


@pytest.mark.parametrize("case", CASES)
def test_hessian_of_the_divergence(case):
    path = Path(weights_move=False, **CASES[case])

    def gradient(t):
        found = sinkhorn_divergence(*path.arguments(t), blur=BLUR, solver=EXACT).gradient()
        return np.concatenate([found.x, found.y])

    product = sinkhorn_divergence(
        *path.arguments(), blur=BLUR, solver=EXACT
    ).hessian_vector_product(path.dx, path.dy, tol=TOL)
    assert_close(np.concatenate(product), derivative(gradient))


def test_weight_appears_at_points_without_mass():
    """A one-sided derivative: weights do not go below zero."""
    x, y, a, b = example(zeros=3)
    da, db = np.where(a > 0, 0, np.arange(1.0, len(a) + 1)), np.where(b > 0, 0, 2.0)
    db *= da.sum() / db.sum()

    def at(t):
        return entropic_ot(x, y, a + t * da, b + t * db, blur=BLUR, solver=EXACT)

    solution, h = at(0), 1e-5
    one, two = at(h), at(2 * h)
    tangents = solution.pushforward(a=da, b=db, tol=TOL)
    for name in ("f", "g", "value"):
        expected = (4 * getattr(one, name) - getattr(two, name) - 3 * getattr(solution, name)) / (
            2 * h
        )
        assert_close(getattr(tangents, name), expected, rtol=1e-5)
    cf, cg = np.random.default_rng(0).normal(size=(2, 100))
    gradient = solution.pullback(f=cf[: len(x)], g=cg[: len(y)], tol=TOL)
    expected = cf[: len(x)] @ tangents.f + cg[: len(y)] @ tangents.g
    assert gradient.a @ da + gradient.b @ db == pytest.approx(expected, rel=1e-9)


def dense_tangents(path):
    """df and dg from the constraints P1 = a, P'1 = b and <a, f> = <b, g>, by least squares."""
    dense = Dense.of(*path.arguments(), blur=BLUR)
    f, g = dense.potentials
    shift = (dense.b @ g - dense.a @ f) / (dense.a.sum() + dense.b.sum())
    P, n = dense.plan, len(f)
    dC = ((path.x[:, None] - path.y) * (path.dx[:, None] - path.dy)).sum(axis=2)
    known = P * (path.da[:, None] / dense.a[:, None] + path.db / dense.b - dC / dense.eps)
    matrix = np.block([[np.diag(P.sum(axis=1)), P], [P.T, np.diag(P.sum(axis=0))]]) / dense.eps
    right = np.concatenate([path.da - known.sum(axis=1), path.db - known.sum(axis=0)])
    gauge = path.db @ (g - shift) - path.da @ (f + shift)
    matrix = np.vstack([matrix, np.concatenate([dense.a, -dense.b])])
    found = np.linalg.lstsq(matrix, np.append(right, gauge), rcond=None)[0]
    return found[:n], found[n:]


@pytest.mark.parametrize("clusters", [1, 2, 7, 64])
@pytest.mark.parametrize("case", ["d=1", "mass 3", "d=5, many against few"])
def test_tangents_against_dense_least_squares(case, clusters, monkeypatch):
    monkeypatch.setattr(linear_system, "CLUSTERS", (clusters, clusters))
    path = Path(**CASES[case])
    tangents = path.solve().pushforward(*path.direction, tol=TOL)
    assert tangents.linear_solve.converged
    assert (tangents.linear_solve.n_iter == 0) == (clusters == 64)
    for got, expected in zip(tangents, dense_tangents(path), strict=False):
        assert_close(got, expected, rtol=1e-8)


@given(pairs(), st.integers(0, 2**32 - 1))
def test_pullback_is_adjoint_to_pushforward(p, seed):
    solution, rng = entropic_ot(*p[:4], blur=p.blur), np.random.default_rng(seed)
    scale = np.sqrt(p.size / p.a.sum())
    dx, dy, f, g = (rng.normal(size=np.shape(like)) for like in p[:4])
    da, db = p.a * rng.normal(size=len(p.a)), p.b * rng.normal(size=len(p.b))
    tangents = solution.pushforward(scale * dx, scale * dy, da, db, tol=1e-11)
    gradient = solution.pullback(f, g, tol=1e-11)
    terms = np.concatenate([(gradient.x * scale * dx).ravel(), (gradient.y * scale * dy).ravel()])
    terms = np.concatenate(
        [terms, gradient.a * da, gradient.b * db, f * tangents.f, g * tangents.g]
    )
    total = f @ tangents.f + g @ tangents.g
    got = (
        (gradient.x * scale * dx).sum()
        + (gradient.y * scale * dy).sum()
        + gradient.a @ da
        + gradient.b @ db
    )
    assert got == pytest.approx(total, abs=1e-8 * np.abs(terms).sum() + 1e-12 * scale**2)


@given(pairs(), st.integers(0, 2**32 - 1))
def test_hessians_are_symmetric(p, seed):
    rng = np.random.default_rng(seed)
    (ux, uy), (vx, vy) = (tuple(rng.normal(size=z.shape) for z in p[:2]) for _ in range(2))
    for of in (entropic_ot(*p[:4], blur=p.blur), sinkhorn_divergence(*p[:4], blur=p.blur)):
        on_u, on_v = (
            of.hessian_vector_product(ux, uy, tol=1e-11),
            of.hessian_vector_product(vx, vy, tol=1e-11),
        )
        terms = np.concatenate([(ux * on_v.x).ravel(), (uy * on_v.y).ravel()])
        got = (vx * on_u.x).sum() + (vy * on_u.y).sum()
        # The size of a spread over eps: what second derivatives are made of.
        unit = p.size / p.blur**2
        assert got == pytest.approx(terms.sum(), abs=1e-9 * (np.abs(terms).sum() + unit))


@given(pairs())
def test_constant_of_the_potentials(p):
    """<a, f> = <b, g>, so that f alone is a function of the data."""
    solution = entropic_ot(*p[:4], blur=p.blur)
    assert p.a @ solution.f == pytest.approx(p.b @ solution.g, abs=1e-12 * p.size)


@given(pairs(), st.integers(0, 2**32 - 1))
def test_the_divergence_is_least_between_equal_measures(p, seed):
    """S(x + u, x) >= 0 = S(x, x)."""
    u = np.random.default_rng(seed).normal(size=p.x.shape)
    divergence = sinkhorn_divergence(p.x, p.x, p.a, p.a, blur=p.blur, solver=Sinkhorn(tol=1e-9))
    curvature = (u * divergence.hessian_vector_product(dx=u, tol=1e-9).x).sum()
    assert curvature >= -1e-6 * p.size / p.blur**2


def test_potentials_of_the_value():
    """d value by pulling back what the value is made of, <a, f> + <b, g>: no iterations."""
    path = Path(weights_move=False)
    solution = path.solve()
    gradient, pulled = solution.gradient(), solution.pullback(path.a, path.b)
    assert pulled.linear_solve.n_iter == 0
    assert_close(pulled.x, gradient.x, rtol=1e-9)
    assert_close(pulled.y, gradient.y, rtol=1e-9)


def test_transposed():
    path = Path(mass=3.0)
    solution, (f, g) = path.solve(), (path.cotangents["f"], path.cotangents["g"])
    U, V = path.cotangents["plan"]
    one = solution.pullback(f, g, plan=(U, V), tol=TOL)
    other = solution.T.pullback(g, f, plan=(V, U), tol=TOL)
    for name, swapped in zip("xyab", "yxba", strict=True):
        assert_close(getattr(one, name), getattr(other, swapped), rtol=1e-8)


def test_position_changes_nothing():
    path = Path()
    moved = entropic_ot(path.x + 2.0**14, path.y + 2.0**14, path.a, path.b, blur=BLUR, solver=EXACT)
    for got, expected in zip(
        moved.pullback(**path.cotangents, tol=TOL),
        path.solve().pullback(**path.cotangents, tol=TOL),
        strict=True,
    ):
        assert_close(got, expected, rtol=1e-6)


@pytest.mark.parametrize("init", [*(name for name in NAMED if name != "sorting"), "potentials"])
def test_the_start_does_not_matter(init):
    path = Path(n=300, m=280)
    auto = path.solve()
    start = (auto.f + 1.0, auto.g - 3.0) if init == "potentials" else init
    other = entropic_ot(*path.arguments(), blur=BLUR, solver=Sinkhorn(tol=1e-11, init=start))
    assert_close(other.f, auto.f, rtol=1e-8)
    for got, expected in zip(
        other.pullback(**path.cotangents), auto.pullback(**path.cotangents), strict=True
    ):
        assert_close(got, expected, rtol=1e-8)


def test_derivatives_of_a_rough_solution_are_near():
    path = Path(n=300, m=280)
    exact = path.solve().pullback(f=path.a * path.cotangents["f"])
    rough = entropic_ot(*path.arguments(), blur=BLUR).pullback(f=path.a * path.cotangents["f"])
    assert_close(rough.x, exact.x, rtol=1e-2)


def test_results_are_tuples_with_a_report():
    path = Path()
    solution = path.solve()
    x, y, a, b = gradient = solution.pullback(f=path.a)
    assert isinstance(gradient, snb.Gradient)
    assert (x.shape, y.shape, a.shape, b.shape) == (
        path.x.shape,
        path.y.shape,
        path.a.shape,
        path.b.shape,
    )
    again = pickle.loads(pickle.dumps(gradient))
    assert again.linear_solve == gradient.linear_solve
    assert "solved" in gradient.linear_solve.message
    f, g, value = solution.pushforward(x=path.dx)
    assert (f.shape, g.shape, type(value)) == (path.a.shape, path.b.shape, float)
    assert isinstance(sum(part.sum() for part in solution.pullback()), float)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"f": np.ones(3)}, ValueError, r"f: expected shape \(23,\), got \(3,\)"),
        ({"g": np.full(31, np.nan)}, ValueError, "g: expected finite numbers"),
        ({"map": np.ones(23)}, ValueError, r"map: expected shape \(23, 2\)"),
        (
            {"plan": np.ones((23, 31))},
            TypeError,
            r"plan: expected a pair of \(23, k\) and \(31, k\) arrays",
        ),
        (
            {"plan": (np.ones((23, 2)), np.ones((31, 3)))},
            ValueError,
            r"plan\[1\]: expected shape \(31, 2\)",
        ),
        ({"tol": 0.0}, ValueError, "tol: expected a finite number > 0"),
    ],
)
def test_bad_input(arguments, error, text):
    with pytest.raises(error, match=text):
        entropic_ot(*example(), blur=BLUR).pullback(**arguments)
