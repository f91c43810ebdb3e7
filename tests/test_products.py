"""Products of pairs with matrices that are made of passes over a few columns."""

import numpy as np
import pytest

from sinkhorn_nb.backends.products import by_columns, by_factors

N, M = 5, 4
P = np.random.default_rng(0).uniform(size=(N, M))


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_columns_are_multiplied_a_few_at_a_time(count):
    V = np.random.default_rng(1).normal(size=(M, count))
    taken = []

    def multiply(values):
        taken.append(values)
        return P @ values

    found = by_columns(multiply, V, N, 3)
    np.testing.assert_allclose(found, P @ V, rtol=1e-12)
    assert all(values.shape == (M, 3) for values in taken)
    assert len(taken) == -(-count // 3)
    assert not np.concatenate(taken or [V], axis=1)[:, count:].any()


def test_pairs_may_be_multiplied_by_products_of_factors():
    rng = np.random.default_rng(2)
    A = rng.normal(size=(N, 2))
    B = rng.normal(size=(M, 2))
    V = rng.normal(size=(M, 3))
    found = by_factors(lambda W: P @ W, A, B, V)
    np.testing.assert_allclose(found, (P * (A @ B.T)) @ V, rtol=1e-12)
