"""Sparse steps within the loop: the hard problems that they solve, when they start and when they
end.
"""

import warnings

import numpy as np
import pytest
from oracle import Dense
from problems import cloud, weights
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_digits

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, entropic_ot
from sinkhorn_nb.costs import SQUARED_EUCLIDEAN
from sinkhorn_nb.kernels.pairs import PairKernel
from sinkhorn_nb.solver import sparse_step, tail
from sinkhorn_nb.solver.sparse_step import SparseStep, theta
from sinkhorn_nb.solver.tail import Tail, expected_iterations

LOOP = {"init": "coarse"}  # small problems take the loop, too


@pytest.fixture
def without(monkeypatch):
    """Solve by two-level steps alone."""

    def solve(*arguments, **options):
        with monkeypatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore", snb.ConvergenceWarning)
            patch.setattr(Tail, "_look", lambda *_: None)
            return entropic_ot(*arguments, **options)

    return solve


@pytest.fixture
def steps(monkeypatch):
    """The marginal errors at which sparse steps are made."""
    made = []
    original = SparseStep.next

    def next_step(self, iterate, error):
        made.append(error)
        return original(self, iterate, error)

    monkeypatch.setattr(SparseStep, "next", next_step)
    return made


def dense_error(solution, x, y, blur, a=None, b=None):
    return Dense.of(x, y, a, b, blur=blur).error(solution.f, solution.g)


def blurred_digits(n, c):
    """Images and the same ones out of focus: the plan is nearly a permutation."""
    x = load_digits().data[:n] / 16
    y = np.stack([gaussian_filter(image.reshape(8, 8), 1, mode="wrap").ravel() for image in x])
    return x, y, np.sqrt(c * np.std(x @ y.T))


@pytest.mark.parametrize("c", [0.03, 0.003])
def test_blurred_digits_take_a_few_passes(c, without):
    x, y, blur = blurred_digits(700, c)
    solver = Sinkhorn(tol=1e-6, **LOOP)
    solution = entropic_ot(x, y, blur=blur, solver=solver)
    assert solution.converged
    assert solution.n_passes < 130
    assert dense_error(solution, x, y, blur) < 1e-6 * (1 + 1e-6)
    plain = without(x, y, blur=blur, solver=Sinkhorn(tol=1e-6, max_iter=130, **LOOP))
    assert not plain.converged


def test_nearly_equal_clouds_reach_a_marginal_error_of_1e_8():
    x = np.random.default_rng(0).normal(size=(200, 2))
    y = x + 1e-4 * np.random.default_rng(1).normal(size=x.shape)
    solution = entropic_ot(x, y, blur=0.1, solver=Sinkhorn(tol=1e-8, **LOOP))
    assert solution.converged
    assert solution.n_iter < 60
    assert dense_error(solution, x, y, 0.1) < 1e-8 * (1 + 1e-3)


def sphere(n):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x, x + 0.05 * rng.normal(size=x.shape)


def test_a_start_that_is_too_far_is_annealed(steps):
    x, y = sphere(1200)
    told = []
    solver = Sinkhorn(tol=1e-6, callback=told.append)
    solution = entropic_ot(x, y, blur=0.008, solver=solver)
    assert solution.converged
    temperatures = {round(np.sqrt(t.eps) / 0.008, 3) for t in told}
    assert {4.0, 2.0, 1.0} <= temperatures
    assert solution.n_passes < 130
    assert told[-1].n_passes == solution.n_passes
    assert len(steps) > 3


@pytest.mark.parametrize(("reach", "is_annealed"), [(0.5, True), (0.05, False)])
def test_prices_of_many_temperatures_are_annealed(reach, is_annealed):
    x, y = sphere(600)
    told = []
    solver = Sinkhorn(tol=1e-3, callback=told.append)
    assert entropic_ot(x, y, blur=0.002, reach=reach, solver=solver).converged
    assert (len({t.eps for t in told}) > 1) == is_annealed
    assert len(told) < 80


def test_passes_count_the_work_on_heavy_pairs(monkeypatch):
    x, y, blur = blurred_digits(700, 0.03)
    counted = []
    original = PairKernel.count_pairs

    def count(self, number):
        counted.append(number / self._n_pairs)
        return original(self, number)

    monkeypatch.setattr(PairKernel, "count_pairs", count)
    solution = entropic_ot(x, y, blur=blur, solver=Sinkhorn(tol=1e-6))
    assert sum(counted) > 1
    assert solution.n_passes > solution.n_iter + 0.9 * sum(counted)


def test_easy_problems_never_count_heavy_pairs(monkeypatch):
    def count(*_):
        raise AssertionError("heavy pairs were counted")

    monkeypatch.setattr(PairKernel, "count_heavy", count)
    x, y = cloud(700, 2), cloud(800, 2, shift=0.5)
    assert entropic_ot(x, y, blur=0.3, solver=Sinkhorn()).converged


def test_the_solution_is_that_of_two_level_steps(without, steps):
    x, y, a, b = cloud(600, 2), cloud(500, 2, shift=0.2), weights(600), weights(500)
    options = {"blur": 0.02, "solver": Sinkhorn(tol=1e-9)}
    sparse = entropic_ot(x, y, a, b, **options)
    assert len(steps) > 1
    plain = without(x, y, a, b, **options)
    assert sparse.n_passes < plain.n_passes
    assert sparse.value == pytest.approx(plain.value, rel=1e-12)
    np.testing.assert_allclose(sparse.f - sparse.f[0], plain.f - plain.f[0], atol=1e-6)


@pytest.mark.parametrize("reach", [0.5, (0.5, None)])
def test_marginals_with_a_price(reach, without, steps):
    x, y, a, b = cloud(600, 2), cloud(500, 2, shift=0.2), weights(600), weights(500)
    options = {"blur": 0.02, "reach": reach, "solver": Sinkhorn(tol=1e-9)}
    sparse = entropic_ot(x, y, a, b, **options)
    assert len(steps) > 1
    assert sparse.converged
    plain = without(x, y, a, b, **options)
    assert sparse.value == pytest.approx(plain.value, rel=1e-9)


def test_another_cost(without, steps):
    x, y = cloud(600, 2), cloud(520, 2, shift=0.2)
    options = {"blur": 0.005, "p": 1, "solver": Sinkhorn(tol=1e-7)}
    sparse = entropic_ot(x, y, **options)
    assert len(steps) > 1
    plain = without(x, y, **options)
    assert sparse.value == pytest.approx(plain.value, rel=1e-7)


def test_a_matrix_of_costs(steps):
    x, y, blur = blurred_digits(600, 0.01)
    C = SQUARED_EUCLIDEAN.block(x, y)
    solver = Sinkhorn(tol=1e-6, **LOOP)
    sparse = snb.entropic_ot_matrix(C, eps=blur**2, solver=solver)
    assert sparse.converged
    assert len(steps) > 1
    assert sparse.n_passes < 60
    assert dense_error(sparse, x, y, blur) < 1e-6 * (1 + 1e-6)
    points = entropic_ot(x, y, blur=blur, solver=solver)
    assert sparse.value == pytest.approx(points.value, rel=1e-7)


def test_nodes_of_compressed_clouds(steps):
    rng = np.random.default_rng(0)
    centers, labels = rng.normal(size=(400, 2)), rng.integers(0, 400, 4000)
    x = centers[labels] + 1e-3 * rng.normal(size=(4000, 2))
    y = (centers + 0.05 * rng.normal(size=(400, 2)))[labels] + 1e-3 * rng.normal(size=(4000, 2))
    solver = Sinkhorn(compression=0.8, tol=1e-2)
    solution = entropic_ot(x, y, blur=0.02, solver=solver)
    assert solution.converged
    assert solution.compression.n_nodes[0] < 1500
    assert len(steps) > 0


def test_far_parts_with_unequal_masses_and_points_without_mass():
    x = np.concatenate([cloud(300, 2), cloud(300, 2) + 3.0])
    y = np.concatenate([cloud(310, 2, shift=0.1), cloud(290, 2, shift=0.1) + 3.0])
    a, b = weights(600, zeros=5), weights(600)
    solution = entropic_ot(x, y, a, b, blur=0.05, solver=Sinkhorn(tol=1e-7))
    assert solution.converged
    assert dense_error(solution, x, y, 0.05, a, b) < 1e-7 * (1 + 1e-3)


def test_self_problems_take_no_sparse_step(steps):
    x = cloud(700, 3)
    snb.sinkhorn_negentropy(x, blur=0.002, solver=Sinkhorn(tol=1e-8))
    assert steps == []


def test_plans_that_are_not_sparse_are_left_to_two_level_steps(monkeypatch, steps):
    monkeypatch.setattr(tail, "FEW_PAIRS", 0)
    monkeypatch.setattr(tail, "MOST_PAIRS", 3)
    monkeypatch.setattr(tail, "COLLECTING", -1.0)
    monkeypatch.setattr(tail, "SOLVING", 0.0)
    x, y = cloud(600, 2), cloud(600, 2, shift=0.2)
    listed = []
    original = PairKernel.heavy_plan

    def heavy_plan(self, *arguments):
        plan = original(self, *arguments)
        listed.append(0 if plan is None else len(plan.pairs))
        return plan

    monkeypatch.setattr(PairKernel, "heavy_plan", heavy_plan)
    assert entropic_ot(x, y, blur=0.05, solver=Sinkhorn(tol=1e-6)).converged
    assert max(listed, default=0) <= 3 * 1200


def test_steps_that_do_not_help_are_given_up(monkeypatch, steps):
    monkeypatch.setattr(sparse_step, "MOST_SWEEPS", 0)  # the moves are those of a plain half step
    x, y, blur = blurred_digits(600, 0.03)
    solver = Sinkhorn(tol=1e-4, max_iter=200)
    solution = entropic_ot(x, y, blur=blur, solver=solver)
    assert tail.TRIAL < len(steps) < solution.n_iter / 2
    assert solution.converged


def test_backends_that_list_no_heavy_pairs_keep_two_level_steps(monkeypatch, steps):
    monkeypatch.setattr(PairKernel, "lists_heavy_pairs", False)
    x, y, blur = blurred_digits(600, 0.003)
    assert entropic_ot(x, y, blur=blur, solver=Sinkhorn(tol=1e-4)).converged
    assert steps == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_given_dtype(dtype, steps):
    x, y, blur = blurred_digits(600, 0.01)
    solution = entropic_ot(x, y, blur=blur, solver=Sinkhorn(tol=1e-5, dtype=dtype, **LOOP))
    assert solution.converged
    assert len(steps) > 0
    assert dense_error(solution, x, y, blur) < 1.001e-5


def test_certified_values_cost_a_few_more_passes():
    x, y, blur = blurred_digits(600, 0.01)
    solution = entropic_ot(x, y, blur=blur, solver=Sinkhorn(certify=True))
    assert solution.converged
    assert solution.gap <= 1e-3 * max(abs(solution.value), blur**2)
    assert solution.n_passes < 60


def test_iterations_are_expected_at_the_rate_of_the_last_half():
    errors = [0.5**k for k in range(8)]
    assert expected_iterations(errors, 0.5**17) == pytest.approx(10)
    assert expected_iterations(errors, 1.0) == 0
    assert expected_iterations([1.0] * 8, 1e-3) == np.inf
    assert expected_iterations([1.0, 0.5], 1e-3) == 0
    assert expected_iterations([1.0] * 7 + [0.0], 1e-3) == 0


def test_theta_follows_the_tolerance_within_limits():
    assert theta(1e-3) == 1e-6
    assert theta(1e-6) == pytest.approx(1e-8)
    assert theta(1e-12) == 1e-10


@pytest.mark.parametrize(("seed", "reach"), [(3, None), (5, None), (12, 1.0)])
def test_masses_of_1e_270_leave_the_range_of_numbers_nowhere(seed, reach):
    """Neither the ratios of their marginals nor their products overflow or vanish; a warning is an
    error here.
    """
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(40, 2)), rng.normal(size=(50, 2))
    a, b = 10.0 ** rng.uniform(-270, 0, 40), 10.0 ** rng.uniform(-270, 0, 50)
    a, b = a / a.sum(), b / b.sum()
    solution = entropic_ot(x, y, a, b, blur=0.02, reach=reach, solver=Sinkhorn(**LOOP))
    assert solution.converged and solution.n_iter < 50
    if reach is None:
        assert dense_error(solution, x, y, 0.02, a, b) <= solution.tol


def test_sparse_steps_wait_where_a_poor_start_makes_no_progress_yet():
    rng = np.random.default_rng(0)
    centers = np.array([[0, 0], [3, 0], [1, 2.5]])
    turned = centers @ np.array([[0, 1], [-1, 0]])
    x, y = (
        np.concatenate([c + 0.3 * rng.normal(size=(400, 2)) for c in each]).astype(np.float32)
        for each in (centers, turned)
    )
    solver = snb.Sinkhorn(init="gaussian", tol=1e-4)
    assert snb.entropic_ot(x, y, blur=0.1, solver=solver).n_passes < 60
