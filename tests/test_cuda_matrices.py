"""Passes over cost matrices on a GPU, or in numba's simulator, against dense arrays.

See test_cuda_simulator.py.
"""

import numpy as np
import pytest
from gpus import SIMULATED
from scipy.special import logsumexp

import sinkhorn_nb as snb
from sinkhorn_nb.backends.choice import choose
from sinkhorn_nb.backends.cuda import matrix_backend
from sinkhorn_nb.backends.cuda.matrix_backend import CudaMatrixBackend
from sinkhorn_nb.backends.self_check import Work
from sinkhorn_nb.backends.tables import Table

N, M = (7, 10) if SIMULATED else (1300, 1700)
PER_COST = 2.0
DISTINCT = np.random.default_rng(0).uniform(0, 1, (5, 6))
RTOL = {"float32": 2e-5, "float64": 1e-12}


class Case:
    """Some rows and columns of a matrix with forbidden pairs, in the order of a partition."""

    def __init__(self, dtype="float64", order="C", is_transposed=False):
        rng = np.random.default_rng(0)
        costs = rng.uniform(0, 1, (N, M)).astype(dtype)
        costs[rng.random((N, M)) < 0.1] = np.inf
        own = rng.uniform(0, 1, (N, N)).astype(dtype)
        own += own.T
        table = Table(np.asarray(costs, order=order), own, None, PER_COST)
        rows, columns = rng.permutation(N)[1:], rng.permutation(M)[2:]
        self.backend = CudaMatrixBackend()
        sides = [
            self.backend.load(p[:, None].astype(dtype), None, None, table) for p in (rows, ~columns)
        ]
        self.t = PER_COST * costs[np.ix_(rows, columns)].astype(float)
        self.own_t = PER_COST * own[np.ix_(rows, rows)].astype(float)
        if is_transposed:
            sides, self.t = sides[::-1], self.t.T
        self.x, self.y = sides
        n, m = self.t.shape
        self.F, self.G = rng.uniform(-2, 2, n), rng.uniform(-2, 2, m)
        self.a, self.b = rng.uniform(0, 1, n), rng.uniform(0, 1, m)
        self.exponents = self.F[:, None] + self.G - self.t
        self.p = np.exp2(self.exponents)
        self.rtol = RTOL[dtype]
        self.V = rng.uniform(0, 1, (m, 2))

    def compare(self, got, expected):
        np.testing.assert_allclose(got, expected, rtol=self.rtol)


CASES = [("float32", "C", False), ("float64", "F", False), ("float64", "C", True)]


@pytest.mark.parametrize(("dtype", "order", "is_transposed"), CASES)
def test_every_question_has_the_answer_of_dense_arrays(dtype, order, is_transposed):
    c = Case(dtype, order, is_transposed)
    rows, columns = c.backend.sums(c.x, c.F, c.a, c.y, c.G, c.b)
    c.compare(rows, c.p @ c.b)
    c.compare(columns, c.a @ c.p)
    c.compare(c.backend.row_sums(c.x, c.F, c.y, c.G, c.b), c.p @ c.b)
    ends = np.array([0, 1, 4, len(c.F)])
    rows, clusters = c.backend.cluster_sums(c.x, c.F, c.a, c.y, c.G, c.b, ends)
    c.compare(rows, c.p @ c.b)
    c.compare(np.asarray(clusters), np.add.reduceat(c.a[:, None] * c.p, ends[:-1]))
    expected = logsumexp(c.exponents * np.log(2), axis=1) / np.log(2)
    np.testing.assert_allclose(
        c.backend.log_sum_exp(c.x, c.F, c.y, c.G), expected, rtol=c.rtol, atol=c.rtol
    )
    c.compare(c.backend.transport(c.x, c.F, c.y, c.G, c.V, None), c.p @ c.V)
    costs = np.where(np.isinf(c.t), 0, c.t)
    c.compare(c.backend.transport(c.x, c.F, c.y, c.G, c.V, None, 0), (c.p * costs) @ c.V)


def test_pairs_of_a_side_with_itself_and_products_with_factors():
    c = Case()
    p = np.exp2(c.F[:, None] + c.F - c.own_t)
    c.compare(c.backend.self_sums(c.x, c.F, c.a), p @ c.a)
    rng = np.random.default_rng(1)
    A, B = rng.uniform(0, 1, (len(c.F), 2)), rng.uniform(0, 1, (len(c.G), 2))
    got = c.backend.transport(c.x, c.F, c.y, c.G, c.V, (A, B))
    c.compare(got, (c.p * (A @ B.T)) @ c.V)


def test_a_matrix_is_copied_once_for_all_passes(monkeypatch):
    copies = []
    copy = matrix_backend.Copy
    monkeypatch.setattr(matrix_backend, "Copy", lambda *each: copies.append(1) or copy(*each))
    c = Case()
    for _ in range(2):
        c.backend.row_sums(c.x, c.F, c.y, c.G, c.b)
        c.backend.row_sums(c.y, c.G, c.x, c.F, c.a)
    assert len(copies) == 1


def test_a_matrix_without_room_is_refused_before_it_is_copied(monkeypatch):
    monkeypatch.setattr(matrix_backend, "free_memory", lambda: 100)
    work = Work(5, 6, 1, "float64", cost=Table(DISTINCT, None, None, PER_COST))
    with pytest.raises(MemoryError, match=r'backend: expected .* for a 5 x 6 matrix.*="cpu"'):
        choose("cuda", work)


def test_a_solution_has_the_marginals_of_its_problem():
    solution = snb.entropic_ot_matrix(DISTINCT, eps=0.3, solver=snb.Sinkhorn(backend="cuda"))
    assert solution.converged and solution.backend == "cuda"
    plan = np.exp((solution.f[:, None] + solution.g - DISTINCT) / 0.3) / DISTINCT.size
    np.testing.assert_allclose(plan.sum(axis=0), 1 / 6, rtol=5e-3)
    np.testing.assert_allclose(plan.sum(axis=1), 1 / 5, rtol=5e-3)
