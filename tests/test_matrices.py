"""Transport with costs from a matrix, against dense oracles and the same problem between points."""

import pickle

import numpy as np
import pytest
from oracle import Dense, costs
from problems import PRECISE
from unbalanced_oracle import HARD, Priced, difference_quotients

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, entropic_ot_matrix, sinkhorn_divergence_matrix

EPS = 0.02


def clouds(n=19, m=23, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.random((n, 2)), 0.8 * rng.random((m, 2)) + 0.1
    a, b = rng.random(n) + 0.1, rng.random(m) + 0.1
    return x, y, a / a.sum(), b / b.sum()


def graph(n=19, m=23):
    """Costs that are no function of a distance, and weights."""
    rng = np.random.default_rng(5)
    return rng.random((n, m)) - 0.3, *clouds(n, m)[2:]


def sparse(n=19, m=23, share=0.4):
    """The same, where some pairs are forbidden."""
    C, a, b = graph(n, m)
    return np.where(np.random.default_rng(1).random(C.shape) < share, np.inf, C), a, b


def dense_of(C, a, b, eps=EPS, rho=None):
    """The oracle for a matrix."""
    n, m = C.shape
    points = np.empty((n, 0)), np.empty((m, 0))
    if rho is None:
        oracle = Dense(*points, a, b, np.sqrt(eps))
    else:
        sides = rho if isinstance(rho, tuple) else (rho, rho)
        prices = tuple(HARD if side is None else side for side in sides)
        oracle = Priced(*points, a, b, eps, prices)
    vars(oracle)["C"] = np.where(np.isinf(C), 30.0, C)  # e^-1500 is zero
    return oracle


@pytest.mark.parametrize("rho", [None, 0.3, (0.2, None), (None, 1.0)], ids=str)
@pytest.mark.parametrize("make", [graph, sparse])
def test_values_potentials_and_plans_are_those_of_the_oracle(make, rho):
    C, a, b = make()
    a = a if rho is None else 2 * a
    solution = entropic_ot_matrix(C, a, b, eps=EPS, rho=rho, solver=PRECISE)
    oracle = dense_of(C, a, b, rho=rho)
    assert solution.converged
    assert solution.value == pytest.approx(oracle.value, rel=1e-9)
    np.testing.assert_allclose(solution.plan.toarray(), oracle.plan, atol=1e-9)
    paid = (oracle.plan * np.where(np.isinf(C), 0, C)).sum()
    assert solution.transport_cost == pytest.approx(paid, rel=1e-8)
    if rho is not None:
        np.testing.assert_allclose(solution.f, oracle.potentials[0], atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_matrix_of_a_cloud_gives_the_results_of_its_points(order, dtype):
    x, y, a, b = clouds(300, 280)
    C = np.array(costs(x, y), order=order, dtype=dtype)
    solver = Sinkhorn(tol=1e-7)
    matrix = entropic_ot_matrix(C, a, b, eps=EPS, solver=solver)
    points = snb.entropic_ot(x, y, a, b, eps=EPS, solver=solver)
    assert matrix.value == pytest.approx(points.value, rel=1e-6)
    np.testing.assert_allclose(matrix.plan @ y, points.plan @ y, atol=1e-6)
    np.testing.assert_allclose(matrix.plan.T @ x, points.plan.T @ x, atol=1e-6)
    np.testing.assert_allclose(matrix.plan.sum(axis=0), b, atol=1e-6)
    np.testing.assert_array_equal(matrix.plan.topk(2).indices, points.plan.topk(2).indices)
    assert matrix.f.dtype == np.float64


def test_a_file_that_is_mapped_read_only_is_read_in_place(tmp_path):
    C, a, b = graph()
    np.save(tmp_path / "C.npy", C)
    mapped = np.load(tmp_path / "C.npy", mmap_mode="r")
    solution = entropic_ot_matrix(mapped, a, b, eps=EPS)
    assert np.shares_memory(solution.problem.cost.costs, mapped)
    assert solution.value == entropic_ot_matrix(C, a, b, eps=EPS).value


def test_a_matrix_in_float64_is_not_measured_twice_at_any_potentials():
    C, a, b = graph(300, 270)
    history = entropic_ot_matrix(C, a, b, eps=0.05, solver=Sinkhorn(tol=1e-8)).history
    assert len(set(history.tolist())) == len(history)


def test_scattered_entries_and_integers_are_copied():
    C, a, b = graph()
    wide = np.repeat(np.repeat(C, 2, axis=0), 2, axis=1)
    expected = entropic_ot_matrix(C, a, b, eps=EPS).value
    assert entropic_ot_matrix(wide[::2, ::2], a, b, eps=EPS).value == expected
    assert entropic_ot_matrix([[0, 2], [2, 0]], eps=0.1).value == pytest.approx(
        0.1 * np.log(2), rel=1e-6
    )


def test_forbidden_pairs_have_no_mass_at_all():
    C, a, b = sparse()
    solution = entropic_ot_matrix(C, a, b, eps=EPS)
    plan = solution.plan
    assert (plan.toarray()[np.isinf(C)] == 0).all()
    assert np.isfinite(C[tuple(plan.sample(500, random_state=0))]).all()
    assert solution.gap == np.inf  # the missing mass may be that of forbidden pairs


def test_weights_of_zero_are_inert_and_may_have_no_allowed_pair():
    C, a, b = graph()
    padded = np.pad(C, ((0, 2), (0, 1)), constant_values=np.inf)
    solution = entropic_ot_matrix(padded, [*a, 0, 0], [*b, 0], eps=EPS, solver=PRECISE)
    expected = entropic_ot_matrix(C, a, b, eps=EPS, solver=PRECISE)
    assert solution.value == pytest.approx(expected.value, rel=1e-9)
    np.testing.assert_allclose(solution.f[:-2], expected.f, atol=1e-9)
    assert (solution.plan.toarray()[-2:] == 0).all()
    finite = np.pad(C, ((0, 1), (0, 0)), constant_values=0.5)
    extended = entropic_ot_matrix(finite, [*a, 0], b, eps=EPS, solver=PRECISE)
    logs = (extended.g - 0.5) / EPS + np.log(b)
    assert extended.f[-1] == pytest.approx(-EPS * np.log(np.exp(logs).sum()), abs=1e-9)


@pytest.mark.parametrize("rho", [None, 0.3], ids=str)
def test_gradients_in_the_weights_and_in_the_costs_are_difference_quotients(rho):
    C, a, b = graph(5, 6)

    def value(C=C, a=a, b=b):
        return entropic_ot_matrix(C, a, b, eps=0.1, rho=rho, solver=Sinkhorn(tol=1e-11)).value

    solution = entropic_ot_matrix(C, a, b, eps=0.1, rho=rho, solver=PRECISE)
    gradient = solution.gradient()
    quotients = difference_quotients(lambda C: value(C=C), C, 1e-5)
    np.testing.assert_allclose(solution.plan.toarray(), quotients, atol=1e-6)
    assert gradient.x.shape == (5, 0)
    assert gradient.y.shape == (6, 0)
    directions = np.eye(5) if rho else np.eye(5) - np.roll(np.eye(5), 1, axis=0)
    for da in directions:
        quotient = (value(a=a + 1e-5 * da) - value(a=a - 1e-5 * da)) / 2e-5
        assert gradient.a @ da == pytest.approx(quotient, abs=1e-6)


@pytest.mark.parametrize("rho", [None, 0.3], ids=str)
def test_implicit_derivatives_in_the_weights_are_those_of_the_points(rho):
    x, y, a, b = clouds()
    rng = np.random.default_rng(2)
    on_f, on_g, U, V = (
        rng.normal(size=19),
        rng.normal(size=23),
        *map(rng.random, ((19, 2), (23, 2))),
    )
    how = {"eps": EPS, "rho": rho, "solver": PRECISE}
    matrix = entropic_ot_matrix(costs(x, y), a, b, **how)
    points = snb.entropic_ot(x, y, a, b, **how)
    got, expected = (s.pullback(f=on_f, g=on_g, plan=(U, V), tol=1e-9) for s in (matrix, points))
    np.testing.assert_allclose(got.a, expected.a, atol=1e-6)
    np.testing.assert_allclose(got.b, expected.b, atol=1e-6)
    moved, as_points = (s.pushforward(a=on_f - on_f.mean(), tol=1e-9) for s in (matrix, points))
    np.testing.assert_allclose(moved.g, as_points.g, atol=1e-6)


def test_a_symmetric_matrix_with_equal_weights_is_a_self_problem():
    x, _, a, _ = clouds()
    C = costs(x, x)
    solution = entropic_ot_matrix(np.asfortranarray(C), a, a, eps=EPS, solver=PRECISE)
    assert solution.problem.is_self
    assert solution.n_passes == solution.n_iter / 2
    np.testing.assert_array_equal(solution.f, solution.g)
    assert solution.value == pytest.approx(dense_of(C, a, a).value, rel=1e-9)
    assert not entropic_ot_matrix(C + np.triu(C), a, a, eps=EPS).problem.is_self


@pytest.mark.parametrize("rho", [None, 0.3], ids=str)
def test_divergences_are_those_of_the_points(rho):
    x, y, a, b = clouds()
    a = a if rho is None else 2 * a
    how = {"eps": EPS, "rho": rho, "solver": PRECISE}
    C = costs(x, y), np.asfortranarray(costs(x, x)), costs(y, y)
    matrix = sinkhorn_divergence_matrix(*C, a, b, **how)
    points = snb.sinkhorn_divergence(x, y, a, b, **how)
    assert matrix.value == pytest.approx(points.value, rel=1e-8)
    np.testing.assert_allclose(matrix.gradient().a, points.gradient().a, atol=1e-7)
    np.testing.assert_allclose(matrix.gradient().b, points.gradient().b, atol=1e-7)
    np.testing.assert_allclose(matrix.potentials[0], points.potentials[0], atol=1e-7)
    np.testing.assert_allclose(matrix.yy.plan.toarray(), points.yy.plan.toarray(), atol=1e-8)


def test_the_divergence_of_a_measure_from_itself_is_zero():
    x, _, a, _ = clouds()
    C = costs(x, x)
    assert sinkhorn_divergence_matrix(C, C, C.copy(order="F"), a, a, eps=EPS).value == 0.0
    assert sinkhorn_divergence_matrix(C, C, C, a, a[::-1], eps=EPS).value > 0


def test_results_start_similar_problems_by_index():
    x, y, a, b = clouds(60, 50)
    C = costs(x, y), costs(x, x), costs(y, y)
    first = sinkhorn_divergence_matrix(*C, a, b, eps=EPS)
    later = [1.05 * own for own in C]
    cold = sinkhorn_divergence_matrix(*later, a, b, eps=EPS)
    warm = sinkhorn_divergence_matrix(*later, a, b, eps=EPS, solver=Sinkhorn(init=first))
    assert warm.n_passes < 0.7 * cold.n_passes
    assert warm.value == pytest.approx(cold.value, rel=1e-4)
    again = entropic_ot_matrix(C[0], a, b, eps=EPS, solver=Sinkhorn(init=first.xy))
    assert again.n_iter <= 2
    with pytest.raises(ValueError, match="expected a solution for a 60 x 50 matrix"):
        entropic_ot_matrix(
            C[0], a, b, eps=EPS, solver=Sinkhorn(init=snb.entropic_ot(x, y, blur=0.3))
        )
    with pytest.raises(ValueError, match="expected a solution between points like the data"):
        snb.entropic_ot(x, y, blur=0.3, solver=Sinkhorn(init=first.xy))


@pytest.mark.parametrize("init", ["zeros", "coarse", "subsample"])
def test_every_start_that_serves_a_matrix_gives_the_same_solution(init):
    C, a, b = graph(300, 270)
    expected = entropic_ot_matrix(C, a, b, eps=0.05, solver=PRECISE).value
    solver = Sinkhorn(tol=1e-8, init=init)
    assert entropic_ot_matrix(C, a, b, eps=0.05, solver=solver).value == pytest.approx(
        expected, rel=1e-9
    )


def test_starts_for_points_are_refused():
    with pytest.raises(ValueError, match=r'Gaussian.*take init="auto"'):
        entropic_ot_matrix(graph()[0], eps=EPS, solver=Sinkhorn(init="gaussian"))


def test_what_needs_points_is_refused_with_what_needs_none():
    solution = entropic_ot_matrix(graph()[0], eps=EPS)
    for ask in (
        solution.map,
        solution.map_back,
        lambda: solution.potential(np.zeros((1, 2))),
        lambda: solution.pullback(map=np.ones((19, 2))),
        lambda: solution.pushforward(x=np.ones((19, 2))),
        solution.hessian_vector_product,
    ):
        with pytest.raises(ValueError, match=r"indices.* plan @ values"):
            ask()


def test_solutions_are_pickled_and_shown_without_a_dimension():
    solution = entropic_ot_matrix(*graph(), eps=EPS)
    again = pickle.loads(pickle.dumps(solution))
    np.testing.assert_array_equal(again.plan.row(3), solution.plan.row(3))
    assert "n=19, m=23, eps=0.02" in repr(solution)


def test_a_temperature_far_below_the_costs_is_named():
    C, a, b = graph()
    solver = Sinkhorn(max_iter=3, init="zeros")
    with pytest.warns(snb.ConvergenceWarning, match="eps=1e-09 is .* range of the costs"):
        entropic_ot_matrix(C, a, b, eps=1e-9, solver=solver)


C = graph()[0]


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ({"C": np.where(C > 0.6, np.nan, C)}, ValueError, r"got nan at index .*replace them"),
        ({"C": np.where(C > 0.6, -np.inf, C)}, ValueError, r"got -inf at index"),
        ({"C": C[0]}, ValueError, r"\(n, m\) matrix of costs.*got shape \(23,\)"),
        ({"C": C.astype(complex)}, TypeError, "real and imaginary"),
        ({"C": np.vstack([C, np.full(23, np.inf)])}, ValueError, "only inf in row 19.*in a to 0"),
        (
            {"C": np.hstack([C, np.full((19, 1), np.inf)])},
            ValueError,
            "only inf in column 23.*in b to 0",
        ),
        ({"C": C, "eps": 0}, ValueError, "eps: expected a finite number > 0"),
        ({"C": C, "eps": 1e-40}, ValueError, "eps: expected at least 1e-30 of the range of the c"),
        (
            {"C": np.where(np.eye(19, 23) > 0, 1e40, C)},
            ValueError,
            r"range of the costs, which is 1e\+40, .*or inf in C for pairs that are not allowed",
        ),
        ({"C": C, "a": np.ones(3)}, ValueError, "a: expected 19 weights"),
        ({"C": C, "a": np.ones(19)}, ValueError, "b: expected the total mass of a"),
        ({"C": C, "rho": -1}, ValueError, "rho: expected a finite number > 0"),
        ({"C": C, "solver": "fast"}, TypeError, "solver: expected a Sinkhorn"),
        ({"C": C, "reg": 0.1}, TypeError, "reg: .*pass eps=.*POT for the same matrix"),
        ({"C": C, "blur": 0.1}, TypeError, "blur: .*pass eps, the temperature"),
        ({"C": C, "reach": 0.1}, TypeError, "reach: .*pass rho"),
        ({"C": C, "stopThr": 0.1}, TypeError, r"stopThr: .*Sinkhorn\(tol=...\)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_named_with_the_cure(changes, kind, text):
    with pytest.raises(kind, match=text):
        entropic_ot_matrix(**({"eps": EPS} | changes))


def test_bad_matrices_of_a_divergence_are_named():
    x, y, *_ = clouds()
    cross, of_x, of_y = costs(x, y), costs(x, x), costs(y, y)
    with pytest.raises(ValueError, match=r"C_xx: expected a symmetric matrix.*C_xx.T\) / 2"):
        sinkhorn_divergence_matrix(cross, of_x + np.triu(of_x, 1), of_y, eps=EPS)
    with pytest.raises(ValueError, match=r"C_yy: expected shape \(23, 23\).*got \(19, 23\)"):
        sinkhorn_divergence_matrix(cross, of_x, cross, eps=EPS)
    with pytest.raises(ValueError, match=r"eps: expected at least 1e-30 .* or inf in C_xy"):
        sinkhorn_divergence_matrix(cross, of_x, of_y, eps=1e-40)
    with pytest.raises(TypeError, match="rho: expected one number"):
        sinkhorn_divergence_matrix(cross, of_x, of_y, eps=EPS, rho=(1, 2))
    with pytest.raises(ValueError, match=r"C_yy: .*only inf in row 0"):
        sinkhorn_divergence_matrix(cross, of_x, np.full((23, 23), np.inf), eps=EPS)
