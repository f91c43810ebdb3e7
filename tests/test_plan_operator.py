"""The plan among the linear operators of SciPy."""

import numpy as np
import pytest
from problems import PRECISE, example
from scipy.sparse.linalg import LinearOperator, aslinearoperator, lsqr, svds

from sinkhorn_nb import Plan, entropic_ot


@pytest.fixture(scope="module")
def plan():
    return entropic_ot(*example(mass=2.0, zeros=1), blur=0.5, solver=PRECISE).plan


@pytest.fixture(scope="module")
def dense(plan):
    return plan.toarray()


def close(got, expected):
    assert isinstance(got, np.ndarray)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_plan_is_a_linear_operator(plan):
    assert isinstance(plan, LinearOperator)
    assert aslinearoperator(plan) is plan
    assert (plan.dtype, plan.shape, plan.ndim) == (np.float64, (23, 31), 2)


def test_transposes_are_plans(plan, dense):
    for transposed in (plan.T, plan.H, plan.transpose(), plan.adjoint()):
        assert isinstance(transposed, Plan)
        close(transposed.toarray(), dense.T)


def test_methods_of_linear_operators(plan, dense):
    rng = np.random.default_rng(0)
    v, V, u, U = (
        rng.normal(size=31),
        rng.normal(size=(31, 3)),
        rng.normal(size=23),
        rng.normal(size=(23, 3)),
    )
    close(plan.matvec(v), dense @ v)
    close(plan.matvec(v[:, None]), dense @ v[:, None])
    close(plan.matmat(V), dense @ V)
    close(plan.rmatvec(u), dense.T @ u)
    close(plan.rmatmat(U), dense.T @ U)
    close(plan.dot(v), dense @ v)
    close(plan(V), dense @ V)
    close(plan * v, dense @ v)
    close(u @ plan, u @ dense)


def test_arithmetic_of_linear_operators(plan, dense):
    V = np.random.default_rng(1).normal(size=(31, 2))
    for operator, matrix in (
        (2 * plan, 2 * dense),
        (plan * np.float64(2), 2 * dense),
        (np.float64(2) * plan, 2 * dense),
        (plan / 2, dense / 2),
        (-plan, -dense),
        (plan + plan, 2 * dense),
        (plan - 0.5 * plan, dense / 2),
        (plan @ plan.T @ plan, dense @ dense.T @ dense),
        (aslinearoperator(np.eye(23)) @ plan, dense),
        ((plan.T @ plan) ** 2 @ plan.T @ plan, np.linalg.matrix_power(dense.T @ dense, 3)),
    ):
        assert isinstance(operator, LinearOperator)
        close(operator @ V, matrix @ V)
    with pytest.raises(ValueError, match="Scalar operands"):
        plan @ 2.0
    with pytest.raises(ValueError, match="Scalar operands"):
        2.0 @ plan


def test_arrays_without_axes_are_scalars(plan, dense):
    V, two = np.random.default_rng(1).normal(size=(31, 2)), np.array(2.0)
    for operator, matrix in (
        (two * plan, 2 * dense),
        (plan * two, 2 * dense),
        (plan.dot(two), 2 * dense),
        (plan / two, dense / 2),
        (plan - plan * two, -dense),
    ):
        assert isinstance(operator, LinearOperator)
        close(operator @ V, matrix @ V)
    for product in (lambda: plan @ two, lambda: two @ plan):
        with pytest.raises(ValueError, match="Scalar operands"):
            product()


def test_sums_of_numpy_and_axes_from_the_end(plan, dense):
    for axis in (None, 0, 1, -1, -2):
        np.testing.assert_allclose(plan.sum(axis=axis), dense.sum(axis=axis), atol=1e-12)
        np.testing.assert_allclose(np.sum(plan, axis=axis), dense.sum(axis=axis), atol=1e-12)
    assert type(np.sum(plan)) is float
    with pytest.raises(ValueError, match=r"^axis: expected one of None, 0, 1, -1, -2, got 2"):
        plan.sum(axis=2)
    with pytest.raises(TypeError, match=r"^out: expected None, got ndarray; copy the result"):
        np.sum(plan, axis=1, out=np.zeros(23))


def test_singular_values(plan, dense):
    found = np.sort(svds(plan, k=3, random_state=0, return_singular_vectors=False))
    np.testing.assert_allclose(found, np.sort(np.linalg.svd(dense)[1])[-3:], rtol=1e-8)


def test_least_squares(plan, dense):
    v = np.random.default_rng(2).normal(size=31)
    found = lsqr(plan, dense @ v, atol=1e-12, btol=1e-12, iter_lim=500)[0]
    np.testing.assert_allclose(dense @ found, dense @ v, atol=1e-9)
