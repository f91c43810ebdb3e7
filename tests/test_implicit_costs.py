"""Implicit derivatives and Hessians for all costs, against difference quotients."""

import numba
import numpy as np
import pytest
from moving import derivative

import sinkhorn_nb as snb
from sinkhorn_nb.costs import cost_of
from sinkhorn_nb.gradients import pair_sums

N, M, EPS = 12, 10, 0.1
PRECISE = snb.Sinkhorn(tol=1e-13, dtype="float64", max_iter=20_000)


@numba.njit
def bump(x, y):
    z = x - y
    return np.log(1 + (z * z).sum())


@numba.njit
def bump_slope(x, y):
    z = x - y
    return 2 * z / (1 + (z * z).sum())


COSTS = {
    "p=1": {"p": 1},
    "p=1.5": {"p": 1.5},
    "p=3": {"p": 3},
    "cosine": {"cost": "cosine"},
    "haversine": {"cost": "haversine"},
    "cityblock": {"cost": "cityblock"},
    "function": {"cost": (bump, bump_slope)},
}
RHOS = [None, 0.4]


@pytest.fixture(autouse=True)
def small_panels(monkeypatch):
    """Several panels of rows, the last one shorter than the others."""
    monkeypatch.setattr(pair_sums, "ENTRIES", 150)


def quotient(function):
    return derivative(function, h=1e-5)


class Path:
    """A problem that moves along a random direction; one point has no mass."""

    def __init__(self, how, rho=None):
        rng = np.random.default_rng(0)
        d = 2 if how.get("cost") == "haversine" else 3
        self.how = {"eps": EPS, "rho": rho, "solver": PRECISE, **how}
        self.points = rng.random((N, d)), rng.random((M, d)) + 0.3
        a, b = (rng.random(n) + 0.2 for n in (N, M))
        a[0] = 0.0
        self.weights = a / a.sum(), (1.0 if rho is None else 2.0) * b / b.sum()
        self.moves = rng.normal(size=(N, d)), rng.normal(size=(M, d))
        da, db = (w * rng.normal(size=len(w)) for w in self.weights)
        self.changes = da, db + self.weights[1] * (da.sum() - db.sum()) / self.weights[1].sum()
        self.on_f, self.on_g = rng.normal(size=N), rng.normal(size=M)
        self.on_map, self.on_plan = (
            rng.normal(size=(N, d)),
            (rng.random((N, 2)), rng.random((M, 2))),
        )

    def measures(self, h, weights_move=True):
        points = [x + h * dx for x, dx in zip(self.points, self.moves, strict=True)]
        scale = h if weights_move else 0.0
        weights = [a + scale * da for a, da in zip(self.weights, self.changes, strict=True)]
        return *points, *weights

    def solve(self, h=0.0, weights_move=True):
        return snb.entropic_ot(*self.measures(h, weights_move), **self.how)

    def divergence(self, h=0.0):
        return snb.sinkhorn_divergence(*self.measures(h, weights_move=False), **self.how)

    def scalar(self, solution):
        """A number that depends on the potentials, the map and the plan."""
        U, V = self.on_plan
        on_map = (self.on_map * solution.map()).sum()
        return (
            self.on_f @ solution.f
            + self.on_g @ solution.g
            + on_map
            + (U * (solution.plan @ V)).sum()
        )


@pytest.mark.parametrize("rho", RHOS, ids=str)
@pytest.mark.parametrize("name", COSTS)
def test_pullbacks_and_pushforwards_are_difference_quotients(name, rho):
    path = Path(COSTS[name], rho)
    solution = path.solve()
    on = {"f": path.on_f, "g": path.on_g, "map": path.on_map, "plan": path.on_plan}
    pulled = solution.pullback(**on, tol=1e-12)
    directions = *path.moves, *path.changes
    along = sum((part * step).sum() for part, step in zip(pulled, directions, strict=True))
    expected = quotient(lambda h: path.scalar(path.solve(h)))
    assert along == pytest.approx(expected, abs=1e-8)
    assert pulled.C is None

    pushed = solution.pushforward(*directions, tol=1e-12)
    np.testing.assert_allclose(pushed.f, quotient(lambda h: path.solve(h).f), atol=1e-8)
    np.testing.assert_allclose(pushed.g, quotient(lambda h: path.solve(h).g), atol=1e-8)
    assert pushed.value == pytest.approx(quotient(lambda h: path.solve(h).value), abs=1e-8)


@pytest.mark.parametrize("rho", RHOS, ids=str)
@pytest.mark.parametrize("name", [name for name in COSTS if name != "function"])
def test_products_with_the_hessian_are_difference_quotients(name, rho):
    path = Path(COSTS[name], rho)

    def gradient(h):
        return np.concatenate(path.solve(h, weights_move=False).gradient()[:2])

    product = path.solve().hessian_vector_product(*path.moves, tol=1e-12)
    np.testing.assert_allclose(np.concatenate(product), quotient(gradient), atol=1e-8)


@pytest.mark.parametrize("name", ["p=1", "cosine", "haversine"])
def test_products_with_the_hessian_of_divergences_are_difference_quotients(name):
    path = Path(COSTS[name], 0.4)

    def gradient(h):
        return np.concatenate(path.divergence(h).gradient()[:2])

    product = path.divergence().hessian_vector_product(*path.moves, tol=1e-12)
    np.testing.assert_allclose(np.concatenate(product), quotient(gradient), atol=1e-8)


@pytest.mark.parametrize("name", [*COSTS, "p=2"])
def test_slopes_of_pairs_are_difference_quotients_of_the_costs(name):
    how = COSTS.get(name, {"p": 2})
    path = Path(how)
    x, y = path.points
    dx, dy = path.moves
    cost = cost_of(**how)
    pushed = cost.pushed(x, dx), cost.pushed(y, dy)
    along = cost.slopes(cost.places(x), cost.places(y)).along(*pushed)
    expected = quotient(lambda h: cost.block(x + h * dx, y + h * dy))
    np.testing.assert_allclose(along, expected, atol=1e-8)


@pytest.mark.parametrize("name", ["p=1", "haversine"])
def test_compiled_sums_of_second_derivatives_are_those_of_blocks_of_pairs(name):
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 2)), rng.random((600, 2)) + 0.2  # more columns than are kept at a time
    cost = cost_of(**COSTS[name])
    c = rng.random(600)
    c[:5] = 0.0
    clouds = [
        pair_sums.Cloud(side, np.arange(len(points)), points, cost.places(points), own, mass)
        for side, points, own, mass in (("x", x, x[:, 0], np.ones(40)), ("y", y, y[:, 1], c / 1e3))
    ]
    sums = pair_sums.PairSums(*clouds, cost, EPS)
    moves = cost.pushed(x, x[::-1]), cost.pushed(y, y**2)
    tangents = x[:, 1], y[:, 0]
    compiled = sums._compiled_curvatures(tangents, moves)
    for one, other in zip(compiled, sums._curvatures_by_blocks(tangents, moves), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_a_function_without_derivatives_has_derivatives_in_the_weights():
    path = Path({"cost": bump}, 0.4)
    known = Path(COSTS["function"], 0.4)
    pulled = path.solve().pullback(f=path.on_f, tol=1e-12)
    assert np.isnan(pulled.x).all() and np.isnan(pulled.y).all()
    expected = known.solve().pullback(f=path.on_f, tol=1e-12)
    np.testing.assert_allclose(pulled.a, expected.a, atol=1e-12)

    da, db = path.changes
    pushed = path.solve().pushforward(a=da, b=db)
    np.testing.assert_allclose(pushed.f, known.solve().pushforward(a=da, b=db).f, atol=1e-12)
    with pytest.raises(ValueError, match=r"pass cost=\(function, derivative\)"):
        path.solve().pushforward(x=path.moves[0])
    with pytest.raises(ValueError, match="second derivatives, one by p or by name, got a function"):
        known.solve().hessian_vector_product(*path.moves)


KINKS = {"p=1": 0.0, "p=1.5": 0.0, "haversine": 0.0, "cityblock": [0.0, 0.0, 0.1]}


@pytest.mark.parametrize("name", KINKS)
def test_second_derivatives_at_a_kink_are_an_error_that_names_the_points(name):
    path = Path(COSTS[name])
    x, y = path.points
    x[4] = y[7] + KINKS[name]
    dx, dy = path.moves
    with pytest.raises(ValueError, match=r"has a kink at x\[4\] and y\[7\]; move these points"):
        path.solve().hessian_vector_product(dx, dy)
    dx[4] = dy[7]
    assert np.isfinite(path.solve().hessian_vector_product(dx, dy).x).all()


def test_costs_without_a_kink_have_second_derivatives_at_equal_points():
    path = Path(COSTS["p=3"])
    path.points[0][4] = path.points[1][7]
    product = path.solve().hessian_vector_product(*path.moves, tol=1e-12)
    expected = quotient(lambda h: path.solve(h, weights_move=False).gradient().x)
    np.testing.assert_allclose(product.x, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["p=1", "cityblock"])
def test_gradients_of_hausdorff_divergences_are_difference_quotients(name):
    path = Path(COSTS[name])

    def divergence(h):
        return snb.hausdorff_divergence(*path.measures(h, weights_move=False), **path.how)

    gradient = divergence(0.0).gradient(tol=1e-11)
    along = sum((part * step).sum() for part, step in zip(gradient[:2], path.moves, strict=True))
    assert along == pytest.approx(quotient(lambda h: divergence(h).value), abs=1e-8)
