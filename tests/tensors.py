"""Small clouds, logits of weights and functions, as tensors, for the tests of `sinkhorn_nb.torch`."""

import small_clouds
import torch
from small_clouds import EXACT

import sinkhorn_nb.torch as snt

FUNCTIONS = {"divergence": snt.sinkhorn_divergence, "transport": snt.entropic_ot}


def clouds(n=7, m=6, d=2, dtype=torch.float64, seed=0):
    x, y = small_clouds.clouds(n, m, d, seed)
    return torch.tensor(x, dtype=dtype), torch.tensor(y, dtype=dtype)


def weights(n=7, m=6):
    u, v = small_clouds.logits(n, m)
    return torch.tensor(u), torch.tensor(v)


def of_logits(function, **how):
    """The function of points and logits of weights, at a tight tolerance."""
    options = {"blur": 0.7, "solver": EXACT} | how

    def value(x, y, u, v):
        return function(x, y, torch.softmax(u, 0), torch.softmax(v, 0), **options)

    return value


def arguments():
    return [t.clone().requires_grad_() for t in (*clouds(), *weights())]
