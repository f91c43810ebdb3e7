"""Work that is done in blocks: the last block may hold a single row."""

import numpy as np
import pytest
from problems import cloud, weights

import sinkhorn_nb as snb
from sinkhorn_nb.common.spans import spans
from sinkhorn_nb.kernels import far_points, few_pairs
from sinkhorn_nb.terms import terms_of
from sinkhorn_nb.validation import matrices

N, M, EPS = 31, 7, 0.25
X, Y = cloud(N, 2), cloud(M, 2, shift=0.5)
B = weights(M)
ALL_BUT_ONE = (N - 1) * M  # pairs of a block
G = EPS * np.random.default_rng(0).normal(size=M)
COSTS = ((X[:, None] - Y) ** 2).sum(axis=2) / 2


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 12, 13])
def test_parts_follow_each_other_to_the_last_number(count):
    parts = spans(count, 6)
    assert [k for part in parts for k in range(*part)] == list(range(count))
    assert all(last - first == 6 for first, last in parts[:-1])


def test_few_pairs_have_the_softmin_of_all_rows(monkeypatch):
    monkeypatch.setattr(few_pairs, "PAIRS_A_BLOCK", ALL_BUT_ONE)
    source, target = snb.Measure.of(X), snb.Measure.of(Y, B)
    kernel = snb.Problem(source, target, *terms_of(eps=EPS)).kernel("float64", "cpu")
    potential = kernel.softmin(target.partition.sort(G))
    expected = -EPS * np.logaddexp.reduce(np.log(B) + (G - COSTS) / EPS, axis=1)
    np.testing.assert_allclose(
        source.partition.restore(potential), expected, rtol=1e-10, atol=1e-12
    )


def test_points_seen_from_afar_have_the_softmin_of_all_rows(monkeypatch):
    monkeypatch.setattr(far_points, "PAIRS_A_BLOCK", ALL_BUT_ONE)
    softmin, means = far_points.seen_from_afar(X, Y, B, G, EPS)
    exponents = np.log(B) + (G - COSTS) / EPS
    np.testing.assert_allclose(
        softmin, -EPS * np.logaddexp.reduce(exponents, axis=1), rtol=1e-10, atol=1e-12
    )
    shares = np.exp(exponents + softmin[:, None] / EPS)
    np.testing.assert_allclose(means, shares @ Y, rtol=1e-10, atol=1e-12)


def test_a_matrix_whose_last_entries_differ_is_not_symmetric(monkeypatch):
    monkeypatch.setattr(matrices, "BLOCK", 4)
    for n in (4, 5, 9):
        C = np.add.outer(np.arange(n), np.arange(n)).astype(float)
        assert matrices.is_symmetric(C)
        C[-1, 0] += 1
        assert not matrices.is_symmetric(C)
