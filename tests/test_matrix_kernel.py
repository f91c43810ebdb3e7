"""Passes over a matrix, in both orders of memory, against dense sums."""

import numba
import numpy as np
import pytest
from scipy.special import logsumexp

from sinkhorn_nb import Measure, Problem, validation
from sinkhorn_nb.backends.cpu import matrix_kernels
from sinkhorn_nb.costs import MatrixCost

EPS = 0.02
SIZES = [(1, 1), (1, 5), (7, 1), (33, 31), (210, 1101)]


class Example:
    """The kernel of a random matrix, and its pairs p_ij in the order of the partitions."""

    def __init__(self, n, m, order="C", dtype="float64", forbidden=0.0, scale=0.1):
        rng = np.random.default_rng(n + m)
        C = np.array(rng.random((n, m)), order=order, dtype=dtype)
        C[rng.random((n, m)) < forbidden] = np.inf
        a, b = rng.random(n), rng.random(m)
        checked = validation.costs("C", C)
        cost = MatrixCost(checked.matrix, checked.span, checked.has_forbidden)
        source, target = (
            Measure(cost.rows(), a / a.sum()),
            Measure(cost.columns(), b / b.sum()),
        )
        x, y = source.partition, target.partition
        self.kernel = Problem(source, target, EPS, cost).kernel(dtype)
        self.x, self.y, self.a, self.b = x, y, x.probabilities, y.probabilities
        self.f, self.g = scale * rng.normal(size=n), scale * rng.normal(size=m)
        self.C = C[x.order][:, y.order].astype(np.float64)
        self.logs = (self.f[:, None] + self.g - self.C) / EPS
        self.V, self.U = rng.random((m, 2)), rng.random((n, 2))

    @property
    def p(self):
        return np.exp(self.logs)


BOTH_ORDERS = pytest.mark.parametrize("order", ["C", "F"])


@BOTH_ORDERS
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_log_sums_are_those_of_the_matrix(sizes, order):
    t = Example(*sizes, order)
    rows = logsumexp(t.logs + np.log(t.b), axis=1)
    columns = logsumexp(t.logs.T + np.log(t.a), axis=1)
    for got, expected in zip(t.kernel.log_sums(t.f, t.g), (rows, columns), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-12)
    np.testing.assert_allclose(t.kernel.log_row_sums(t.f, t.g), rows, atol=1e-12)
    np.testing.assert_allclose(t.kernel.T.log_row_sums(t.g, t.f), columns, atol=1e-12)


@BOTH_ORDERS
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_softmins_are_those_of_the_matrix(sizes, order):
    t = Example(*sizes, order, forbidden=0.1 if min(sizes) > 9 else 0.0)
    rows = logsumexp((t.g - t.C) / EPS + np.log(t.b), axis=1)
    columns = logsumexp((t.f - t.C.T) / EPS + np.log(t.a), axis=1)
    np.testing.assert_allclose(t.kernel.softmin(t.g), -EPS * rows, atol=1e-13)
    np.testing.assert_allclose(t.kernel.T.softmin(t.f), -EPS * columns, atol=1e-13)


@BOTH_ORDERS
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_products_and_costs_are_those_of_the_matrix(sizes, order):
    t = Example(*sizes, order)
    k = t.kernel
    np.testing.assert_allclose(k.transport(t.f, t.g, t.V), t.p * t.b @ t.V, rtol=1e-11)
    np.testing.assert_allclose(k.T.product(t.g, t.f, t.U), t.p.T @ t.U, rtol=1e-11)
    np.testing.assert_allclose(k.costs(t.f, t.g), (t.p * t.C) @ t.b, rtol=1e-11)
    assert k.mean_cost(t.a, t.b, 1.0) == pytest.approx(t.a @ t.C @ t.b, rel=1e-12)
    product = k.product(t.f, t.g, t.V, (t.U, t.V))
    np.testing.assert_allclose(product, (t.p * (t.U @ t.V.T)) @ t.V, rtol=1e-11)


@BOTH_ORDERS
def test_cluster_sums_of_rows_and_of_columns_are_those_of_the_matrix(order):
    t = Example(210, 1101, order)
    bounds = t.x.clusters(8)
    log_rows, log_columns, sums = t.kernel.cluster_sums(t.f, t.g, bounds)
    expected = np.add.reduceat(t.a[:, None] * t.p, bounds[:-1])
    np.testing.assert_allclose(np.asarray(sums), expected, rtol=1e-11)
    bounds = t.y.clusters(8)
    *again, sums = t.kernel.T.cluster_sums(t.g, t.f, bounds)
    expected = np.add.reduceat(t.b[:, None] * t.p.T, bounds[:-1])
    np.testing.assert_allclose(np.asarray(sums), expected, rtol=1e-11)
    np.testing.assert_allclose(again[0], log_columns, atol=1e-12)
    np.testing.assert_allclose(again[1], log_rows, atol=1e-12)


@BOTH_ORDERS
def test_float32_pairs_are_right_to_their_digits_with_forbidden_pairs_too(order):
    t = Example(210, 301, order, dtype="float32", forbidden=0.2)
    rows, columns = t.kernel.log_sums(t.f, t.g)
    np.testing.assert_allclose(rows, logsumexp(t.logs + np.log(t.b), axis=1), atol=1e-4)
    np.testing.assert_allclose(columns, logsumexp(t.logs.T + np.log(t.a), axis=1), atol=1e-4)
    expected = (t.p * np.where(np.isinf(t.C), 0, t.C)) @ t.b
    np.testing.assert_allclose(t.kernel.costs(t.f, t.g), expected, rtol=1e-4)


def test_sums_at_potentials_of_any_size_are_computed_in_the_log_domain():
    t = Example(33, 31, scale=50.0)
    rows, columns = t.kernel.log_sums(t.f, t.g)
    np.testing.assert_allclose(rows, logsumexp(t.logs + np.log(t.b), axis=1), rtol=1e-11)
    np.testing.assert_allclose(columns, logsumexp(t.logs.T + np.log(t.a), axis=1), rtol=1e-11)


def test_the_mean_cost_is_infinite_only_where_a_forbidden_pair_has_mass():
    t = Example(33, 31, forbidden=0.1)
    assert t.kernel.mean_cost(t.a, t.b, 1.0) == np.inf
    columns = np.isfinite(t.C[:3]).all(axis=0)
    a = np.where(np.arange(33) < 3, 1 / 3, 0.0)
    b = t.b * columns / t.b[columns].sum()
    expected = a[:3] @ t.C[:3, columns] @ b[columns]
    assert t.kernel.mean_cost(a, b, 1.0) == pytest.approx(expected, rel=1e-12)


@BOTH_ORDERS
@pytest.mark.parametrize("sides", ["between", "rows", "columns"])
@pytest.mark.parametrize("share", [0.1, 0.6])
def test_kernels_between_some_rows_and_columns_read_only_these(share, sides, order):
    rng = np.random.default_rng(0)
    n, m = 90, 70
    own = {"between": (n, m), "rows": (n, n), "columns": (m, m)}[sides]
    C = {"between": rng.random((n, m))}
    C["rows"], C["columns"] = (u + u.T for u in (rng.random((n, n)), rng.random((m, m))))
    cost = MatrixCost(
        np.array(C["between"], order=order), (0.0, 2.0), False, C["rows"], C["columns"]
    )
    chosen = {"between": (0, 1), "rows": (0, 0), "columns": (1, 1)}[sides]
    points = cost.rows(), cost.columns()
    picks = [rng.permutation(own[k])[: int(share * own[k])] for k in (0, 1)]
    measures = [
        Measure(points[side][pick], np.full(len(pick), 1 / len(pick)))
        for side, pick in zip(chosen, picks, strict=True)
    ]
    kernel = Problem(*measures, EPS, cost).kernel("float64")
    assert (kernel._cost is cost) == (share > 0.5)
    orders = [measure.partition.order for measure in measures]
    part = C[sides][np.ix_(picks[0][orders[0]], picks[1][orders[1]])]
    f, g = np.zeros(part.shape[0]), np.zeros(part.shape[1])
    expected = logsumexp(-part / EPS, axis=1) - np.log(part.shape[1])
    np.testing.assert_allclose(kernel.log_sums(f, g)[0], expected, atol=1e-11)
    np.testing.assert_allclose(kernel.softmin(g), -EPS * expected, atol=1e-12)


@numba.njit(fastmath=True, error_model="numpy", forceinline=True)
def line_sum(costs, G, b, terms):
    return matrix_kernels.add_line(costs, G.dtype.type(1.5), G[0], b[0], G, b, None, terms)


@pytest.mark.parametrize("m", [10, 20, 45])
def test_sums_do_not_depend_on_where_arrays_lie(m):
    """Compiled loops test whether arrays overlap, and take those for it that lie close together."""
    values = np.random.default_rng(m).random((3, m)).astype(np.float32)
    memory = np.zeros(1000, np.float32)
    terms = memory[600 + matrix_kernels.APART :][:m]
    sums = set()
    for starts in ((0, 200, 400), (600 - m, 200, 400), (0, 600 - m, 400), (0, 200, 600 - m)):
        arrays = [memory[start : start + m] for start in starts]
        for array, value in zip(arrays, values, strict=True):
            array[:] = value
        sums.add(float(line_sum(*arrays, terms)))
    assert len(sums) == 1


def test_terms_have_room_of_their_own():
    terms = matrix_kernels.room_for_terms(np.zeros(7, np.float32))
    assert terms.shape == (7,) and terms.dtype == np.float32
    assert terms.ctypes.data - terms.base.ctypes.data >= 256
