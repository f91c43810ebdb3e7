"""Entries of plans are exact and finite, and have the same bits in all methods."""

import tracemalloc

import numba
import numpy as np
import pytest
from oracle import Dense
from problems import PRECISE, cloud, example, weights

import sinkhorn_nb as snb
from sinkhorn_nb import Plan, entropic_ot

FEW = snb.Sinkhorn(tol=0.1)
ONE = snb.Sinkhorn(max_iter=1, init="zeros")


def unconverged(*args, blur):
    with pytest.warns(snb.ConvergenceWarning):
        return entropic_ot(*args, blur=blur, solver=ONE)


def formula(plan):
    """a_i b_j exp((f_i + g_j - C_ij) / eps) in extended precision, weights in the exponent."""
    source, target = plan.problem.source, plan.problem.target
    x, y, a, b = (
        v.astype(np.longdouble)
        for v in (source.points, target.points, source.weights, target.weights)
    )
    costs = sum((x[:, k, None] - y[:, k]) ** 2 for k in range(x.shape[1])) / 2
    with np.errstate(divide="ignore"):
        return np.exp(
            np.log(a)[:, None] + np.log(b) + (plan.f[:, None] + plan.g - costs) / plan.problem.eps
        )


def lattice(n):
    """Points with many equal distances."""
    return np.stack(np.meshgrid(*[np.arange(n)] * 2), axis=-1).reshape(-1, 2).astype(float)


SHAPES = {
    "d = 1": (37, 259, 1),
    "d = 5": (300, 257, 5),
    "d = 200": (19, 23, 200),
    "row": (1, 700, 3),
    "column": (9, 1, 3),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_entries_are_the_formula(shape):
    n, m, d = SHAPES[shape]
    plan = entropic_ot(
        cloud(n, d), cloud(m, d, shift=0.5), weights(n, 3.0), weights(m, 3.0), blur=0.7
    ).plan
    np.testing.assert_allclose(plan.toarray(), formula(plan).astype(float), rtol=1e-13)


def test_entries_far_from_the_origin_are_those_of_the_differences():
    x, y = 1e6 + cloud(40, 2), 1e6 + cloud(50, 2, shift=0.5)
    plan = entropic_ot(x, y, blur=0.1, solver=PRECISE).plan
    np.testing.assert_allclose(plan.toarray(), formula(plan).astype(float), rtol=1e-12, atol=1e-300)


def test_weight_zero_is_zero_whatever_the_potential():
    plan = entropic_ot([[0.0], [10.0]], [[0.0], [10.0]], [1, 0], [1, 0], blur=0.1).plan
    np.testing.assert_array_equal(plan.toarray(), [[1, 0], [0, 0]])
    np.testing.assert_array_equal(plan.row(1), [0, 0])
    np.testing.assert_array_equal(plan.block([0, 1], [1]), [[0], [0]])
    np.testing.assert_array_equal(plan.topk(2).values, [[1, 0], [0, 0]])
    np.testing.assert_array_equal(plan.topk(2).indices, [[0, 1], [0, 1]])
    np.testing.assert_allclose(plan @ [1.0, 1.0], [1, 0], rtol=1e-11)
    np.testing.assert_allclose(plan.sum(axis=0), [1, 0], rtol=1e-11)
    assert plan.normalized_entropy == 0


def test_tiny_weights_have_entries_of_their_size():
    a = np.array([1.0, 1e-300])
    plan = entropic_ot([[0.0], [1.0]], [[0.0], [1.0]], a, a, blur=0.5).plan
    P = plan.toarray()
    np.testing.assert_allclose(P, formula(plan).astype(float), rtol=1e-12)
    assert P[1].sum() == pytest.approx(1e-300, rel=1e-3)


@pytest.mark.parametrize("shift", [-1e8, -800.0, 650.0, 1e8])
def test_entries_are_finite_whatever_the_potentials(shift):
    s = entropic_ot(*example(zeros=2), blur=0.5)
    plan = Plan(s.problem, s.f + shift * s.problem.eps, s.g)
    P = plan.toarray()
    assert np.isfinite(P).all()
    assert (P[:2] == 0).all()
    assert (P[:, :2] == 0).all()
    for finite in (plan.row(5), plan.topk(3).values, plan.sum(axis=1), plan.T @ np.ones(23)):
        assert np.isfinite(finite).all()
    assert (P[2:, 2:] > 0).all() == (shift > 0)
    assert all((drawn >= 2).all() for drawn in plan.sample(100, 0))
    if shift > 0:
        assert 0 <= plan.normalized_entropy <= 1
    if shift == -1e8:
        with pytest.raises(
            ValueError, match="plan: expected potentials with a positive sum of P, got 0"
        ):
            float(plan.normalized_entropy)


def test_unconverged_plan_at_a_tiny_blur_is_finite():
    plan = unconverged(*example(zeros=2), blur=1e-3).plan
    assert np.isfinite(plan.toarray()).all()
    np.testing.assert_allclose(plan.toarray(), formula(plan).astype(float), rtol=1e-7, atol=1e-300)


@pytest.mark.parametrize("scale", [1e-150, 1e140])
def test_units_do_not_matter(scale):
    x, y = cloud(20, 2), cloud(30, 2)
    plan = entropic_ot(x, y, blur=0.5, solver=PRECISE).plan
    scaled = entropic_ot(scale * x, scale * y, blur=0.5 * scale, solver=PRECISE).plan
    np.testing.assert_allclose(scaled.toarray(), plan.toarray(), rtol=1e-6)


@pytest.mark.parametrize("d", [3, 30])
def test_every_question_reads_the_same_bits(d):
    plan = entropic_ot(cloud(61, d), cloud(530, d), blur=0.5, solver=FEW).plan
    P = plan.toarray()
    np.testing.assert_array_equal(plan.T.toarray(), P.T)
    np.testing.assert_array_equal([plan.row(i) for i in range(61)], P)
    rows, columns = np.arange(60, -1, -3), np.arange(3, 530, 7)
    np.testing.assert_array_equal(plan.block(rows, columns), P[rows][:, columns])
    top = plan.topk(5)
    np.testing.assert_array_equal(np.take_along_axis(P, top.indices, axis=1), top.values)


@pytest.mark.parametrize("k", [1, 2, 7, 33, 400, 900])
@pytest.mark.parametrize("points", ["lattice", "duplicates", "ascending", "random"])
def test_topk_is_a_stable_sort_of_the_row(points, k):
    x = {
        "lattice": lattice(30),
        "duplicates": np.repeat(cloud(9, 2), 100, axis=0),
        "ascending": np.sort(cloud(900, 1), axis=0),
        "random": cloud(900, 2),
    }[points]
    plan = entropic_ot(
        x[::20], x, weights(len(x[::20])), weights(len(x), zeros=300), blur=2.0, solver=FEW
    ).plan
    P = plan.toarray()
    top = plan.topk(k)
    expected = np.argsort(-P, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(top.indices, expected)
    np.testing.assert_array_equal(top.values, np.take_along_axis(P, expected, axis=1))


def test_bits_do_not_depend_on_the_number_of_threads():
    plan, before, found = (
        entropic_ot(cloud(1500, 3), cloud(1400, 3), blur=0.5, solver=FEW).plan,
        numba.get_num_threads(),
        [],
    )
    try:
        for n_threads in (1, 2):
            numba.set_num_threads(n_threads)
            fresh = Plan(plan.problem, plan.f, plan.g)
            found.append(
                [fresh.toarray(), *fresh.topk(4), *fresh.sample(3000, 0), fresh.normalized_entropy]
            )
    finally:
        numba.set_num_threads(before)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def peak_memory(n, question):
    plan = entropic_ot(cloud(n, 2), cloud(n, 2, shift=0.5), blur=0.5, solver=FEW).plan
    tracemalloc.start()
    try:
        question(plan, n)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "question", [lambda plan, n: plan.topk(5), lambda plan, n: plan.sample(n, 0)]
)
def test_memory_is_linear(question):
    peak_memory(100, question)  # compiles
    small, large = peak_memory(2000, question), peak_memory(4000, question)
    assert small < 2000 * 500
    assert large < 3 * small


@pytest.mark.parametrize("shape", [{"mass": 3.0, "zeros": 2}, {"d": 30}, {"n": 1, "m": 9}])
def test_entries_agree_with_the_oracle(shape):
    args = example(**shape)
    plan, dense = entropic_ot(*args, blur=0.5, solver=PRECISE).plan, Dense.of(*args, blur=0.5).plan
    np.testing.assert_allclose(plan.toarray(), dense, atol=1e-9)
