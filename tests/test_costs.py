"""Costs other than |x - y|^2 / 2, against dense float64; for functions, see test_cost_functions."""

import pickle

import numpy as np
import pytest
from problems import cube_clouds
from scipy.special import logsumexp

import sinkhorn_nb as snb
from sinkhorn_nb.costs import SQUARED_EUCLIDEAN, cost_of
from sinkhorn_nb.initializers import Debiased, Gaussian, Sorting

# Those by the compiled solver are in test_small_family
pytestmark = pytest.mark.usefixtures("by_the_loop")

FINE = snb.Sinkhorn(tol=1e-9)

# Arguments of the public functions, dimension of the points
COSTS = {
    "p1": ({"p": 1, "eps": 0.1}, 2),
    "p1 in many dimensions": ({"p": 1, "eps": 0.2}, 9),
    "p1.5": ({"p": 1.5, "eps": 0.05}, 3),
    "cosine": ({"cost": "cosine", "eps": 0.02}, 4),
    "haversine": ({"cost": "haversine", "eps": 0.1}, 2),
    "cityblock": ({"cost": "cityblock", "eps": 0.2}, 3),
    "cityblock in many dimensions": ({"cost": "cityblock", "eps": 0.5}, 9),
}
POWERS_ABOVE_TWO = {"p3": ({"p": 3, "eps": 0.02}, 3)}


def dense(x, y, a, b, cost, eps):
    """f, g, plan and costs by Sinkhorn's iteration on the whole matrix."""
    C = cost.block(x, y)
    f, g, error = np.zeros(len(x)), np.zeros(len(y)), 1.0
    while error > 1e-13:
        f = -eps * logsumexp((g - C) / eps + np.log(b), axis=1)
        update = -eps * logsumexp((f[:, None] - C) / eps + np.log(a)[:, None], axis=0)
        error, g = np.abs(update - g).max() / eps, update
    P = a[:, None] * b * np.exp((f[:, None] + g - C) / eps)
    return f, g, P, C


def numerical_gradient(x, y, P, cost):
    """Central differences of <P, C> in x at the fixed plan, which are those of OT_eps."""
    out, h = np.empty(x.shape), 1e-6
    for k in range(x.shape[1]):
        step = np.zeros(x.shape[1])
        step[k] = h
        out[:, k] = ((cost.block(x + step, y) - cost.block(x - step, y)) * P).sum(axis=1) / 2 / h
    return out


@pytest.mark.parametrize("name", [*COSTS, *POWERS_ABOVE_TWO])
def test_a_solution_is_that_of_dense_transport(name):
    how, d = (COSTS | POWERS_ABOVE_TWO)[name]
    x, y, a, b = cube_clouds(d)
    cost, eps = cost_of(how.get("p", 2), how.get("cost")), how["eps"]
    f, g, P, C = dense(x, y, a, b, cost, eps)

    solution = snb.entropic_ot(x, y, a, b, **how, solver=FINE)

    value = a @ f + b @ g
    assert solution.converged
    assert solution.value == pytest.approx(value, rel=1e-9)
    shift = (f - solution.f).mean()
    np.testing.assert_allclose(solution.f + shift, f, atol=1e-7 * eps)
    np.testing.assert_allclose(solution.g - shift, g, atol=1e-7 * eps)
    np.testing.assert_allclose(np.asarray(solution.plan), P, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(solution.plan @ y, P @ y, rtol=1e-6)
    np.testing.assert_allclose(solution.map(), P @ y / a[:, None], rtol=1e-6)
    np.testing.assert_allclose(solution.potential(x), solution.f, atol=1e-7 * eps)
    assert solution.transport_cost == pytest.approx((P * C).sum(), rel=1e-7)
    assert -1e-12 <= solution.value + solution.gap - value <= 1e-6 * max(value, eps)
    gradient = solution.gradient()
    np.testing.assert_allclose(gradient.x, numerical_gradient(x, y, P, cost), atol=2e-8)
    np.testing.assert_allclose(gradient.y, numerical_gradient(y, x, P.T, cost), atol=2e-8)


@pytest.mark.parametrize("name", COSTS)
def test_a_divergence_is_positive_symmetric_and_zero_for_equal_measures(name):
    how, d = COSTS[name]
    x, y, a, b = cube_clouds(d)
    there, back = (
        snb.sinkhorn_divergence(x, y, a, b, **how),
        snb.sinkhorn_divergence(y, x, b, a, **how),
    )
    order = np.random.default_rng(1).permutation(len(x))
    permuted = snb.sinkhorn_divergence(x[order], y, a[order], b, **how)

    assert there.converged
    assert float(there) == float(back) == float(permuted) > 0
    assert float(snb.sinkhorn_divergence(x, x[order], a, a[order], **how)) == 0.0
    exact = snb.sinkhorn_divergence(x, y, a, b, **how, solver=FINE)
    assert float(there) == pytest.approx(float(exact), rel=2e-2)
    assert abs(float(there) - float(exact)) <= there.gap


@pytest.mark.parametrize("name", COSTS)
def test_the_gradient_of_a_divergence_is_that_of_finite_differences(name):
    how, d = COSTS[name]
    x, y, a, b = cube_clouds(d, 24, 20)
    direction = np.random.default_rng(2).normal(size=x.shape)
    direction[3:5] = 0.0  # at equal points a distance has a kink

    def value(t):
        moved = snb.sinkhorn_divergence(
            x + t * direction, y, a, b, **how, solver=snb.Sinkhorn(tol=1e-11)
        )
        return float(moved)

    gradient = snb.sinkhorn_divergence(x, y, a, b, **how, solver=FINE).gradient()
    h = 3e-6  # so that no coordinates of two points cross
    slope = (value(h) - value(-h)) / 2 / h
    assert (gradient.x * direction).sum() == pytest.approx(slope, rel=1e-4, abs=1e-7)
    pairing = (a * gradient.a).sum() + (b * gradient.b).sum()
    assert pairing == pytest.approx(float(snb.sinkhorn_divergence(x, y, a, b, **how)), rel=1e-2)


@pytest.mark.parametrize("name", ["p1", "p1 in many dimensions", "cosine", "haversine"])
def test_float32_points_give_the_divergence_of_float64(name):
    how, d = COSTS[name]
    x, y, a, b = cube_clouds(d, 700, 600)
    exact = snb.sinkhorn_divergence(x, y, a, b, **how, solver=snb.Sinkhorn(tol=1e-6))
    short = snb.sinkhorn_divergence(x.astype(np.float32), y.astype(np.float32), a, b, **how)
    assert short.xy.dtype == "float32"
    scale = float(exact) + 1e-4 * exact.xy.value
    assert abs(float(short) - float(exact)) <= 1e-2 * scale
    np.testing.assert_allclose(
        short.gradient().x, exact.gradient().x, atol=2e-2 * np.abs(exact.gradient().x).max()
    )


def test_the_self_problem_of_float32_points_has_exact_zeros_on_its_diagonal():
    """Products instead of differences would leave 1e-3 there."""
    x = np.random.default_rng(0).random((500, 3)).astype(np.float32)
    how = {"p": 1, "blur": 0.01}
    short = snb.entropic_ot(x, x, **how)
    exact = snb.entropic_ot(x.astype(float), x.astype(float), **how, solver=snb.Sinkhorn(tol=1e-9))
    assert short.value == pytest.approx(exact.value, rel=1e-5)


@pytest.mark.parametrize("p", [1, 1.5])
def test_a_price_of_the_marginals_goes_with_any_exponent(p):
    x, y, a, b = cube_clouds(2)
    how = {"p": p, "blur": 0.2, "reach": 0.5}
    same = {"p": p, "eps": 0.2**p, "rho": 0.5**p}
    by_length = snb.sinkhorn_divergence(x, y, a, 2 * b, **how, solver=FINE)
    by_cost = snb.sinkhorn_divergence(x, y, a, 2 * b, **same, solver=FINE)
    assert float(by_length) == pytest.approx(float(by_cost), rel=1e-12)
    solution, C = by_length.xy, cost_of(p).block(x, y)
    P, eps, rho = np.asarray(solution.plan), 0.2**p, 0.5**p
    np.testing.assert_allclose(P.sum(axis=1), a * np.exp(-solution.f / rho), rtol=1e-7)
    entropy = eps * ((P * np.log(P / np.outer(a, 2 * b))).sum() - P.sum() + 2)
    prices = [
        rho * ((q * np.log(q / w)).sum() - q.sum() + w.sum())
        for q, w in ((P.sum(axis=1), a), (P.sum(axis=0), 2 * b))
    ]
    assert solution.value == pytest.approx((P * C).sum() + entropy + sum(prices), rel=1e-8)


def test_distances_on_a_line_start_sorted_and_other_costs_take_no_quadratic_start():
    x, y = np.random.default_rng(0).random((2, 400, 1))
    how = {"p": 1, "blur": 0.001}
    sorted_first = snb.entropic_ot(x, y, **how)
    from_zeros = snb.entropic_ot(x, y, **how, solver=snb.Sinkhorn(init="zeros"))
    assert sorted_first.n_passes < from_zeros.n_passes
    problem = sorted_first.problem
    assert Sorting().serves(problem) and not Gaussian().serves(problem)
    with pytest.raises(
        ValueError, match=r"^init: expected a start for the cost \|x - y\|, got Gau"
    ):
        snb.entropic_ot(x, y, **how, solver=snb.Sinkhorn(init="gaussian"))


@pytest.mark.parametrize("init", ["auto", "coarse", "subsample", "zeros"])
@pytest.mark.parametrize("name", ["p1", "haversine"])
def test_each_start_leads_to_the_same_value(init, name):
    how, d = COSTS[name]
    x, y, a, b = cube_clouds(d, 700, 600)
    solver = snb.Sinkhorn(tol=1e-7, init=init)
    value = snb.entropic_ot(x, y, a, b, **how, solver=solver).value
    reference = snb.entropic_ot(x, y, a, b, **how, solver=FINE)
    assert value == pytest.approx(reference.value, rel=1e-9)
    resumed = snb.entropic_ot(x + 0.01, y, a, b, **how, solver=snb.Sinkhorn(init=reference))
    assert resumed.converged


def test_nearly_equal_measures_start_from_their_self_potentials():
    x = np.random.default_rng(0).random((300, 2))
    divergence = snb.sinkhorn_divergence(x, x + 1e-3, p=1, blur=0.1)
    assert 0 < float(divergence) < 2e-4
    f, g = divergence.xx.iterate.f, divergence.yy.iterate.f
    start = Debiased(f, g)(divergence.xy.problem.reduced, snb.Sinkhorn())
    assert start.f is f or np.array_equal(start.f, f)
    far = snb.sinkhorn_divergence(x, x + 1.0, p=1, blur=0.1).xy.problem.reduced
    assert not np.array_equal(Debiased(f, g)(far, snb.Sinkhorn()).f, f)


def test_divergences_of_many_pairs_and_tables_take_a_cost():
    x, y, _, _ = cube_clouds(2, 30, 30)
    how = {"p": 1, "blur": 0.1}
    one = float(snb.sinkhorn_divergence(x, y, **how))
    assert snb.sinkhorn_divergences([x, x], [y, y], **how).value == pytest.approx([one, one])
    table = snb.pairwise_sinkhorn_divergence([x, y], **how)
    assert table[0, 1] == pytest.approx(one) and table[0, 0] == 0.0


def test_a_large_blur_gives_the_energy_distance():
    x, y, a, b = cube_clouds(2)
    C = {k: cost_of(1).block(*k_) for k, k_ in {"xy": (x, y), "xx": (x, x), "yy": (y, y)}.items()}
    energy = a @ C["xy"] @ b - a @ C["xx"] @ a / 2 - b @ C["yy"] @ b / 2
    value = float(snb.sinkhorn_divergence(x, y, a, b, p=1, blur=1e4, solver=FINE))
    assert value == pytest.approx(energy, rel=1e-4)


def test_cosine_is_the_quadratic_cost_of_normalized_points():
    x, y, a, b = cube_clouds(3)
    u, v = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y))
    cosine = snb.entropic_ot(x, y, a, b, cost="cosine", eps=0.01, solver=FINE)
    assert cosine.value == pytest.approx(snb.entropic_ot(u, v, a, b, eps=0.01, solver=FINE).value)
    similarity = u @ v.T
    np.testing.assert_allclose(cosine.problem.cost.block(x, y), 1 - similarity, atol=1e-14)


def test_haversine_is_the_angle_of_scikit_learn():
    from sklearn.metrics.pairwise import haversine_distances

    x, y, _, _ = cube_clouds(2)
    np.testing.assert_allclose(
        cost_of(2, "haversine").block(x, y), haversine_distances(x, y), atol=1e-12
    )


def test_solutions_with_a_cost_can_be_pickled():
    x, y, _, _ = cube_clouds(2)
    for how in ({"p": 1, "blur": 0.1}, {"cost": "haversine", "eps": 0.1}):
        solution = snb.entropic_ot(x, y, **how)
        again = pickle.loads(pickle.dumps(solution))
        np.testing.assert_array_equal(again.plan.row(0), solution.plan.row(0))


def test_bad_costs_are_errors_with_a_cure():
    x, y, _, _ = cube_clouds(2)
    call = snb.sinkhorn_divergence
    with pytest.raises(
        ValueError, match=r"^p: expected an exponent of at least 1 .* got 0.5; pass p"
    ):
        call(x, y, blur=0.1, p=0.5)
    with pytest.raises(
        ValueError, match=r"^p: expected at most 2 in a divergence, .* use entropic_ot"
    ):
        call(x, y, blur=0.1, p=3)
    with pytest.raises(ValueError, match=r"^p: expected at most 2 in a divergence"):
        snb.pairwise_sinkhorn_divergence([x, y], blur=0.1, p=3)
    with pytest.raises(
        ValueError, match=r"^cost: expected one of 'cosine', 'cityblock', 'haversine'"
    ):
        call(x, y, eps=0.1, cost="euclid")
    with pytest.raises(TypeError, match=r"^p: expected no exponent beside cost='cosine', got 1"):
        call(x, y, eps=0.1, cost="cosine", p=1)
    with pytest.raises(TypeError, match=r"^blur: expected eps beside cost=.* pass eps=\.\.\."):
        call(x, y, blur=0.1, cost="cityblock")
    with pytest.raises(TypeError, match=r"^reach: expected rho beside cost=.* pass rho=\.\.\."):
        call(x, y, eps=0.1, reach=1.0, cost="cityblock")
    with pytest.raises(
        ValueError, match=r"^eps: expected at least 1e-30 of the range of the costs"
    ):
        snb.entropic_ot(x, y, eps=1e-40, cost="cosine")
    with pytest.raises(ValueError, match=r'^x: expected points other than zero for cost="cosine"'):
        call(np.vstack([x, np.zeros((1, 2))]), y, eps=0.1, cost="cosine")
    with pytest.raises(ValueError, match=r"^y: expected latitudes from .* pass numpy.radians\(y\)"):
        call(x, 50 * y, eps=0.1, cost="haversine")
    with pytest.raises(ValueError, match=r"^x: expected columns \(latitude, longitude\)"):
        call(np.ones((3, 3)), np.zeros((3, 3)), eps=0.1, cost="haversine")


@pytest.mark.parametrize("blur", [0.1, 1e100])
def test_a_blur_whose_power_is_no_number_is_named(blur):
    with pytest.raises(ValueError, match="blur: expected a length whose power p"):
        snb.entropic_ot([[0.0]], [[1.0]], blur=blur, p=400)


def test_means_of_slopes_take_one_pass():
    x, y, a, b = cube_clouds(2)
    solution = snb.entropic_ot(x, y, a, b, p=1, eps=0.1)
    kernel = solution.problem.reduced.kernel("float64", "cpu")
    before = kernel.n_passes
    kernel.mean_gradients(*solution.iterate[:2])
    assert kernel.n_passes == before + 1


def test_the_quadratic_cost_is_one_object():
    assert cost_of(2) is cost_of(2.0) is SQUARED_EUCLIDEAN
