"""What a call with arrays costs in PyTorch and in JAX at the least: without checks, batches, second
derivatives or anything else.
"""

import numpy as np

import sinkhorn_nb as snb

from .bridge_jobs import by_jax, by_torch
from .harness import has

IN_TORCH, IN_JAX = "arrays, in an autograd.Function", "arrays, in a jitted pure_callback"


def floors(blur):
    """name -> job."""
    found = {}
    if has("torch"):
        found[IN_TORCH] = by_torch(in_function(blur))
    if has("jax"):
        found[IN_JAX] = by_jax(in_callback(blur), is_batch=False)
    return found


def in_function(blur):
    import torch

    class Plain(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.found = snb.sinkhorn_divergence(x.detach().numpy(), y.detach().numpy(), blur=blur)
            return x.new_tensor(ctx.found.value)

        @staticmethod
        def backward(ctx, factor):
            gradient = ctx.found.gradient()
            sides = (torch.from_numpy(part.astype(np.float32)) for part in gradient[:2])
            return tuple(factor * side for side in sides)

    return Plain.apply


def in_callback(blur):
    import jax

    def solved(x, y):
        found = snb.sinkhorn_divergence(np.asarray(x), np.asarray(y), blur=blur)
        gradient = found.gradient()
        return np.float32(found.value), *(part.astype(np.float32) for part in gradient[:2])

    def call(x, y):
        shapes = [jax.ShapeDtypeStruct(each.shape, np.float32) for each in (np.empty(()), x, y)]
        return jax.pure_callback(solved, tuple(shapes), x, y)

    @jax.custom_jvp
    def value(x, y):
        return call(x, y)[0]

    @value.defjvp
    def _(primals, tangents):
        found, *gradient = call(*primals)
        return found, sum((g * t).sum() for g, t in zip(gradient, tangents, strict=True))

    return value
