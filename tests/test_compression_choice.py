"""When problems are compressed, and what results say of it."""

import re
from dataclasses import replace

import numpy as np
import pytest
from large_clouds import problem

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn
from sinkhorn_nb.compression import choice, rounds
from sinkhorn_nb.compression.choice import compressed_solution
from sinkhorn_nb.compression.solution import CompressedSolution
from sinkhorn_nb.measures.measure import Measure
from sinkhorn_nb.problem import Problem
from sinkhorn_nb.results.compression import LEAST_POINTS
from sinkhorn_nb.terms import terms_of

N = LEAST_POINTS // 2 + 1
SMALL = 1500


@pytest.fixture(scope="module")
def large():
    return problem("mixtures", N)


def reason_of(solver, name="mixtures", n=SMALL, **changes):
    x, y, a, b, blur = problem(name, n)
    return snb.entropic_ot(
        x, y, a, b, blur=blur * changes.get("scale", 1.0), solver=solver
    ).compression


def test_large_clouds_are_compressed_by_default(large):
    *clouds, blur = large
    divergence = snb.sinkhorn_divergence(*clouds, blur=blur)
    assert divergence.compression and divergence.converged
    assert divergence.marginal_error <= 1e-3
    solution = snb.entropic_ot(*clouds, blur=blur)
    assert isinstance(solution, CompressedSolution) and solution.converged
    assert sum(solution.compression.n_nodes) < rounds.MOST_SHARE * 2 * N


def test_cells_are_made_smaller_until_the_tolerance_is_reached(large, monkeypatch):
    *clouds, blur = large
    monkeypatch.setattr(rounds, "AT_ONE", 1e-5)  # too hopeful
    divergence = snb.sinkhorn_divergence(*clouds, blur=blur)
    assert divergence.compression.n_rounds > 1
    assert divergence.converged and divergence.marginal_error <= 1e-3


def test_a_divergence_that_is_lost_in_its_error_is_plain(large, monkeypatch):
    x, _, _, _, blur = large
    y = x + 0.03 * blur * np.random.default_rng(0).normal(size=x.shape)
    divergence = snb.sinkhorn_divergence(x, y, blur=blur)
    assert not divergence.compression and "lost in its error" in divergence.compression.reason
    monkeypatch.setattr(choice, "MOST_PAIRS", 1)
    compressed = snb.sinkhorn_divergence(x, y, blur=blur)
    assert compressed.compression
    assert abs(compressed.value - divergence.value) <= compressed.value_error
    assert snb.sinkhorn_divergence(x, x[::-1], blur=blur).compression  # equal measures


def test_several_large_pairs_are_compressed_one_by_one(large):
    x, y, _, _, blur = large
    few = x[:100], y[:100]
    divergences = snb.sinkhorn_divergences([x, few[0]], [y, few[1]], blur=blur)
    assert [bool(divergence.compression) for divergence in divergences] == [True, False]
    alone = snb.sinkhorn_divergence(x, y, blur=blur)
    np.testing.assert_allclose(divergences.value[0], alone.value, atol=alone.value_error)
    assert divergences.value[1] == pytest.approx(
        snb.sinkhorn_divergence(*few, blur=blur).value, rel=1e-3
    )


def test_an_earlier_compressed_result_is_no_obstacle(large):
    x, y, _, _, blur = large
    first = snb.sinkhorn_divergence(x, y, blur=blur)
    again = snb.sinkhorn_divergence(x, y, blur=blur, solver=Sinkhorn(init=first))
    assert again.compression and again.value == first.value
    known = snb.sinkhorn_divergence(x, y, blur=blur, self_x=first.xx, self_y=first.yy)
    assert known.compression and known.value == first.value


def test_a_plain_self_solution_makes_a_plain_solve():
    x, y, a, b, blur = problem("warp", SMALL)
    plain = snb.sinkhorn_divergence(x, y, a, b, blur=blur, solver=Sinkhorn(compression=None))
    known = snb.sinkhorn_divergence(
        x, y, a, b, blur=blur, solver=Sinkhorn(compression=1.0), self_x=plain.xx
    )
    assert "self solution of a plain solve" in known.compression.reason
    assert known.value == pytest.approx(plain.value, rel=1e-3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"compression": None}, "compression=None"),
        ({"compression": "auto"}, "no more than 12000 points"),
        ({"compression": 1.0, "acceleration": "none"}, "acceleration='none'"),
        ({"compression": 1.0, "certify": True}, "certify=True"),
        ({"compression": 1.0, "dtype": "float64"}, "dtype='float64'"),
        ({"compression": 1.0, "init": "zeros"}, "a start other than 'auto'"),
        ({"compression": 1.0, "callback": print}, "callback="),
    ],
)
@pytest.mark.filterwarnings("ignore::sinkhorn_nb.ConvergenceWarning")
def test_plain_solves_say_why_they_are_plain(settings, words, capsys):
    report = reason_of(Sinkhorn(**settings), n=300 if "callback" in settings else SMALL)
    assert not report
    assert report.kappa is None
    assert words in report.reason or report.reason.endswith(words)


def test_surfaces_in_many_dimensions_are_compressed():
    """From seven axes on, pairs of tiles take products of matrices."""
    rng = np.random.default_rng(0)
    places = rng.normal(size=(2, 7))
    x, y = rng.random((1500, 2)) @ places, rng.random((1500, 2)) ** 2 @ places
    mine, theirs = (
        snb.sinkhorn_divergence(x, y, blur=0.6, solver=Sinkhorn(compression=kappa, tol=tol))
        for kappa, tol in [(1.0, 5e-3), (None, 1e-6)]
    )
    assert sum(mine.compression.n_nodes) < 1500
    assert abs(mine.value - theirs.value) <= mine.value_error <= 1e-3 * mine.value
    own, other = mine.gradient().x, theirs.gradient().x
    assert np.linalg.norm(own - other) <= 0.01 * np.linalg.norm(other)


@pytest.mark.parametrize(
    ("d", "blur", "words"),
    [(11, 0.5, "more than 10 dimensions"), (9, 0.005, "too many for their numbers")],
)
def test_clouds_in_more_dimensions_are_plain(d, blur, words):
    x, y = np.random.default_rng(0).random((2, 30, d))
    problem = Problem(Measure.of(x), Measure.of(y), blur**2)
    found, report = compressed_solution(problem, Sinkhorn(compression=1.0))
    assert found is None and words in report.reason


def test_expansions_without_end_are_plain(monkeypatch):
    monkeypatch.setattr(rounds, "MOST_NUMBERS", 100)
    assert "too much memory" in reason_of(Sinkhorn(compression=1.0, tol=5e-3)).reason


@pytest.mark.parametrize("terms", [{"p": 1.5, "blur": 0.2}, {"cost": "cityblock", "eps": 0.2}])
def test_other_costs_are_plain(terms):
    x, y = np.random.default_rng(0).random((2, 30, 2))
    problem = Problem(Measure.of(x), Measure.of(y), *terms_of(**terms))
    found, report = compressed_solution(problem, Sinkhorn(compression=1.0))
    assert found is None and "is neither |x - y| nor |x - y|^2 / 2" in report.reason


def test_too_many_nodes_are_plain(large, monkeypatch):
    x, y, _, _, blur = large
    monkeypatch.setattr(rounds, "MOST_SHARE", 1e-3)
    solver = Sinkhorn(tol=1e-2)
    report = snb.entropic_ot(x, y, blur=5 * blur, solver=solver).compression
    assert "as many nodes as there are points" in report.reason


def found_by_default(monkeypatch, scale, tol):
    """The report for small clouds, as if these were large."""
    monkeypatch.setattr(choice, "LEAST_POINTS", 100)
    x, y, _, _, blur = problem("mixtures", SMALL)
    small = Problem(Measure.of(x), Measure.of(y), (scale * blur) ** 2)
    return compressed_solution(small, Sinkhorn(tol=tol))[1]


def test_too_many_nodes_after_cuts_are_plain(monkeypatch):
    monkeypatch.setattr(rounds.Rounds, "_work", lambda self, nodes: 0.0)
    report = found_by_default(monkeypatch, 0.4, 1e-2)
    assert not report and report.reason.startswith("cells of 2 blur would need 39%")


def test_rounds_that_would_take_as_long_as_a_plain_solve_are_not_made(monkeypatch):
    assert found_by_default(monkeypatch, 0.6, 1e-2)
    monkeypatch.setattr(rounds, "MOST_WORK", 0.1)
    report = found_by_default(monkeypatch, 0.6, 1e-2)
    assert report.reason.startswith("cells of 2 blur would take about as long as a plain solve")
    monkeypatch.setattr(rounds, "MOST_WORK", 0.2)
    monkeypatch.setattr(rounds, "AT_ONE", 1e-4)  # too hopeful
    report = found_by_default(monkeypatch, 0.6, 2e-3)  # the work of both rounds together
    assert re.match(r"cells of 1\.\d blur would take about as long as a plain", report.reason)


def test_marginals_that_do_not_hold_are_plain(large, monkeypatch):
    x, y, _, _, blur = large
    monkeypatch.setattr(rounds, "AT_ONE", 1e-9)
    monkeypatch.setattr(rounds, "LARGEST_KAPPA", 4.0)
    monkeypatch.setattr(rounds, "FEWEST", 1)
    monkeypatch.setattr(rounds, "MOST_ROUNDS", 1)
    report = snb.entropic_ot(x, y, blur=5 * blur).compression
    assert "left a marginal error of" in report.reason


def test_data_that_are_too_wide_for_float32_are_plain(large):
    x, y, _, _, blur = large
    problem = Problem(Measure.of(x), Measure.of(y), (1e-3 * blur) ** 2)
    found, report = compressed_solution(problem, Sinkhorn())
    assert found is None
    assert "blurs wide, too wide for float32" in report.reason
    found, report = compressed_solution(problem, Sinkhorn(compression=1.0))
    assert found is None and "too wide for float32" in report.reason


@pytest.mark.parametrize(
    ("unit", "word"), [(1e-40, "small"), (1e-9, ""), (1e9, ""), (1e40, "large")]
)
def test_results_do_not_depend_on_the_unit_of_the_points(unit, word):
    x, y, _, _, blur = problem("warp", 300)
    found = snb.entropic_ot(
        x * unit, y * unit, blur=blur * unit, solver=Sinkhorn(compression=1.0, tol=5e-3)
    )
    assert found.value / unit**2 == pytest.approx(
        snb.entropic_ot(x, y, blur=blur, solver=Sinkhorn(tol=1e-5)).value, rel=1e-3
    )
    assert bool(found.compression) == (not word) and word in found.compression.reason


def test_a_plain_solve_has_the_same_bits_with_and_without_compression():
    x, y, a, b, blur = problem("mixtures", SMALL)
    auto = snb.sinkhorn_divergence(x, y, a, b, blur=blur)
    none = snb.sinkhorn_divergence(x, y, a, b, blur=blur, solver=Sinkhorn(compression=None))
    assert auto.value == none.value
    np.testing.assert_array_equal(auto.xy.f, none.xy.f)


@pytest.mark.parametrize("value", [0.0, -1.0, np.inf, "always", [1.0]])
def test_wrong_settings_are_refused(value):
    with pytest.raises((TypeError, ValueError), match="compression: expected"):
        Sinkhorn(compression=value)


def test_the_setting_is_a_parameter_like_others():
    assert Sinkhorn() == replace(Sinkhorn(compression=2), compression="auto")
    assert Sinkhorn(compression=2).get_params()["compression"] == 2.0
