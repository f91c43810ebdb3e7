"""Gradients in the points of one side: the same numbers, for fewer passes."""

import numpy as np
import pytest

import sinkhorn_nb as snb
from sinkhorn_nb.kernels.point_cloud import GibbsKernel
from sinkhorn_nb.results.one_sided import Sides, gradient_in

SOLVES = {
    "divergence": snb.sinkhorn_divergence,
    "transport": snb.entropic_ot,
    "negentropy": lambda x, y, **terms: snb.sinkhorn_negentropy(x, **terms),
}


def clouds(n, m):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 2)), rng.normal(size=(m, 2)) + 0.5


@pytest.fixture
def passes(monkeypatch):
    """The numbers of pairs of each pass for gradients."""
    seen = []
    plain = GibbsKernel.mean_gradients

    def counted(self, f, g):
        seen.append((len(f), len(g)))
        return plain(self, f, g)

    monkeypatch.setattr(GibbsKernel, "mean_gradients", counted)
    return seen


@pytest.mark.parametrize("terms", [{"blur": 0.5}, {"blur": 0.5, "reach": 1.0}])
@pytest.mark.parametrize("kind", ["divergence", "transport"])
def test_the_needed_side_has_the_same_numbers_and_the_other_one_takes_no_pass(kind, terms, passes):
    n, m = 700, 600
    by_the_loop = snb.Sinkhorn(dtype="float32")  # unlike small problems in float64
    result = SOLVES[kind](*clouds(n, m), **terms, solver=by_the_loop)
    full = result.gradient()
    passes.clear()
    of_x = gradient_in(result, Sides(True, False))
    assert passes == ([(n, m), (n, n)] if kind == "divergence" else [(n, m)])
    np.testing.assert_array_equal(of_x.x, full.x)
    assert np.isnan(of_x.y).all()

    passes.clear()
    of_y = gradient_in(result, Sides(False, True))
    assert passes == ([(m, n), (m, m)] if kind == "divergence" else [(m, n)])
    np.testing.assert_array_equal(of_y.y, full.y)
    passes.clear()
    of_weights = gradient_in(result, Sides(False, False))
    assert passes == []
    for found in (of_x, of_y, of_weights):
        np.testing.assert_array_equal(found.a, full.a)
        np.testing.assert_array_equal(found.b, full.b)


@pytest.mark.parametrize("sizes", [(7, 5), (30, 30)])
@pytest.mark.parametrize("kind", SOLVES)
def test_small_problems_and_equal_measures(kind, sizes):
    x, y = clouds(*sizes)
    for other in (y, x):
        result = SOLVES[kind](x, other, blur=0.5)
        found = gradient_in(result, Sides(True, False))
        full = gradient_in(result, Sides(True, True))
        np.testing.assert_array_equal(found[0], full[0])
