"""Compressed solves with the GPU: it solves the problems between nodes, and the host does the rest."""

import numpy as np
import pytest
from gpus import BACKEND

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn
from sinkhorn_nb.compression import choice

RNG = np.random.default_rng(0)
X, Y = RNG.random((60, 1)), RNG.random((50, 1)) ** 2


def solved(backend):
    solver = Sinkhorn(compression=1.0, tol=0.05, backend=backend)
    return snb.sinkhorn_divergence(X, Y, blur=0.3, solver=solver)


def test_the_gpu_solves_between_nodes_like_the_cpu(monkeypatch):
    seen = []
    sums = type(BACKEND).cluster_sums

    def counted(self, x, *arguments):
        seen.append(x.n)
        return sums(self, x, *arguments)

    monkeypatch.setattr(type(BACKEND), "cluster_sums", counted)
    mine, theirs = solved("cuda"), solved("cpu")
    assert mine.compression and 0 < max(seen, default=0) < len(X)
    assert mine.value == pytest.approx(theirs.value, rel=1e-4)
    assert mine.value_error == pytest.approx(theirs.value_error, rel=0.1)
    np.testing.assert_allclose(mine.gradient().x, theirs.gradient().x, atol=1e-6)


def test_a_gpu_solves_larger_clouds_plainly_by_default(monkeypatch):
    monkeypatch.setattr(choice, "LEAST_POINTS", 10)
    few = X[:12], Y[:12]
    solver = Sinkhorn(tol=0.5, backend="cuda")
    report = snb.entropic_ot(*few, blur=0.3, solver=solver).compression
    assert "GPU" in report.reason
