"""Two-level steps with prices of the marginals: the best shifts by another optimizer, passes."""

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize

import sinkhorn_nb as snb
from sinkhorn_nb.backends.cluster_sums import HostClusterSums
from sinkhorn_nb.dual import phi
from sinkhorn_nb.solver.twolevel import Exchange, best_shifts

# Those by the compiled solver are in test_small_family
pytestmark = pytest.mark.usefixtures("by_the_loop")

RATES = [(0.1, 0.1), (2.0, 2.0), (1e-3, 1e-3), (0.0, 0.5), (0.5, 0.0), (0.02, 3.0)]
ROUNDING = {"float32": 1e-5, "float64": 1e-11}


def exchange(rates, dtype="float64", n_clusters=9, n_points=40, spread=2.0):
    rng = np.random.default_rng(5)
    sums = np.exp(spread * rng.normal(size=(n_clusters, n_points))).astype(dtype)
    a, masses = rng.uniform(0.1, 1.0, n_points), rng.uniform(0.1, 1.0, n_clusters)
    u = rng.normal(size=n_points) if rates[0] else 0.0
    return Exchange(HostClusterSums(sums), a / a.sum(), rates, u, masses / masses.sum())


def dual_value(t, game):
    """<a, phi(u + s)> + <B, phi(t)> - sum Q, where s is the best answer to t."""
    (kx, ky), R = game.rates, np.asarray(game.sums, dtype=np.float64)
    s = -(np.log(np.exp(t) @ R) + kx * game.u) / (1 + kx)
    Q = game.a * R * np.exp(s + t[:, None])
    return game.a @ phi(game.u + s, kx) + game.masses @ phi(t, ky) - Q.sum()


def slope(t, game):
    (kx, ky), R = game.rates, np.asarray(game.sums, dtype=np.float64)
    s = -(np.log(np.exp(t) @ R) + kx * game.u) / (1 + kx)
    return game.masses * np.exp(-ky * t) - (game.a * R * np.exp(s + t[:, None])).sum(axis=1)


@pytest.mark.parametrize("rates", RATES, ids=str)
def test_values_are_those_of_the_definition(rates):
    game = exchange(rates)
    t = np.random.default_rng(1).normal(size=len(game.masses))
    value, _, scales = game.value(t)
    assert value == pytest.approx(dual_value(t, game), rel=1e-12)
    shares = np.exp(t) * game.sums.shares(scales)
    np.testing.assert_allclose(game.masses * np.exp(-rates[1] * t) - shares, slope(t, game))
    assert check_grad(dual_value, slope, t, game) < 1e-5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rates", RATES, ids=str)
def test_best_shifts_are_those_of_scipy(rates, dtype):
    game = exchange(rates, dtype)
    t, log_sums = best_shifts(game, ROUNDING[dtype])
    found = minimize(
        lambda t: -dual_value(t, game),
        np.zeros(len(t)),
        jac=lambda t: -slope(t, game),
        method="BFGS",
        options={"gtol": 1e-9, "maxiter": 2000},
    )
    assert dual_value(t, game) == pytest.approx(-found.fun, abs=ROUNDING[dtype])
    assert np.abs(slope(t, game)).sum() <= 2 * ROUNDING[dtype]
    R = np.asarray(game.sums, dtype=np.float64)
    np.testing.assert_allclose(log_sums, np.log(np.exp(t) @ R), atol=ROUNDING[dtype])


@pytest.mark.parametrize("rates", RATES, ids=str)
def test_newton_steps_are_few(rates, monkeypatch):
    game, counted = exchange(rates), []
    solve = np.linalg.solve
    monkeypatch.setattr(np.linalg, "solve", lambda *args: counted.append(1) or solve(*args))
    best_shifts(game, 1e-10)
    assert len(counted) <= 10


def blobs(n, seed):
    rng = np.random.default_rng(seed)
    centers = rng.uniform(size=(5, 2))
    points = centers[rng.integers(5, size=n)] + 0.05 * rng.normal(size=(n, 2))
    return points


FAMILIES = {
    "blobs": lambda n, side: blobs(n, side),
    "cube": lambda n, side: np.random.default_rng(side).uniform(size=(n, 3)) + 0.1 * side,
    "curve": lambda n, side: np.column_stack(
        [t := np.random.default_rng(side).uniform(size=n), np.sin(4 * t + side)]
    ),
}
# Medians of family.md for steps from zeros, and one pass for the median of three families
GOALS = {0.1: (5, 9), 0.3: (6, 10), 1.0: (6, 10)}


@pytest.mark.parametrize("reach", GOALS, ids=str)
def test_passes_are_few(reach):
    spent = {1e-3: [], 1e-6: []}
    for make in FAMILIES.values():
        x, y = make(700, 0), make(650, 1)
        diameter = np.linalg.norm(np.ptp(np.concatenate([x, y]), axis=0))
        for tol, passes in spent.items():
            solution = snb.entropic_ot(
                x,
                y,
                blur=0.05 * diameter,
                reach=reach * diameter,
                solver=snb.Sinkhorn(tol=tol, dtype="float64"),
            )
            assert solution.converged
            passes.append(solution.n_passes)
    assert np.median(spent[1e-3]) <= GOALS[reach][0] + 0.5
    assert np.median(spent[1e-6]) <= GOALS[reach][1] + 0.5


@pytest.mark.parametrize("reach", [1e-6, 1e-3])
def test_potentials_far_below_zero_do_not_overflow(reach):
    """At a reach far below the blur, exp(-f / rho) of the first potentials is beyond float64."""
    x, y = np.linspace(0, 1, 50)[:, None], np.linspace(3, 4, 40)[:, None]
    for solver in (snb.Sinkhorn(init=(np.full(50, -9.0), np.full(40, -9.0))), snb.Sinkhorn()):
        solution = snb.entropic_ot(x, y, blur=0.3, reach=reach, solver=solver)
        assert solution.converged
        kernel = np.exp(-((x - y.T) ** 2) / 2 / 0.3**2) / (50 * 40)
        np.testing.assert_allclose(solution.plan.toarray(), kernel, rtol=2e-2)


def test_potentials_that_rise_far_do_not_overflow_in_float32():
    """At a reach below the blur, the first potentials of far points are far below their update."""
    rng = np.random.default_rng(77)
    n, m = rng.integers(2, 40, 2)
    gap = 10 ** rng.uniform(0, 1.3)
    x = rng.normal(size=(n, 1)) * rng.uniform(0.1, 2)
    y = rng.normal(size=(m, 1)) * rng.uniform(0.1, 2) + gap * rng.normal()
    blur = 10 ** rng.uniform(-1, 0)
    reach = blur * rng.uniform(0.2, 1)
    x, y = x.astype(np.float32), y.astype(np.float32)
    assert snb.entropic_ot(x, y, blur=blur, reach=reach).converged
