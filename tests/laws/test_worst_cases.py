"""Problems that break other solvers: the result is right, or says that it is not; always in the
caller's order.
"""

import warnings

import numpy as np
import pytest
from oracle import Dense, exact_cost

from sinkhorn_nb import ConvergenceWarning, Sinkhorn, entropic_ot, sinkhorn_divergence

pytestmark = pytest.mark.slow

DEFAULT = Sinkhorn(max_iter=200)
PRECISE = Sinkhorn(tol=1e-8, max_iter=500)
PLAIN = Sinkhorn(tol=1e-8, max_iter=500, dtype="float64", acceleration="none")


def rng(seed):
    return np.random.default_rng(seed)


def random_clusters(centers, shares, n, seed, width=1.0):
    centers, random = np.asarray(centers, dtype=float), rng(seed)
    owner = np.repeat(np.arange(len(centers)), (n * np.asarray(shares)).astype(int))
    return centers[owner] + width * random.normal(size=(len(owner), 2))


def far_clusters():
    """At distances of 1e3 blurs; the target's masses are others."""
    centers = 1e3 * np.array([[0, 0], [1, 0], [0, 1]])
    x = random_clusters(centers, [0.5, 0.3, 0.2], 40, 1)
    return x, random_clusters(centers, [0.2, 0.2, 0.6], 50, 2), None, None, 1.0


def many_far_clusters():
    centers = 1e3 * np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    x = random_clusters(centers, [0.4, 0.3, 0.2, 0.1], 400, 3)
    return x, random_clusters(centers, [0.1, 0.2, 0.3, 0.4], 300, 4), None, None, 1.0


def equal_points():
    return np.ones((300, 2)), np.full((400, 2), 2.0), None, None, 0.1


def finer_than_the_points():
    """A blur of a tenth of the distance of neighbors."""
    x, y = rng(5).uniform(size=(2, 50, 2))
    return x, y, None, None, 0.01


def one_against_many():
    return np.array([[0.3, 0.7]]), rng(6).uniform(size=(1000, 2)), None, None, 0.05


def uneven_weights(n=50, m=60, seed=7):
    """Over 12 orders of magnitude."""
    random = rng(seed)
    a, b = 10 ** random.uniform(-12, 0, n), 10 ** random.uniform(-12, 0, m)
    return random.uniform(size=(n, 2)), random.uniform(size=(m, 2)), a / a.sum(), b / b.sum(), 0.1


def many_uneven_weights():
    return uneven_weights(400, 500, 8)


def lognormal():
    x, y = rng(9).lognormal(sigma=1.5, size=(2, 600, 2))
    return x, y, None, None, 1.0


def cauchy():
    x, y = rng(10).standard_cauchy(size=(2, 600, 2))
    return x, y, None, None, 5.0


def line_in_many_dimensions():
    random = rng(11)
    direction = random.normal(size=50)
    x, y = random.uniform(size=60), random.uniform(size=50) ** 2
    return np.outer(x, direction), np.outer(y, direction), None, None, 0.5


def outliers():
    """Two in each cloud, at 1e4 blurs."""
    x, y = rng(12).normal(size=(2, 55, 2))
    x[:2], y[:2] = [[1e3, 0], [0, 1e3]], [[-1e3, 0], [0, 2e3]]
    return x, y, None, None, 0.2


def many_outliers():
    x, y = rng(13).normal(size=(2, 500, 2))
    x[:3], y[:3] = 1e3 * rng(14).normal(size=(2, 3, 2))
    return x, y, None, None, 0.2


CASES = [
    far_clusters,
    many_far_clusters,
    equal_points,
    finer_than_the_points,
    one_against_many,
    uneven_weights,
    many_uneven_weights,
    lognormal,
    cauchy,
    line_in_many_dimensions,
    outliers,
    many_outliers,
]
SMALL = 60  # points that the oracle and the linear program are for
SMALL_BLUR = 1e-3  # in largest distances: below, the linear program is enough


def solved(x, y, a, b, blur, solver):
    """The solution, and the message of its warning or None."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solution = entropic_ot(x, y, a, b, blur=blur, solver=solver)
    assert all(warning.category is ConvergenceWarning for warning in caught)
    return solution, str(caught[0].message) if caught else None


def rounding(dense):
    """The rounding of an exponent."""
    return 4e-16 * dense.C.max() / dense.eps


def entropy(a):
    return -(a @ np.log(a))


def bounds_of_the_optimum(dense, arguments):
    """Bounds of the value: by the oracle, by the linear program, or by a long plain solve."""
    if max(len(dense.a), len(dense.b)) > SMALL:
        plain, _ = solved(*arguments, PLAIN)
        return plain.value, plain.value + plain.gap
    if dense.eps < SMALL_BLUR**2 * dense.C.max():
        exact = exact_cost(dense.x, dense.y, dense.a, dense.b)
        return exact, exact + dense.eps * min(entropy(dense.a), entropy(dense.b))
    return dense.value, dense.value


@pytest.mark.parametrize("solver", [DEFAULT, PRECISE], ids=["default", "precise"])
@pytest.mark.parametrize("case", CASES)
def test_the_result_is_what_it_says(case, solver):
    arguments = case()
    solution, warning = solved(*arguments, solver)
    dense = Dense.of(*arguments[:4], blur=arguments[4])
    assert solution.marginal_error == pytest.approx(
        dense.error(solution.f, solution.g), rel=1e-3, abs=rounding(dense)
    )
    assert solution.converged == (solution.marginal_error <= solver.tol) == (warning is None)
    if warning is not None:
        assert "max_iter" in warning or "larger blur" in warning
    least, most = bounds_of_the_optimum(dense, arguments)
    slack = 1e-14 * dense.C.max()
    assert solution.value <= most + slack
    assert least <= solution.value + solution.gap + slack


@pytest.mark.parametrize("case", CASES)
def test_the_default_tolerance_is_reached(case):
    solution, warning = solved(*case(), DEFAULT)
    assert solution.converged
    assert warning is None


def test_equal_points_are_one_point():
    x, y, _, _, blur = equal_points()
    solution = entropic_ot(x, y, blur=blur)
    assert solution.value == pytest.approx(1.0, rel=1e-12)
    assert solution.n_iter <= 3
    np.testing.assert_allclose(solution.map(), 2.0, rtol=1e-12)


# The caller's order


def two_clouds(n=350, m=300):
    random = rng(15)
    a, b = random.uniform(size=n), random.uniform(size=m)
    return random.uniform(size=(n, 2)), random.uniform(size=(m, 2)) ** 2, a / a.sum(), b / b.sum()


@pytest.mark.parametrize("n", [40, 350])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_permuted_copy_is_the_same_measure(n, dtype):
    x, _, a, _ = two_clouds(n)
    x, order = x.astype(dtype), rng(16).permutation(n)
    divergence = sinkhorn_divergence(x, x[order], a, a[order], blur=0.1)
    assert divergence.value == 0
    for part in divergence.gradient():
        np.testing.assert_allclose(part, 0, atol=1e-15)
    for potential in divergence.potentials:
        np.testing.assert_array_equal(potential, 0)
    solution = divergence.xy
    np.testing.assert_array_equal(solution.g, solution.f[order])
    gradient = solution.gradient()
    np.testing.assert_array_equal(gradient.y, gradient.x[order])
    np.testing.assert_array_equal(gradient.b, gradient.a[order])
    np.testing.assert_array_equal(solution.map_back(), solution.map()[order])
    plan = solution.plan.toarray()[:, np.argsort(order)]
    np.testing.assert_allclose(plan, plan.T, rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n", "m"), [(40, 30), (350, 300)])
def test_results_come_in_the_callers_order(n, m, dtype):
    x, y, a, b = two_clouds(n, m)
    x, y, p, q = x.astype(dtype), y.astype(dtype), rng(17).permutation(n), rng(18).permutation(m)
    one = entropic_ot(x, y, a, b, blur=0.1)
    other = entropic_ot(x[p], y[q], a[p], b[q], blur=0.1)
    assert other.value == one.value
    np.testing.assert_array_equal(other.history, one.history)
    np.testing.assert_array_equal(other.f, one.f[p])
    np.testing.assert_array_equal(other.g, one.g[q])
    for got, expected, order in zip(other.gradient()[:2], one.gradient()[:2], (p, q), strict=True):
        np.testing.assert_allclose(got, expected[order], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(other.plan.row(3), one.plan.row(p[3])[q], rtol=1e-10)
    np.testing.assert_allclose(other.plan.toarray(), one.plan.toarray()[np.ix_(p, q)], rtol=1e-10)
    np.testing.assert_allclose(other.map(), one.map()[p], rtol=1e-10)
    np.testing.assert_allclose(other.map_back(), one.map_back()[q], rtol=1e-10)
    np.testing.assert_allclose(other.plan @ y[q], (one.plan @ y)[p], rtol=1e-10)
