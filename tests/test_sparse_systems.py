"""The Newton system of a plan with few heavy pairs, and the sampled factors of its graph."""

import numba
import numpy as np
import pytest
from test_minorant import sparse

from sinkhorn_nb.backends.cpu import sparse_products
from sinkhorn_nb.backends.cpu.exchange_system import ExchangeSystem
from sinkhorn_nb.backends.cpu.laplacian import factorize, solve_factored


def laplacian(n, left, right, weights):
    L = np.zeros((n, n))
    np.add.at(L, (left, right), -weights)
    np.add.at(L, (right, left), -weights)
    return L - np.diag(L.sum(axis=1))


def inverse(factors):
    """The matrix that the factors stand for, between all vertices but the ground."""
    n = len(factors.order)
    out = np.empty((n, n))
    for i in range(n):
        y = np.zeros(n + 1)
        y[i] = 1.0
        solve_factored(factors, y)
        out[i] = y[:n]
    return out


def edges(left, right, weights):
    return left.astype(np.int32), right.astype(np.int32), weights


def test_factors_of_a_tree_are_exact():
    n = 40
    rng = np.random.default_rng(0)
    child = np.arange(n - 1)
    parent = np.minimum(child + 1 + rng.integers(0, 4, n - 1), n - 1)
    tree = edges(child, parent, np.exp(3 * rng.normal(size=n - 1)))
    L = laplacian(n, *tree)[:-1, :-1]
    np.testing.assert_allclose(inverse(factorize(n, *tree)) @ L, np.eye(n - 1), atol=1e-9)


def test_several_edges_between_two_vertices_count_as_one():
    single = edges(np.array([0, 1, 0]), np.array([1, 2, 2]), np.array([3.0, 1.0, 1.0]))
    double = edges(np.array([0, 0, 1, 0]), np.array([1, 1, 2, 2]), np.array([1.0, 2.0, 1.0, 1.0]))
    first, second = (inverse(factorize(3, *graph)) for graph in (single, double))
    np.testing.assert_allclose(first, second, rtol=1e-12)


def random_graph(n=150, degree=6):
    rng = np.random.default_rng(1)
    left = np.repeat(np.arange(n - 1), degree)
    right = rng.integers(0, n - 1, len(left))
    weights = np.exp(2 * rng.normal(size=len(left)))
    keep = left != right
    ground = np.arange(n - 1), np.full(n - 1, n - 1), np.full(n - 1, 1e-3)
    return n, edges(
        np.append(left[keep], ground[0]),
        np.append(right[keep], ground[1]),
        np.append(weights[keep], ground[2]),
    )


def test_factors_of_a_graph_have_a_small_condition_number():
    n, graph = random_graph()
    L = laplacian(n, *graph)[:-1, :-1]
    M = inverse(factorize(n, *graph))
    np.testing.assert_allclose(M, M.T, atol=1e-12 * np.abs(M).max())
    values = np.linalg.eigvals(M @ L).real
    assert values.min() > 0.1
    assert values.max() / values.min() < 30


def test_factors_have_the_same_bits_each_time():
    n, graph = random_graph()
    first, second = (factorize(n, *graph) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def plan():
    rng = np.random.default_rng(2)
    P = np.where(rng.random((30, 40)) < 0.2, np.exp(2 * rng.normal(size=(30, 40))), 0.0)
    return P, rng.normal(size=30), rng.normal(size=40), rng


@pytest.mark.parametrize("kind", ["jacobi", "factors", "factors without thin pairs"])
def test_the_system_is_solved_with_any_preconditioner(plan, kind):
    P, s, t, rng = plan
    es, et = np.exp(s), np.exp(t)
    Q = es[:, None] * P * et
    grounds = 1e-4 + 0.01 * rng.random(30), 1e-4 + 0.01 * rng.random(40)
    diagonals = Q.sum(axis=1) + grounds[0], Q.sum(axis=0) + grounds[1]
    system = ExchangeSystem(sparse(P, P > 0), (es, et), diagonals, grounds)
    thin = 0.1 if "thin" in kind else 0.0
    preconditioner = system.jacobi() if kind == "jacobi" else system.factors(thin)
    y = rng.normal(size=40)
    x, residual = np.zeros(40), y.copy()
    count = system.descend(x, residual, 1e-10, 500, preconditioner)
    dense = np.diag(diagonals[1]) - Q.T @ (Q / diagonals[0][:, None])
    np.testing.assert_allclose(dense @ x, y, atol=1e-8)
    assert 0 < count < 200
    assert system.n_sweeps == 1 + 2 * count


def test_an_exact_residual_takes_no_iteration(plan):
    P, s, t, _ = plan
    ones = np.ones(30), np.ones(40)
    system = ExchangeSystem(sparse(P, P > 0), (np.exp(s), np.exp(t)), ones, ones)
    assert system.descend(np.zeros(40), np.zeros(40), 0.0, 10, np.ones(40)) == 0


def test_products_are_those_of_the_dense_matrix_with_the_same_bits_on_any_number_of_threads(
    plan, monkeypatch
):
    P, s, t, _ = plan
    monkeypatch.setattr(sparse_products, "ENTRIES_A_PANEL", 16)
    before = numba.get_num_threads()
    found = []
    try:
        for n_threads in (1, 2):
            numba.set_num_threads(n_threads)
            pairs = sparse(P, P > 0)
            assert len(pairs._panels) > 4
            found.append((pairs.right_product(t), pairs.left_product(s)))
    finally:
        numba.set_num_threads(before)
    np.testing.assert_allclose(found[0][0], P @ t, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found[0][1], s @ P, rtol=1e-12, atol=1e-12)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_several_threads_solve_the_system_in_the_same_iterations_and_with_the_same_bits(
    plan, monkeypatch
):
    P, *_, rng = plan
    ones = np.ones(30), np.ones(40)
    diagonals = P.sum(axis=1) + 1.0, P.sum(axis=0) + 1.0
    y = rng.normal(size=40)
    before = numba.get_num_threads()
    found = []
    try:
        for size, n_threads in ((2**17, 1), (16, 1), (16, 2)):
            monkeypatch.setattr(sparse_products, "ENTRIES_A_PANEL", size)
            numba.set_num_threads(n_threads)
            pairs = sparse(P, P > 0)
            assert (pairs.n_panels > 4) == (size == 16)
            system = ExchangeSystem(pairs, ones, diagonals, ones)
            x, residual = np.zeros(40), y.copy()
            found.append((x, residual, system.descend(x, residual, 1e-9, 100, system.jacobi())))
    finally:
        numba.set_num_threads(before)
    serial, one, two = found
    assert serial[2] == one[2] == two[2] > 3
    np.testing.assert_allclose(one[0], serial[0], atol=1e-10)
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
