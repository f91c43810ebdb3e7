"""Small clouds, weights and functions of tensors, for the tests of `sinkhorn_nb.torch`."""

import numpy as np
import torch

import sinkhorn_nb.torch as snt
from sinkhorn_nb import Sinkhorn

EXACT = Sinkhorn(tol=1e-12)
FUNCTIONS = {"divergence": snt.sinkhorn_divergence, "transport": snt.entropic_ot}


def clouds(n=7, m=6, d=2, dtype=torch.float64, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5
    return torch.tensor(x, dtype=dtype), torch.tensor(y, dtype=dtype)


def weights(n=7, m=6, seed=1):
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.normal(size=n)), torch.tensor(rng.normal(size=m))


def of_logits(function, **how):
    """The function of points and logits of weights, at a tight tolerance."""
    options = {"blur": 0.7, "solver": EXACT} | how

    def value(x, y, u, v):
        return function(x, y, torch.softmax(u, 0), torch.softmax(v, 0), **options)

    return value


def arguments():
    return [t.clone().requires_grad_() for t in (*clouds(), *weights())]
