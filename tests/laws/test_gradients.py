"""Gradients against central differences of the values, in all four arguments."""

import numpy as np
import pytest
from problems import PRECISE, cloud, example

from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence

CALLS = [entropic_ot, sinkhorn_divergence]
CASES = {
    "uniform": {"n": 5, "m": 7},
    "mass 3": {"n": 6, "m": 4, "mass": 3.0},
    "d=8": {"n": 4, "m": 5, "d": 8},
    "one point": {"n": 1, "m": 6},
    "small blur": {"n": 5, "m": 7, "d": 1},
}
BLURS = {"small blur": 0.25}
STEP = 1e-4  # the error of central differences is STEP^2 times third derivatives


@pytest.fixture(
    scope="module",
    params=[(call, case) for call in CALLS for case in CASES],
    ids=lambda each: f"{each[0].__name__}, {each[1]}",
)
def at(request):
    """A function of the four arrays, the arrays and its gradient there."""
    call, case = request.param
    args = example(**CASES[case])

    def result(*arrays):
        return call(*arrays, blur=BLURS.get(case, 0.6), solver=PRECISE)

    return result, args, result(*args).gradient()


def slope(result, args, position, direction):
    """The slope of the value along a direction in one argument, by central differences."""
    ends = []
    for sign in (1, -1):
        moved = list(args)
        moved[position] = moved[position] + sign * STEP * direction
        ends.append(result(*moved).value)
    return (ends[0] - ends[1]) / (2 * STEP)


@pytest.mark.parametrize("position", [0, 1], ids=["x", "y"])
def test_points(at, position):
    result, args, gradient = at
    for i, k in np.ndindex(args[position].shape):
        direction = np.zeros(args[position].shape)
        direction[i, k] = 1
        assert gradient[position][i, k] == pytest.approx(
            slope(result, args, position, direction), abs=2e-7
        )


@pytest.mark.parametrize("position", [2, 3], ids=["a", "b"])
def test_weights_along_the_simplex(at, position):
    result, args, gradient = at
    n = len(args[position])
    for i in range(n - 1):
        direction = np.zeros(n)
        direction[[i, i + 1]] = 0.1, -0.1
        assert gradient[position] @ direction == pytest.approx(
            slope(result, args, position, direction), abs=2e-7
        )


def test_pairing_of_weights_gives_the_value(at):
    result, args, gradient = at
    assert args[2] @ gradient.a + args[3] @ gradient.b == pytest.approx(
        result(*args).value, rel=1e-10
    )


@pytest.mark.parametrize("call", CALLS)
def test_translating_one_cloud(call):
    """The sum of the gradients in x is minus that in y; of both it is the difference of the means."""
    x, y, a, b = example(mass=3.0)
    gradient = call(x, y, a, b, blur=0.5, solver=PRECISE).gradient()
    np.testing.assert_allclose(gradient.x.sum(axis=0), a @ x - b @ y, atol=1e-8)
    np.testing.assert_allclose(gradient.y.sum(axis=0), b @ y - a @ x, atol=1e-8)


def test_of_a_self_problem_is_zero():
    x = cloud(9, 2)
    for part in sinkhorn_divergence(x, x.copy(), blur=0.3).gradient():
        np.testing.assert_array_equal(part, 0)


def test_float32_points_have_float64_gradients():
    x, y, a, b = example()
    exact = sinkhorn_divergence(x, y, a, b, blur=0.5, solver=PRECISE).gradient()
    rounded = sinkhorn_divergence(
        x.astype("float32"), y.astype("float32"), a, b, blur=0.5, solver=Sinkhorn(tol=1e-6)
    ).gradient()
    for part, expected in zip(rounded, exact, strict=True):
        assert part.dtype == np.float64
        np.testing.assert_allclose(part, expected, atol=1e-5)
