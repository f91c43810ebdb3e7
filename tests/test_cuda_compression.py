"""Compressed solves with a GPU, which solves the problems between nodes; the host does the rest."""

import numpy as np
import pytest
from gpus import BACKEND

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn
from sinkhorn_nb.compression import choice

RNG = np.random.default_rng(0)
X, Y = RNG.random((40, 1)), RNG.random((30, 1)) ** 2


def solved(backend):
    solver = Sinkhorn(compression=1.5, tol=0.05, backend=backend)
    return snb.entropic_ot(X, Y, blur=0.4, solver=solver)


def test_the_gpu_solves_between_nodes_like_the_cpu(monkeypatch):
    sizes = []
    sums = type(BACKEND).cluster_sums

    def counted(self, x, *arguments):
        sizes.append(x.n)
        return sums(self, x, *arguments)

    monkeypatch.setattr(type(BACKEND), "cluster_sums", counted)
    mine, theirs = solved("cuda"), solved("cpu")
    assert mine.compression and 0 < max(sizes, default=0) < len(X)
    assert mine.value == pytest.approx(theirs.value, rel=1e-4)
    assert mine.value_error == pytest.approx(theirs.value_error, rel=0.1)
    np.testing.assert_allclose(mine.gradient().x, theirs.gradient().x, atol=1e-6)


def test_a_gpu_solves_larger_clouds_plainly_by_default(monkeypatch):
    monkeypatch.setattr(choice, "LEAST_POINTS", 10)
    problem = snb.Problem(snb.Measure.of(X), snb.Measure.of(Y), 0.4**2)
    assert choice.compressed_solution(problem, Sinkhorn())[1]
    _, report = choice.compressed_solution(problem, Sinkhorn(backend="cuda"))
    assert report.reason == "a GPU solves 300000 points or fewer as fast without"
    monkeypatch.setattr(choice, "LEAST_ON_GPU", 10)
    _, report = choice.compressed_solution(problem, Sinkhorn(backend="cuda", tol=1e-5))
    assert report.reason == "tol is below 0.0001"
