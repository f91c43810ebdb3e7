"""Solutions with prices of the marginals, against a dense oracle of another method."""

import pickle

import numpy as np
import pytest
from problems import PRECISE, cloud, example
from unbalanced_oracle import HARD, Priced, difference_quotients

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, entropic_ot

# Those by the compiled solver are in test_small_family
pytestmark = pytest.mark.usefixtures("by_the_loop")

BLUR = 0.3
REACHES = [0.1, 0.5, 2.0, (0.5, None), (None, 0.5), (0.3, 1.5)]
MASSES = [(1.0, 1.0), (1e-3, 1.0), (30.0, 0.03), (3.0, 3.0)]
BOTH = pytest.mark.parametrize("reach", REACHES, ids=str)


def sides(reach):
    return reach if isinstance(reach, tuple) else (reach, reach)


def prices(reach):
    return tuple(HARD if side is None else side**2 for side in sides(reach))


def problem(masses=(1.0, 1.0), **sizes):
    x, y, a, b = example(**({"n": 9, "m": 12} | sizes))
    return x, y, masses[0] * a, masses[1] * b


def pair(reach, masses=(1.0, 1.0), blur=BLUR, solver=PRECISE, **sizes):
    """The library's solution and the oracle's."""
    args = problem(masses, **sizes)
    solution = entropic_ot(*args, blur=blur, reach=reach, solver=solver)
    return solution, Priced(*args, blur**2, prices(reach))


@pytest.mark.parametrize("masses", MASSES, ids=str)
@BOTH
def test_values_potentials_and_plans_are_those_of_the_oracle(reach, masses):
    solution, dense = pair(reach, masses)
    assert solution.converged
    assert solution.value == pytest.approx(dense.value, rel=1e-10)
    for got, expected in zip((solution.f, solution.g), dense.potentials, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-9)
    np.testing.assert_allclose(
        solution.plan.toarray(), dense.plan, atol=1e-9 * dense.plan.sum(), rtol=0
    )
    assert solution.transport_cost == pytest.approx((dense.plan * dense.C).sum(), rel=1e-9)


@pytest.mark.parametrize("reach", [0.5, (0.3, 1.5)], ids=str)
def test_the_value_is_the_smallest_that_lbfgs_finds_on_the_primal(reach):
    solution, dense = pair(reach, (0.5, 2.0), blur=0.7, n=4, m=5)
    assert solution.value == pytest.approx(dense.minimized(), rel=1e-8)


@pytest.mark.parametrize("acceleration", ["auto", "none", "symmetric"])
@BOTH
def test_all_accelerations_find_the_same_solution(reach, acceleration):
    solver = Sinkhorn(tol=1e-9, max_iter=100_000, acceleration=acceleration)
    solution, dense = pair(reach, (0.2, 1.0), solver=solver)
    assert solution.converged
    assert solution.value == pytest.approx(dense.value, rel=1e-9)
    np.testing.assert_allclose(solution.f, dense.potentials[0], atol=1e-6)


@pytest.mark.filterwarnings("ignore:stopped:sinkhorn_nb.ConvergenceWarning")
@pytest.mark.parametrize("acceleration", ["auto", "none"])
@BOTH
def test_iterations_never_lower_the_dual(reach, acceleration):
    def value(max_iter):
        settings = {"init": "zeros", "acceleration": acceleration, "max_iter": max_iter}
        return pair(reach, (0.5, 2.0), solver=Sinkhorn(tol=1e-12, **settings))[0].value

    values = np.array([value(max_iter) for max_iter in range(1, 8)])
    assert (np.diff(values) >= -1e-13 * np.abs(values).max()).all()
    assert values[0] < values[-1]


@pytest.mark.parametrize("init", ["coarse", "gaussian", "gmm", "subsample", "zeros"])
@pytest.mark.parametrize("reach", [0.3, (None, 0.5)], ids=str)
def test_all_starts_find_the_same_solution(reach, init):
    solver = Sinkhorn(tol=1e-9, init=init)
    solution, dense = pair(reach, (0.2, 1.0), n=40, m=50, solver=solver)
    assert solution.converged
    assert solution.value == pytest.approx(dense.value, rel=1e-9)


def test_the_sorted_start_serves_points_on_a_line():
    solution, dense = pair(0.5, (0.2, 1.0), d=1, solver=Sinkhorn(tol=1e-9, init="sorting"))
    assert solution.value == pytest.approx(dense.value, rel=1e-9)


def test_a_solution_starts_its_own_problem_without_a_step():
    first, dense = pair(0.3, (0.2, 5.0), n=40, m=50)
    again = entropic_ot(
        *problem((0.2, 5.0), n=40, m=50),
        blur=BLUR,
        reach=0.3,
        solver=Sinkhorn(tol=1e-8, init=first),
    )
    assert again.n_iter <= 2
    assert again.value == pytest.approx(dense.value, rel=1e-10)
    given = Sinkhorn(tol=1e-8, init=(np.asarray(first.f), np.asarray(first.g)))
    args = problem((0.2, 5.0), n=40, m=50)
    assert entropic_ot(*args, blur=BLUR, reach=0.3, solver=given).n_iter <= 2


@pytest.mark.parametrize("reach", [0.1, 0.3, 3.0, (0.5, None)], ids=str)
def test_a_solution_of_other_prices_and_masses_starts_a_problem(reach):
    other = entropic_ot(*problem((7.0, 7.0), n=40, m=50), blur=BLUR, solver=PRECISE)
    solution, dense = pair(reach, (0.2, 5.0), n=40, m=50, solver=Sinkhorn(tol=1e-8, init=other))
    assert solution.value == pytest.approx(dense.value, rel=1e-9)
    args = problem((7.0, 7.0), n=40, m=50)
    back = entropic_ot(*args, blur=BLUR, solver=Sinkhorn(tol=1e-8, init=solution))
    assert back.value == pytest.approx(other.value, rel=1e-9)


@BOTH
def test_potentials_and_maps_extend_to_new_points(reach):
    solution, dense = pair(reach, (0.2, 5.0))
    new = cloud(7, 2, shift=-0.3)
    np.testing.assert_allclose(solution.potential(new), dense.at(new), atol=1e-9)
    np.testing.assert_allclose(solution.potential(dense.x), dense.potentials[0], atol=1e-9)
    np.testing.assert_allclose(solution.potential_back(dense.y), dense.potentials[1], atol=1e-9)
    plan = dense.plan
    images = plan @ dense.y / plan.sum(axis=1)[:, None]
    np.testing.assert_allclose(solution.map(), images, atol=1e-9)
    np.testing.assert_allclose(solution.map(dense.x), images, atol=1e-9)
    back = plan.T @ dense.x / plan.sum(axis=0)[:, None]
    np.testing.assert_allclose(solution.map_back(), back, atol=1e-9)


@pytest.mark.parametrize("masses", [(1.0, 1.0), (0.2, 5.0)], ids=str)
@BOTH
def test_gradients_are_difference_quotients_of_the_oracle(reach, masses):
    """An exact side has a derivative in its own weights only if the other side is free."""
    solution, dense = pair(reach, masses, n=4, m=5)
    args, gradient = problem(masses, n=4, m=5), solution.gradient()
    for k, (name, part) in enumerate(zip("xyab", gradient, strict=True)):

        def value(array, k=k):
            changed = [*args[:k], array, *args[k + 1 :]]
            return Priced(*changed, BLUR**2, prices(reach)).value

        expected = difference_quotients(value, args[k], 1e-5 * np.abs(args[k]).max())
        size = np.abs(expected).max()
        np.testing.assert_allclose(part, expected, atol=1e-6 * size, err_msg=name)
    assert dense.value == pytest.approx(solution.value)


def test_a_large_reach_is_balanced_transport():
    args = problem((2.0, 2.0))
    balanced = entropic_ot(*args, blur=BLUR, solver=PRECISE)
    errors = []
    for reach in (1e1, 1e2, 1e3):
        solution = entropic_ot(*args, blur=BLUR, reach=reach, solver=PRECISE)
        errors.append(abs(solution.value - balanced.value))
    assert errors[0] > 50 * errors[1] > 2500 * errors[2]  # as 1 / rho
    np.testing.assert_allclose(solution.plan.toarray(), balanced.plan.toarray(), atol=1e-6)
    np.testing.assert_allclose(solution.gradient().x, balanced.gradient().x, atol=1e-5)


def test_a_small_reach_has_the_plan_of_the_kernel():
    x, y, a, b = problem((0.5, 2.0))
    solution = entropic_ot(x, y, a, b, blur=BLUR, reach=1e-4, solver=PRECISE)
    kernel = np.exp(-Priced(x, y, a, b, 1.0, (1.0, 1.0)).C / BLUR**2)
    plan = np.outer(a, b) * kernel
    np.testing.assert_allclose(solution.plan.toarray(), plan, rtol=1e-5)
    assert solution.value == pytest.approx(BLUR**2 * (1.0 - plan.sum()), rel=1e-5)


@pytest.mark.parametrize("tol", [1e-2, 1e-4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@BOTH
def test_the_certificate_encloses_the_value(reach, dtype, tol):
    solver = Sinkhorn(tol=tol, dtype=dtype, init="zeros")
    solution, dense = pair(reach, (0.2, 5.0), n=40, m=50, solver=solver)
    margin = 1e-12 * abs(dense.value)
    assert abs(solution.value - dense.value) <= solution.gap + margin
    assert solution.gap <= 20 * tol * (abs(dense.value) + BLUR**2 * dense.plan.sum())
    if dtype == "float64":
        assert solution.value <= dense.value + margin


def test_the_certificate_of_two_prices_takes_no_pass():
    solution, _ = pair(0.3, n=40, m=50, solver=Sinkhorn(tol=1e-4, dtype="float64"))
    before = solution.n_passes
    assert solution.gap > 0
    assert solution.n_passes == before


@pytest.mark.parametrize("reach", [0.3, (None, 0.5)], ids=str)
def test_certified_solves_reach_their_gap(reach):
    solution, dense = pair(reach, (0.2, 5.0), solver=Sinkhorn(tol=1e-8, certify=True))
    assert solution.converged
    assert solution.gap <= 1e-8 * abs(solution.value)
    assert solution.value == pytest.approx(dense.value, rel=1e-7)


@BOTH
def test_points_without_weight_and_repeated_points_change_nothing(reach):
    x, y, a, b = problem((0.2, 5.0))
    rows = np.array([0, 0, *range(len(x)), 3])
    parts = np.array([0.0, 0.25, 0.75, *np.ones(len(x) - 1), 0.0]) * a[rows]
    written = entropic_ot(x[rows], y, parts, b, blur=BLUR, reach=reach, solver=PRECISE)
    usual = entropic_ot(x, y, a, b, blur=BLUR, reach=reach, solver=PRECISE)
    assert written.value == pytest.approx(usual.value, rel=1e-12)
    np.testing.assert_allclose(written.f, usual.f[rows], atol=1e-9)
    far = np.concatenate([x, [[9.0, 9.0]]])
    alone = entropic_ot(far, y, np.append(a, 0.0), b, blur=BLUR, reach=reach, solver=PRECISE)
    assert alone.value == pytest.approx(usual.value, rel=1e-12)
    assert alone.f[-1] == pytest.approx(usual.potential([[9.0, 9.0]])[0])
    gradient, plain = alone.gradient(), usual.gradient()
    np.testing.assert_array_equal(gradient.x[-1], 0)
    np.testing.assert_allclose(gradient.a[:-1], plain.a, atol=1e-9)


@BOTH
def test_one_point_on_each_side_has_a_closed_form(reach):
    """With masses p of the plan: C + eps log(p / ab) + rho log(p / a) + rho log(p / b) = 0."""
    (rx, ry), (ma, mb), eps, C = prices(reach), (2.0, 0.5), BLUR**2, 0.125
    if HARD in (rx, ry):
        mass = ma if rx == HARD else mb
    else:
        total = eps + rx + ry
        logs = (eps + rx) * np.log(ma) + (eps + ry) * np.log(mb) - C
        mass = np.exp(logs / total)
    solution = entropic_ot([[0.0]], [[0.5]], [ma], [mb], blur=BLUR, reach=reach, solver=PRECISE)
    assert solution.plan.sum() == pytest.approx(mass, rel=1e-10)
    np.testing.assert_allclose(solution.map(), [[0.5]])


@BOTH
def test_exchanged_measures_have_the_same_bits(reach):
    x, y, a, b = problem((0.2, 5.0), n=40, m=50)
    there = entropic_ot(x, y, a, b, blur=BLUR, reach=reach)
    back = entropic_ot(y, x, b, a, blur=BLUR, reach=sides(reach)[::-1])
    assert there.value == back.value
    np.testing.assert_array_equal(there.f, back.g)
    assert there.gap == back.gap


@pytest.mark.parametrize("factor", [1e-3, 7.0, 1e3])
@BOTH
def test_masses_do_not_enter_the_iterations(reach, factor):
    x, y, a, b = problem(n=40, m=50)
    one = entropic_ot(x, y, a, b, blur=BLUR, reach=reach)
    many = entropic_ot(x, y, factor * a, b / factor, blur=BLUR, reach=reach)
    assert many.n_iter == one.n_iter
    assert many.marginal_error == pytest.approx(one.marginal_error, rel=1e-6)


def test_rho_and_eps_are_reach_and_blur_in_units_of_cost():
    args = problem((0.2, 5.0))
    by_length = entropic_ot(*args, blur=BLUR, reach=(0.5, None))
    by_cost = entropic_ot(*args, eps=BLUR**2, rho=(0.25, None))
    assert by_cost.value == by_length.value
    assert entropic_ot(*args, blur=BLUR, rho=0.25).value == pytest.approx(
        entropic_ot(*args, blur=BLUR, reach=(0.5, 0.5)).value, rel=1e-14
    )


def bad(match, kind=ValueError, masses=(1.0, 1.0), **settings):
    with pytest.raises(kind, match=match):
        entropic_ot(*problem(masses), **({"blur": BLUR} | settings))


@pytest.mark.parametrize("reach", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", ["reach", "rho"])
def test_a_price_must_be_positive_and_finite(name, reach):
    bad(rf"{name}: expected a (finite )?number > 0", **{name: reach})
    bad(rf"{name}\[1\]: expected a (finite )?number > 0", **{name: (1.0, reach)})


@pytest.mark.parametrize("reach", [1e-300, 1e-102, 1e12, 1e300, (None, 1e12)], ids=str)
def test_prices_beyond_all_others_are_named(reach):
    bad("reach: expected a (price|length)", reach=reach)


def test_a_price_is_given_once():
    bad("reach", kind=TypeError, reach=1.0, rho=1.0)
    bad("blur", kind=TypeError, eps=1.0)
    bad("blur", kind=TypeError, blur=None)


def test_prices_are_a_number_or_a_pair():
    bad("reach: expected a number, or a pair", kind=TypeError, reach=(1.0, 2.0, 3.0))
    bad("reach", kind=TypeError, reach="far")


def test_unequal_masses_need_a_reach_and_the_message_says_so():
    bad("to compare probabilities, or pass reach", masses=(1.0, 2.0))


@pytest.mark.parametrize("name", ["sinkhorn_divergence", "sinkhorn_divergences"])
def test_divergences_refuse_a_pair_of_prices(name):
    x, y, a, b = problem()
    args = (x, y, a, b) if name == "sinkhorn_divergence" else ([x], [y], [a], [b])
    for price in ({"reach": (1.0, None)}, {"rho": (1.0, 2.0)}):
        with pytest.raises(TypeError, match="expected one number for both sides of a divergence"):
            getattr(snb, name)(*args, blur=BLUR, **price)


def test_pickled_solutions_keep_their_prices():
    solution, _ = pair((0.3, 1.5), (0.2, 5.0))
    copy = pickle.loads(pickle.dumps(solution))
    assert copy.value == solution.value
    np.testing.assert_array_equal(copy.plan.toarray(), solution.plan.toarray())
