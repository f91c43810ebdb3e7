"""Bad input gives an error that names the argument, what was expected, what came and what to do."""

import re

import numpy as np
import pytest
from problems import cloud, weights

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence

X, Y, A, B = cloud(5, 2), cloud(4, 2), weights(5), weights(4)

BAD_POINTS = {
    "nan": (np.array([[0.0, np.nan]]), ValueError, "nan"),
    "inf": (np.array([[0.0, 1.0], [-np.inf, 0.0]]), ValueError, "-inf"),
    "no points": (np.zeros((0, 2)), ValueError, r"\(0, 2\)"),
    "no coordinates": (np.zeros((3, 0)), ValueError, r"\(3, 0\)"),
    "empty list": ([], ValueError, r"\(0,\)"),
    "number": (3.0, ValueError, r"\(\)"),
    "1-d": (np.zeros(3), ValueError, r"reshape\(-1, 1\)"),
    "3-d": (np.zeros((3, 2, 1)), ValueError, r"\(3, 2, 1\)"),
    "complex": (np.zeros((3, 2), dtype=complex), TypeError, "complex"),
    "strings": ([["a", "b"]], TypeError, "<U1"),
    "digits": ([["1", "2"]], TypeError, "<U1"),
    "dates": (np.zeros((3, 2), dtype="datetime64[s]"), TypeError, "datetime64"),
    "ragged": ([[0.0, 1.0], [2.0]], ValueError, "different lengths"),
    "objects": (np.array([[object(), 1.0]]), TypeError, "not numbers"),
    "None inside": (np.array([[None, 1.0], ["a", 2.0]], dtype=object), TypeError, "not numbers"),
    "None": (None, ValueError, r"\(\)"),
    "dict": ({"x": 1}, TypeError, "dict"),
}

BAD_WEIGHTS = {
    "negative": ([0.5, -0.1, 0.6, 0, 0], ValueError, "-0.1 at index 1"),
    "nan": ([0.5, np.nan, 0.5, 0, 0], ValueError, "nan"),
    "inf": ([0.5, np.inf, 0.5, 0, 0], ValueError, "inf"),
    "too few": ([0.5, 0.5], ValueError, r"\(2,\)"),
    "too many": (np.full(6, 1 / 6), ValueError, r"\(6,\)"),
    "2-d": (np.full((5, 1), 0.2), ValueError, r"\(5, 1\)"),
    "number": (1.0, ValueError, r"\(\)"),
    "all zero": (np.zeros(5), ValueError, "all zeros"),
    "overflow": (np.full(5, 1e308), ValueError, "inf"),
    "product overflows": (np.full(5, 1e150), ValueError, r"5e\+150"),
    "complex": (np.full(5, 0.2 + 0j), TypeError, "complex"),
    "strings": (["a"] * 5, TypeError, "<U1"),
}

BAD_BLURS = {
    "zero": (0, ValueError),
    "negative": (-0.1, ValueError),
    "nan": (float("nan"), ValueError),
    "inf": (float("inf"), ValueError),
    "square underflows": (1e-200, ValueError),
    "square overflows": (1e200, ValueError),
    "too small for the points": (1e-60, ValueError),
    "no float": (10**400, ValueError),
    "string": ("0.1", TypeError),
    "list": ([0.1], TypeError),
    "array": (np.array([0.1]), TypeError),
    "array of a string": (np.array("0.1"), TypeError),
    "array of a complex": (np.array(0.1 + 1j), TypeError),
    "array of a bool": (np.array(True), TypeError),
    "complex": (0.1j, TypeError),
    "bool": (True, TypeError),
    "None": (None, TypeError),
}


def rejects(error, name, found=""):
    """name: expected ..., got ...; what to do."""
    return pytest.raises(
        error, match=re.compile(rf"^{name}: expected .+, got (?=.*{found}).+; \w+ .+", re.DOTALL)
    )


@pytest.mark.parametrize("call", [entropic_ot, sinkhorn_divergence])
@pytest.mark.parametrize("name", ["x", "y"])
@pytest.mark.parametrize("case", BAD_POINTS)
def test_points(call, name, case):
    value, error, found = BAD_POINTS[case]
    found = ".*" if found in (r"reshape\(-1, 1\)", "different lengths", "not numbers") else found
    with rejects(error, name, found):
        call(**{"x": X, "y": Y, name: value}, blur=0.1)


def test_points_on_a_line_are_told_to_be_reshaped():
    with pytest.raises(ValueError, match=r"^x: .*reshape\(-1, 1\)"):
        entropic_ot(np.zeros(3), Y, blur=0.1)


def test_dimensions_differ():
    with rejects(ValueError, "y", "dimension 3"):
        entropic_ot(X, cloud(4, 3), blur=0.1)


@pytest.mark.parametrize("call", [entropic_ot, sinkhorn_divergence])
@pytest.mark.parametrize("name", ["a", "b"])
@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_weights(call, name, case):
    value, error, found = BAD_WEIGHTS[case]
    with rejects(error, name, found):
        call(X, X + 1, **{name: value}, blur=0.1)


def test_masses_differ():
    with rejects(ValueError, "b", "1.0001"):
        entropic_ot(X, Y, A, 1.0001 * B, blur=0.1)
    entropic_ot(X, Y, A, (1 + 1e-7) * B, blur=0.1)  # within rounding of float32 weights


@pytest.mark.parametrize("call", [entropic_ot, sinkhorn_divergence])
@pytest.mark.parametrize("case", BAD_BLURS)
def test_blur(call, case):
    value, error = BAD_BLURS[case]
    with rejects(error, "blur"):
        call(X, Y, blur=value)


@pytest.mark.parametrize("call", [entropic_ot, sinkhorn_divergence])
def test_keywords(call):
    with pytest.raises(TypeError, match="blur"):
        call(X, Y)
    with pytest.raises(TypeError, match="bluur"):
        call(X, Y, bluur=0.1)
    with pytest.raises(TypeError, match=r"by position; pass blur=0\.1"):
        call(X, Y, A, B, 0.1)


BAD_SOLVERS = [
    ({"tol": 0}, ValueError),
    ({"tol": -1e-3}, ValueError),
    ({"tol": float("nan")}, ValueError),
    ({"tol": float("inf")}, ValueError),
    ({"tol": "small"}, TypeError),
    ({"tol": None}, TypeError),
    ({"max_iter": 0}, ValueError),
    ({"max_iter": -5}, ValueError),
    ({"max_iter": 100.0}, TypeError),
    ({"max_iter": True}, TypeError),
    ({"max_iter": None}, TypeError),
    ({"dtype": "float16"}, ValueError),
    ({"dtype": np.float32}, ValueError),
    ({"dtype": 32}, ValueError),
    ({"progress": "yes"}, ValueError),
    ({"progress": np.zeros(2)}, ValueError),
    ({"callback": 3}, TypeError),
]


@pytest.mark.parametrize(("options", "error"), BAD_SOLVERS, ids=str)
def test_solver_options(options, error):
    with rejects(error, *options):
        Sinkhorn(**options)


def test_unknown_solver_option():
    with pytest.raises(TypeError, match="tolerance"):
        Sinkhorn(tolerance=1e-3)


@pytest.mark.parametrize("solver", ["sinkhorn", Sinkhorn, 1e-3, {"tol": 1e-3}])
@pytest.mark.parametrize("call", [entropic_ot, sinkhorn_divergence])
def test_solver(call, solver):
    with rejects(TypeError, "solver"):
        call(X, Y, blur=0.1, solver=solver)


def test_self_solutions_of_other_problems():
    divergence = sinkhorn_divergence(X, Y, blur=0.5)
    others = {
        "points": sinkhorn_divergence(X + 1, Y, blur=0.5).xx,
        "weights": sinkhorn_divergence(X, Y, A, B, blur=0.5).xx,
        "blur": sinkhorn_divergence(X, Y, blur=0.6).xx,
        "kind": divergence.xy,
        "side": divergence.yy,
    }
    for other in others.values():
        with rejects(ValueError, "self_x", "another problem"):
            sinkhorn_divergence(X, Y, blur=0.5, self_x=other)
    with rejects(ValueError, "self_y"):
        sinkhorn_divergence(X, Y, blur=0.5, self_y=divergence.xx)
    with rejects(TypeError, "self_x"):
        sinkhorn_divergence(X, Y, blur=0.5, self_x=divergence)


def test_questions_to_a_solution():
    solution = entropic_ot(X, Y, blur=0.5)
    for question in (solution.map, solution.potential, solution.map_back, solution.potential_back):
        with rejects(ValueError, "x_new", "dimension 3"):
            question(cloud(4, 3))
        with rejects(ValueError, "x_new", "nan"):
            question([[np.nan, 0.0]])


def test_questions_to_a_plan():
    plan = entropic_ot(X, Y, blur=0.5).plan
    with rejects(ValueError, "v", r"\(5,\)"):
        plan @ np.ones(5)
    with rejects(ValueError, "v", "nan"):
        plan @ np.full(4, np.nan)
    with rejects(ValueError, "axis"):
        plan.sum(axis=2)
    with rejects(ValueError, "k"):
        plan.topk(0)
    with rejects(TypeError, "k"):
        plan.topk(1.5)
    with rejects(ValueError, "max_entries", "19"):
        plan.toarray(max_entries=19)


def test_a_problem_made_by_hand_is_judged_too():
    source, target = snb.Measure.of(X), snb.Measure.of(Y)
    with rejects(ValueError, "eps"):
        snb.Problem(source, target, 0.0)
    with rejects(ValueError, "target"):
        snb.Problem(source, snb.Measure.of(cloud(4, 3)), 1.0)
    with rejects(ValueError, "target"):
        snb.Problem(source, snb.Measure.of(Y, 2 * B), 1.0)
    with rejects(ValueError, "points"):
        snb.Measure.of(np.zeros(3))
