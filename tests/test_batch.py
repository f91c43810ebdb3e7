"""Many divergences at once are the same as in single calls, for any other pairs in the call."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Dense
from problems import example
from strategies import pairs

import sinkhorn_nb as snb
from sinkhorn_nb.backends.cpu import small_problems
from sinkhorn_nb.measures.clouds import Clouds, Named
from sinkhorn_nb.solver import small

TOL = 1e-9
PRECISE = snb.Sinkhorn(tol=TOL)
SIZES = [(1, 1), (1, 30), (30, 1), (23, 31), (29, 7), (7, 29), (17, 17)]


def together(sizes=SIZES, blur=0.3, solver=PRECISE, **kwargs):
    """The arguments of each pair, and the divergences."""
    cases = [example(n, m, **kwargs) for n, m in sizes]
    xs, ys, a, b = map(list, zip(*cases, strict=True))
    return cases, snb.sinkhorn_divergences(xs, ys, a, b, blur=blur, solver=solver)


def exact(x, y, a, b, blur):
    """S_eps."""
    cross, *own = (
        Dense.of(*of, blur=blur).value for of in ((x, y, a, b), (x, x, a, a), (y, y, b, b))
    )
    return cross - sum(own) / 2


@pytest.mark.parametrize("kwargs", [{}, {"mass": 3.0}, {"zeros": 1}, {"d": 1}, {"d": 9}, {"d": 30}])
def test_values_are_exact(kwargs):
    sizes = [(max(n, 2), max(m, 2)) for n, m in SIZES]
    cases, divergences = together(sizes, **kwargs)
    assert divergences.converged.all()
    np.testing.assert_allclose(
        divergences.value, [exact(*case, 0.3) for case in cases], rtol=1e-8, atol=1e-11
    )


def test_arrays_are_those_of_the_items():
    _, divergences = together(solver=snb.Sinkhorn())
    assert len(divergences) == len(SIZES) == len(list(divergences))
    for name, kind in (
        ("value", "f"),
        ("converged", "b"),
        ("n_iter", "i"),
        ("n_passes", "f"),
        ("marginal_error", "f"),
    ):
        array = getattr(divergences, name)
        assert array.dtype.kind == kind
        assert array.tolist() == [getattr(divergence, name) for divergence in divergences]
    assert divergences[-1] is divergences[len(SIZES) - 1]
    assert divergences[1:3].value.tolist() == divergences.value[1:3].tolist()
    assert pickle.loads(pickle.dumps(divergences)).value.tolist() == divergences.value.tolist()


def test_items_answer_as_single_divergences():
    cases, divergences = together([(23, 31), (40, 20)])
    for case, divergence in zip(cases, divergences, strict=True):
        alone = snb.sinkhorn_divergence(*case, blur=0.3, solver=PRECISE)
        for got, expected in zip(divergence.gradient(), alone.gradient(), strict=True):
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-7)
        np.testing.assert_allclose(divergence.xy.plan.toarray(), alone.xy.plan.toarray(), atol=1e-9)
        np.testing.assert_allclose(divergence.xy.f, alone.xy.f, atol=1e-7)


def test_marginal_error_is_the_true_one():
    cases, divergences = together(solver=snb.Sinkhorn(tol=1e-3))
    for (_, _, a, b), divergence in zip(cases, divergences, strict=True):
        P = divergence.xy.plan.toarray()
        true = max(np.abs(P.sum(axis=1) - a).sum(), np.abs(P.sum(axis=0) - b).sum())
        assert divergence.xy.marginal_error == pytest.approx(true, rel=1e-6, abs=1e-12)
        assert true <= 1e-3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_in_any_company_the_same_bits(dtype):
    cases, divergences = together(solver=snb.Sinkhorn(dtype=dtype))
    for (x, y, a, b), value, n_passes in zip(
        cases, divergences.value, divergences.n_passes, strict=True
    ):
        alone = snb.sinkhorn_divergences(
            [x], [y], [a], [b], blur=0.3, solver=snb.Sinkhorn(dtype=dtype)
        )
        assert (alone.value[0], alone.n_passes[0]) == (value, n_passes)
        turned = snb.sinkhorn_divergences(
            [y], [x], [b], [a], blur=0.3, solver=snb.Sinkhorn(dtype=dtype)
        )
        assert turned.value[0] == value
        np.testing.assert_array_equal(turned[0].potentials[0], alone[0].potentials[1])


def test_panels_are_of_no_consequence(monkeypatch):
    _, at_once = together(solver=snb.Sinkhorn())
    monkeypatch.setattr(small_problems, "PAIRS_A_PANEL", 40)
    _, in_panels = together(solver=snb.Sinkhorn())
    assert in_panels.value.tolist() == at_once.value.tolist()


def test_a_blur_beyond_all_rounding_is_no_number_less():
    """It cannot converge, and says so."""
    x, y = np.array([[0.0], [1.0], [5.0]]), np.array([[0.0], [2.0], [4.0]])
    with pytest.warns(snb.ConvergenceWarning):
        (divergence,) = snb.sinkhorn_divergences(
            [x], [y], blur=1e-7, solver=snb.Sinkhorn(max_iter=200)
        )
    assert not divergence.converged
    assert np.isfinite(divergence.value)


@pytest.mark.parametrize("blur", [1e-6, 1e-3, 1e30])
def test_blurs_far_from_the_points(blur):
    x, y = np.array([[0.0], [1.0], [5.0]]), np.array([[0.0], [2.0], [4.0]])
    (divergence,) = snb.sinkhorn_divergences([x], [y], blur=blur)
    alone = snb.sinkhorn_divergence(x, y, blur=blur)
    assert divergence.converged
    assert divergence.value == pytest.approx(float(alone), rel=1e-6)


def test_a_measure_and_itself():
    x, _, a, _ = example(40)
    order = np.random.default_rng(0).permutation(40)
    divergences = snb.sinkhorn_divergences([x, x], [x, x[order]], [a, a], [a, a[order]], blur=0.1)
    assert divergences.value.tolist() == [0.0, 0.0]
    np.testing.assert_allclose(divergences[1].gradient().x, 0.0, atol=1e-12)


def test_a_measure_in_several_pairs_is_compared_with_itself_once():
    x, y, *_ = example()
    divergences = snb.sinkhorn_divergences([x, x, y], [y, y + 1.0, x], blur=0.3)
    assert divergences[0].xx is divergences[1].xx is divergences[2].yy
    assert divergences[0].yy is divergences[2].xx
    assert divergences.value[0] == divergences.value[2]


def test_stacked_arrays():
    x, y = np.random.default_rng(0).normal(size=(2, 5, 30, 2))
    stacked, listed = (
        snb.sinkhorn_divergences(x, y, blur=0.3),
        snb.sinkhorn_divergences(list(x), list(y), blur=0.3),
    )
    assert stacked.value.tolist() == listed.value.tolist()
    weights = np.full((5, 30), 1 / 30)
    assert snb.sinkhorn_divergences(x, y, weights, weights, blur=0.3).value == pytest.approx(
        stacked.value, rel=1e-12
    )
    with_one = snb.sinkhorn_divergences(x, y, [None, *weights[1:]], blur=0.3)
    assert with_one.value == pytest.approx(stacked.value, rel=1e-12)


def test_clouds_of_different_dimensions_and_precisions():
    cases = [
        example(20, 25, 2),
        example(25, 20, 7),
        tuple(z.astype(np.float32) for z in example(20, 25, 2)),
    ]
    xs, ys, a, b = map(list, zip(*cases, strict=True))
    divergences = snb.sinkhorn_divergences(xs, ys, a, b, blur=0.3)
    assert [d.xy.dtype for d in divergences] == ["float64", "float64", "float64"]
    singles = [float(snb.sinkhorn_divergence(*case, blur=0.3)) for case in cases]
    np.testing.assert_allclose(divergences.value, singles, rtol=1e-4)


def hard():
    """Clusters of other masses on both sides, far apart: plain Sinkhorn needs thousands of passes."""
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    clouds = (
        centers[rng.choice(3, 120, p=p)] + 0.2 * rng.normal(size=(120, 2))
        for p in ([0.6, 0.3, 0.1], [0.2, 0.3, 0.5])
    )
    return tuple(clouds)


def test_those_given_up_are_solved_all_the_same(monkeypatch):
    x, y = hard()
    expected = snb.sinkhorn_divergence(x, y, blur=0.15, solver=PRECISE)
    monkeypatch.setattr(small, "MOST", 7)
    (divergence,) = snb.sinkhorn_divergences([x], [y], blur=0.15, solver=PRECISE)
    assert divergence.converged
    assert divergence.value == pytest.approx(expected.value, rel=1e-9)
    assert divergence.xy.n_passes > 2 * 7


@pytest.mark.parametrize(
    "settings", [{"init": "zeros"}, {"acceleration": "none"}, {"certify": True}]
)
def test_other_settings_are_those_of_single_calls(settings):
    solver = snb.Sinkhorn(**settings)
    cases, divergences = together([(23, 31), (12, 9)], solver=solver)
    singles = [float(snb.sinkhorn_divergence(*case, blur=0.3, solver=solver)) for case in cases]
    assert divergences.value.tolist() == singles


def test_large_clouds_are_solved_one_by_one(monkeypatch):
    monkeypatch.setattr(small, "LARGEST", 500)
    monkeypatch.setattr(small, "LARGEST_STARTED", 500)
    cases, divergences = together([(23, 31), (12, 9)], solver=snb.Sinkhorn())
    alone = snb.sinkhorn_divergence(*cases[0], blur=0.3)
    assert (divergences[0].xy.value, divergences[0].xy.n_passes) == (
        alone.xy.value,
        alone.xy.n_passes,
    )
    assert divergences[1].xy.n_passes % 1 == 0  # no coarse start


def test_iterations_and_kernels_count_as_passes():
    _, divergences = together([(23, 31), (12, 9)])
    for divergence in divergences:
        # One kernel, and no temperature above
        assert divergence.xx.n_passes == divergence.xx.n_iter / 2 + 1
        assert divergence.xy.n_iter < divergence.xy.n_passes < divergence.xy.n_iter + 20


def test_one_warning_for_all():
    solver = snb.Sinkhorn(tol=1e-12, max_iter=2)
    with pytest.warns(snb.ConvergenceWarning, match="stopped at max_iter") as caught:
        _, divergences = together(solver=solver)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert not divergences.converged[3]
    assert divergences.n_iter.max() <= 2


def test_the_iteration_limit_is_for_both_loops(monkeypatch):
    monkeypatch.setattr(small, "MOST", 3)
    x, y = hard()
    with pytest.warns(snb.ConvergenceWarning):
        (divergence,) = snb.sinkhorn_divergences(
            [x], [y], blur=0.15, solver=snb.Sinkhorn(tol=1e-9, max_iter=8)
        )
    assert divergence.xy.n_iter == len(divergence.xy.history) == 8


def test_a_mixed_iterate_of_lower_dual_is_given_up():
    """The dual value at the iterates that follow each other does not fall, up to one that is given
    up at once.
    """
    x, y = hard()
    for tol in (1e-4, 1e-8):
        (divergence,) = snb.sinkhorn_divergences([x], [y], blur=0.5, solver=snb.Sinkhorn(tol=tol))
        assert divergence.xy.history.min() <= tol


@given(st.lists(pairs(), min_size=1, max_size=4))
def test_any_problems(problems):
    """Whatever is solved together, at whatever blurs."""
    blurs = [p.blur for p in problems]
    xs, ys, a, b = map(list, zip(*(p[:4] for p in problems), strict=True))
    scaled = [[z / blur for z, blur in zip(clouds, blurs, strict=True)] for clouds in (xs, ys)]
    divergences = snb.sinkhorn_divergences(*scaled, a, b, blur=1.0, solver=PRECISE)
    assert divergences.converged.all()
    for *case, value in zip(*scaled, a, b, divergences.value, strict=True):
        x, y, p, q = case
        size = p.sum() * ((np.ptp(np.concatenate([x, y]), axis=0) ** 2).sum() + 1)
        assert value == pytest.approx(exact(x, y, p, q, 1.0), abs=2 * TOL * p.sum() + 1e-12 * size)


X = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((3.0, [X]), TypeError, "xs: expected a list of arrays, one per pair, got float; pass"),
        (([], []), ValueError, "xs: expected at least one array, got none; pass data"),
        (([X], [X, X]), ValueError, "ys: expected 1 arrays like xs, got 2; pass one for each pair"),
        (([X, X], [X, X], [None]), ValueError, "a: expected 2 arrays like xs, got 1"),
        (
            ([X, X[0]], [X, X]),
            ValueError,
            "xs[1]: expected an (n, d) array of points, got shape (2,)",
        ),
        (
            ([X, X], [X, X[:, :1]]),
            ValueError,
            "ys[1]: expected points in dimension 2 like xs[1], got dimension 1",
        ),
        (
            ([X], [X], [np.ones(2)]),
            ValueError,
            "a[0]: expected 3 weights, one per point, got shape (2,)",
        ),
        (
            ([X], [X], [np.ones(3)], [2 * np.ones(3)]),
            ValueError,
            "b[0]: expected the total mass of a[0] (3), got 6",
        ),
    ],
)
def test_bad_input(arguments, error, text):
    with pytest.raises(error) as caught:
        snb.sinkhorn_divergences(*arguments, blur=0.1)
    assert text in str(caught.value)


def test_bad_blur():
    with pytest.raises(ValueError, match="blur: expected a length"):
        snb.sinkhorn_divergences([X], [X], blur=-1.0)


def test_inputs_are_left_alone():
    cases, _ = together(solver=snb.Sinkhorn())
    for case, again in zip(cases, [example(n, m) for n, m in SIZES], strict=True):
        for got, expected in zip(case, again, strict=True):
            np.testing.assert_array_equal(got, expected)


def test_uniform_weights_have_the_mass_of_their_exact_sum():
    """One product takes the place of the sum, and must be rounded as it is."""
    sizes = [1, 3, 10, 49, 1000]
    points = [np.zeros((n, 1)) for n in sizes]
    clouds, _ = Clouds.of([Named("x", x, "a", None) for x in points])
    expected = [math.fsum([1 / n] * n) for n in sizes]
    assert clouds.masses.tolist() == expected
    assert clouds.masses[3] != 1.0
