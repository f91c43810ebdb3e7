"""The plan as an operator against the dense plan."""

import dataclasses
import pickle

import numpy as np
import pytest
from oracle import Dense
from problems import PRECISE, cloud, example

from sinkhorn_nb import Plan, entropic_ot

BLUR = 0.5


@pytest.fixture(scope="module", params=[{}, {"mass": 3.0, "zeros": 2}, {"d": 30}, {"n": 1, "m": 9}])
def plans(request):
    args = example(**request.param)
    return entropic_ot(*args, blur=BLUR, solver=PRECISE).plan, Dense.of(*args, blur=BLUR).plan


def close(got, expected):
    assert got.dtype == np.float64
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_products(plans):
    plan, dense = plans
    n, m = dense.shape
    rng = np.random.default_rng(n)
    v, V, u, U = (
        rng.normal(size=m),
        rng.normal(size=(m, 3)),
        rng.normal(size=n),
        rng.normal(size=(4, n)),
    )
    assert plan.shape == dense.shape
    assert plan.T.shape == dense.T.shape
    close(plan @ v, dense @ v)
    close(plan @ V, dense @ V)
    close(plan.T @ u, dense.T @ u)
    close(u @ plan, u @ dense)
    close(U @ plan, U @ dense)
    close(v @ plan.T, v @ dense.T)
    close(plan @ v.tolist(), dense @ v)
    close(u.tolist() @ plan, u @ dense)
    close(plan @ np.ones((m, 0)), np.ones((n, 0)))


def test_sums(plans):
    plan, dense = plans
    close(plan.sum(axis=1), dense.sum(axis=1))
    close(plan.sum(axis=0), dense.sum(axis=0))
    assert plan.sum() == pytest.approx(dense.sum(), rel=1e-9)
    assert isinstance(plan.sum(), float)


def indices(n):
    """Yield all kinds of indices of NumPy for one axis."""
    mask = np.arange(n) % 2 == 0
    yield from (slice(None), slice(0, n, 2), slice(None, None, -1), slice(0, 0))
    yield from (
        np.array([n - 1, 0, 0]),
        [0],
        np.array([-1]),
        mask,
        np.zeros(n, dtype=bool),
        np.array([], dtype=int),
    )


def test_blocks(plans):
    plan, dense = plans
    for rows in indices(dense.shape[0]):
        for cols in indices(dense.shape[1]):
            close(plan.block(rows, cols), dense[rows][:, cols])


def test_blocks_of_single_rows_and_columns_stay_dense_matrices(plans):
    plan, dense = plans
    close(plan.block(0, slice(None)), dense[:1])
    close(plan.block(slice(None), -1), dense[:, -1:])
    close(plan.block(0, 1), dense[:1, 1:2])
    close(plan.block(np.int64(0), [0, 1]), dense[:1, :2])


@pytest.mark.parametrize(
    "index", [9, [-10], np.ones(8, dtype=bool), [0.5], "first", None, [[0]], (1, slice(2))]
)
def test_indices_that_are_none_of_the_plan_are_refused_in_words(index):
    plan = entropic_ot(cloud(9, 2), cloud(7, 2), blur=1.0).plan
    words = "expected integers from -9 to 8, a slice or 9 booleans, got .*; choose among the 9"
    with pytest.raises(IndexError, match=f"^rows: {words}"):
        plan.block(index, slice(None))
    with pytest.raises(IndexError, match=f"^cols: {words}"):
        plan.T.block(slice(None), index)
    with pytest.raises(IndexError, match=f"^i: {words}"):
        plan.row(index)


def test_rows(plans):
    plan, dense = plans
    for i in (0, dense.shape[0] - 1, -1):
        close(plan.row(i), dense[i])


def test_toarray(plans):
    plan, dense = plans
    close(plan.toarray(), dense)
    close(plan.T.toarray(), dense.T)
    close(plan.toarray(max_entries=dense.size), dense)
    with pytest.raises(ValueError, match=r"max_entries: expected at least .* GB.*use plan @ v"):
        plan.toarray(max_entries=dense.size - 1)


def test_toarray_refuses_by_itself_what_does_not_fit():
    plan = entropic_ot(cloud(10_001, 1), cloud(10_000, 1), blur=10.0).plan
    with pytest.raises(ValueError, match=r"0\.8 GB"):
        plan.toarray()


def test_conversion_to_an_array(plans):
    plan, dense = plans
    close(np.asarray(plan), dense)
    assert np.asarray(plan, dtype="float32").dtype == np.float32
    close(np.array(plan, copy=True), dense)
    with pytest.raises(ValueError, match="copy: expected None or True"):
        plan.__array__(copy=False)


def test_conversion_to_an_array_has_the_guard_of_toarray(monkeypatch, plans):
    plan, dense = plans
    monkeypatch.setattr("sinkhorn_nb.results.plan.MAX_ENTRIES", dense.size - 1)
    with pytest.raises(ValueError, match="max_entries: expected at least"):
        np.asarray(plan)


def test_the_line_of_a_plan():
    plan = entropic_ot(*example(mass=3.0), blur=0.5).plan
    assert repr(plan) == str(plan) == "Plan(n=23, m=31, mass=3, blur=0.5)"
    assert repr(plan.T) == "Plan(n=31, m=23, mass=3, blur=0.5)"
    assert repr(Plan.__new__(Plan)).startswith(
        "<sinkhorn_nb.results.plan.Plan object at"
    )  # half made


@pytest.mark.parametrize("k", [1, 3, 9, 1000])
def test_topk(plans, k):
    plan, dense = plans
    top = plan.topk(k)
    expected = -np.sort(-dense, axis=1)[:, :k]
    close(top.values, expected)
    np.testing.assert_allclose(np.take_along_axis(dense, top.indices, axis=1), expected, atol=1e-9)
    assert all(len(set(row)) == len(row) for row in top.indices)


def test_plan_that_is_no_exact_coupling_is_what_its_potentials_say():
    """Products, blocks and sums agree long before convergence."""
    with pytest.warns(match="max_iter"):
        plan = entropic_ot(
            *example(), blur=0.1, solver=dataclasses.replace(PRECISE, max_iter=3)
        ).plan
    dense = plan.toarray()
    np.testing.assert_allclose(plan @ np.ones(dense.shape[1]), dense.sum(axis=1), rtol=1e-9)
    np.testing.assert_allclose(plan.sum(axis=0), dense.sum(axis=0), rtol=1e-9)


def test_plan_of_the_potentials_of_a_solution_is_its_plan():
    solution = entropic_ot(*example(mass=3.0, zeros=2), blur=BLUR, solver=PRECISE)
    plan = Plan(solution.problem, solution.f, solution.g)
    assert plan.sum() == pytest.approx(3.0, rel=1e-9)
    np.testing.assert_array_equal(plan.toarray(), solution.plan.toarray())
    np.testing.assert_array_equal(plan @ np.ones(31), solution.plan @ np.ones(31))
    source, target = solution.problem.source, solution.problem.target
    costs = ((source.points[:, None] - target.points) ** 2).sum(axis=2) / 2
    formula = np.exp((solution.f[:, None] + solution.g - costs) / BLUR**2)
    close(plan.toarray(), np.outer(source.weights, target.weights) * formula)


def test_plan_keeps_potentials_of_its_own():
    solution = entropic_ot(*example(), blur=BLUR)
    f = solution.f.copy()
    plan = Plan(solution.problem, f, solution.g.tolist())
    before = plan.toarray()
    f[:] = 0
    np.testing.assert_array_equal(plan.toarray(), before)


def test_a_plan_made_by_hand_is_judged():
    s = entropic_ot(*example(), blur=BLUR)
    with pytest.raises(ValueError, match=r"^f: expected shape \(23,\), got \(31,\)"):
        Plan(s.problem, s.g, s.f)
    with pytest.raises(ValueError, match=r"^g: expected finite numbers, got nan"):
        Plan(s.problem, s.f, np.full(31, np.nan))
    with pytest.raises(ValueError, match=r"^backend: expected one of 'auto', 'cpu', 'cuda'"):
        Plan(s.problem, s.f, s.g, "gpu")


def test_a_plan_takes_part_in_the_arithmetic_of_operators(plans):
    plan, dense = plans
    v = np.linspace(-1, 1, dense.shape[1])
    combined = -plan + 2 * plan - plan / 4
    np.testing.assert_allclose(combined @ v, 0.75 * dense @ v, atol=1e-12)
    np.testing.assert_allclose((plan.T @ plan) @ v, dense.T @ (dense @ v), atol=1e-12)
    np.testing.assert_allclose(plan.H.matvec(dense @ v), dense.T @ (dense @ v), atol=1e-12)


def test_pickle_and_frozen(plans):
    plan, _ = plans
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(plan)).toarray(), plan.toarray())
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.f = 0


def test_rows_of_equal_points_with_potentials_of_their_own_take_part_by_their_factors():
    """Rows of one point may have different potentials in a plan made by hand: each row counts as
    the matrix says.
    """
    x, y = [[0.0], [1.0]], [[0.0], [0.0], [1.0]]
    solution = entropic_ot(x, y, blur=1.0)
    plan = Plan(solution.problem, solution.f, solution.g + np.array([0.3, -0.3, 0.0]))
    costs = (np.subtract.outer([0.0, 1.0], [0.0, 0.0, 1.0])) ** 2 / 2
    dense = np.exp(plan.f[:, None] + plan.g - costs) / 6
    u, v = np.array([2.0, -1.0]), np.array([1.0, 5.0, 0.0])
    close(plan.toarray(), dense)
    close(plan @ v, dense @ v)
    close(plan.T @ u, dense.T @ u)
    close(plan.sum(axis=0), dense.sum(axis=0))
    close(plan.sum(axis=1), dense.sum(axis=1))
    assert plan.sum() == pytest.approx(dense.sum(), rel=1e-12)
