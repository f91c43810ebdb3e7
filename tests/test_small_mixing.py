"""Anderson mixing of the compiled solver of small problems, by itself."""

import numpy as np

from sinkhorn_nb.backends.cpu import small_mixing
from sinkhorn_nb.backends.cpu.small_mixing import MEMORY, Mixing
from sinkhorn_nb.backends.jit import kernel

mix = kernel(small_mixing.mix)
remember = kernel(small_mixing.remember)


def memory(m):
    """Room for mixing vectors of m numbers."""
    square = np.zeros((MEMORY, MEMORY))
    system = np.zeros((MEMORY, MEMORY + 1))
    return Mixing(np.zeros((MEMORY, m)), np.zeros((MEMORY, m)), square, np.zeros(MEMORY), system)


def test_a_difference_of_nothing_is_not_remembered():
    """It has no direction: its unit vector would be NaN."""
    m = 3
    mixing = memory(m)
    v, residual = np.arange(3.0), np.ones(3)
    assert remember(mixing, 0, np.full(m, 1 / 3), v, residual, v - 1, residual.copy()) == 0
    assert remember(mixing, 0, np.full(m, 1 / 3), v, residual, v - 1, residual + 1) == 1
    assert np.isfinite(mixing.changes).all()


def test_mixing_solves_affine_equations_of_few_unknowns():
    """The residual r = A (w - v) is undone by as many differences as there are unknowns."""
    rng = np.random.default_rng(0)
    m, weights = 4, np.array([0.1, 0.2, 0.3, 0.4])
    A, w = np.diag([0.2, 0.5, 0.7, 0.9]) + 0.05 * rng.normal(size=(m, m)), rng.normal(size=m)
    mixing = memory(m)
    n_seen, last, last_residual = 0, np.zeros(m), A @ w
    for v in rng.normal(size=(m, m)):
        residual = A @ (w - v)
        n_seen = remember(mixing, n_seen, weights, v, residual, last, last_residual)
        last, last_residual = v, residual
    v = last + last_residual
    mix(mixing, n_seen, weights, last_residual, v)
    np.testing.assert_allclose(v, w, atol=1e-4)  # a ridge is on the Gram matrix
