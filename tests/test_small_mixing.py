"""Anderson mixing of the compiled solver of small problems, by itself."""

import numpy as np

from sinkhorn_nb.backends.cpu.small_mixing import MEMORY, Mixing, mix, remember


def test_a_difference_of_nothing_is_not_remembered():
    """It has no direction: its unit vector would be NaN."""
    m = 3
    mixing = Mixing(
        np.zeros((MEMORY, m)), np.zeros((MEMORY, m)), np.zeros((MEMORY, MEMORY)), np.zeros(MEMORY)
    )
    v, residual = np.arange(3.0), np.ones(3)
    assert remember(mixing, 0, np.full(m, 1 / 3), v, residual, v - 1, residual.copy()) == 0
    assert remember(mixing, 0, np.full(m, 1 / 3), v, residual, v - 1, residual + 1) == 1
    assert np.isfinite(mixing.changes).all()


def test_mixing_solves_affine_equations_of_few_unknowns():
    """The residual r = A (w - v) is undone by as many differences as there are unknowns."""
    rng = np.random.default_rng(0)
    m, weights = 4, np.array([0.1, 0.2, 0.3, 0.4])
    A, w = np.diag([0.2, 0.5, 0.7, 0.9]) + 0.05 * rng.normal(size=(m, m)), rng.normal(size=m)
    mixing = Mixing(
        np.zeros((MEMORY, m)), np.zeros((MEMORY, m)), np.zeros((MEMORY, MEMORY)), np.zeros(MEMORY)
    )
    n_seen, last, last_residual = 0, np.zeros(m), A @ w
    for v in rng.normal(size=(m, m)):
        residual = A @ (w - v)
        n_seen = remember(mixing, n_seen, weights, v, residual, last, last_residual)
        last, last_residual = v, residual
    v = last + last_residual
    mix(mixing, n_seen, weights, last_residual, v)
    np.testing.assert_allclose(v, w, atol=1e-4)  # a ridge is on the Gram matrix
