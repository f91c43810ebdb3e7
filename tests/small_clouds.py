"""Small clouds and logits of weights, for the tests of `sinkhorn_nb.torch` and `sinkhorn_nb.jax`."""

import numpy as np

from sinkhorn_nb import Sinkhorn

EXACT = Sinkhorn(tol=1e-12)


def clouds(n=7, m=6, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5


def logits(n=7, m=6):
    rng = np.random.default_rng(1)
    return rng.normal(size=n), rng.normal(size=m)
