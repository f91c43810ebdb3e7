"""Hausdorff divergences and negentropies of compressed clouds agree with plain ones."""

import numpy as np
import pytest
from large_clouds import mixture, problem

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn
from sinkhorn_nb.compression import choice
from sinkhorn_nb.losses.hausdorff import CompressedHausdorffDivergence

COMPRESSED = Sinkhorn(compression=1.0, tol=5e-3)
PLAIN = Sinkhorn(tol=1e-4, compression=None)
CASES = [("mixtures", None), ("weighted", None), ("heavy tails", None), ("mixtures", 2.0)]


def clouds_of(name, reach, n=2000):
    *clouds, blur = problem(name, n)
    return clouds, {"blur": blur, "reach": None if reach is None else reach * blur}


@pytest.mark.parametrize(("name", "reach"), CASES)
def test_values_agree_within_the_stated_error(name, reach):
    clouds, terms = clouds_of(name, reach)
    mine = snb.hausdorff_divergence(*clouds, **terms, solver=COMPRESSED)
    theirs = snb.hausdorff_divergence(*clouds, **terms, solver=PLAIN)
    assert isinstance(mine, CompressedHausdorffDivergence) and mine.converged
    assert abs(mine.value - theirs.value) <= mine.value_error
    assert mine.value_error <= 0.01 * max(theirs.value, terms["blur"] ** 2)
    divergence = snb.sinkhorn_divergence(*clouds, **terms, solver=COMPRESSED)
    assert 0 <= mine.value <= divergence.value + mine.value_error
    assert mine.n_passes < 1 and "value_error=" in repr(mine)


def test_masses_may_differ_with_a_reach():
    (x, y, a, b), terms = clouds_of("weighted", 4.0)
    mine, theirs = (
        snb.hausdorff_divergence(x, y, 0.2 * a, 3 * b, **terms, solver=solver)
        for solver in (COMPRESSED, PLAIN)
    )
    assert abs(mine.value - theirs.value) <= mine.value_error <= 1e-3 * mine.value
    assert mine.xx.problem.mass == pytest.approx(theirs.xx.problem.mass)


def test_the_error_of_far_clouds_is_that_of_the_few_points_that_they_feel():
    """These are the outermost points of the other cloud, whose share of all rows is small."""
    rng = np.random.default_rng(0)
    x, y = mixture(rng, 1200, 2), mixture(rng, 1200, 2) + 3
    mine, theirs = (
        snb.hausdorff_divergence(x, y, blur=0.05, solver=solver) for solver in (COMPRESSED, PLAIN)
    )
    assert abs(mine.value - theirs.value) <= mine.value_error <= 1e-5 * mine.value


def distance(mine, theirs):
    return np.linalg.norm(mine - theirs) / np.linalg.norm(theirs)


GRADIENTS = [("mixtures", None, (1, 1)), ("mixtures", 2.0, (1, 1)), ("weighted", 4.0, (0.2, 3))]


@pytest.mark.parametrize(("name", "reach", "masses"), GRADIENTS)
def test_gradients_agree_and_need_no_pass_over_the_points(name, reach, masses, work):
    (x, y, a, b), terms = clouds_of(name, reach)
    if a is not None:
        a, b = masses[0] * a, masses[1] * b
    mine, theirs = (
        snb.hausdorff_divergence(x, y, a, b, **terms, solver=solver)
        for solver in (COMPRESSED, PLAIN)
    )
    work.clear()
    own = mine.gradient()
    assert work and not any(2000 in pair[:2] for pair in work)
    assert own.linear_solve.converged
    for part, other in zip(own, theirs.gradient(), strict=True):
        assert distance(part, other) <= 0.02


def test_a_linear_system_that_is_not_solved_warns():
    clouds, terms = clouds_of("warp", None, 1000)
    divergence = snb.hausdorff_divergence(*clouds, **terms, solver=COMPRESSED)
    with pytest.warns(snb.ConvergenceWarning, match="linear system was not solved"):
        divergence.gradient(tol=1e-30)


def test_both_orders_give_the_same_bits():
    (x, y, a, b), terms = clouds_of("weighted", None)
    forth = snb.hausdorff_divergence(x, y, a, b, **terms, solver=COMPRESSED)
    back = snb.hausdorff_divergence(y, x, b, a, **terms, solver=COMPRESSED)
    assert (forth.value, forth.value_error) == (back.value, back.value_error)


def test_equal_measures_have_the_divergence_zero():
    (x, *_), terms = clouds_of("mixtures", 2.0)
    divergence = snb.hausdorff_divergence(x, x[::-1], **terms, solver=COMPRESSED)
    assert divergence.xx.compression
    assert divergence.value == divergence.value_error == 0.0


def test_plain_solves_say_why_they_are_plain(monkeypatch):
    monkeypatch.setattr(choice, "LEAST_POINTS", 1000)
    (x, y, *_), terms = clouds_of("warp", None, 1000)
    near = x + 0.02 * terms["blur"] * np.random.default_rng(0).normal(size=x.shape)
    reasons = [
        snb.hausdorff_divergence(*pair, **terms, solver=Sinkhorn(tol=1e-2)).xx.compression
        for pair in [(x[:400], y[:400]), (x, near)]
    ]
    assert "no more than" in reasons[0].reason
    assert "lost in its error" in reasons[1].reason or "as many nodes" in reasons[1].reason


@pytest.mark.parametrize("reach", [None, 2.0])
def test_negentropies_and_their_gradients_agree(reach):
    (x, _, a, _), terms = clouds_of("weighted", reach)
    mine, theirs = (
        snb.sinkhorn_negentropy(x, a, **terms, solver=solver) for solver in (COMPRESSED, PLAIN)
    )
    assert mine.solution.compression
    assert abs(mine.value - theirs.value) <= mine.solution.value_error
    for own, other in zip(mine.gradient(), theirs.gradient(), strict=True):
        assert np.linalg.norm(own - other) <= 0.01 * np.linalg.norm(other)
