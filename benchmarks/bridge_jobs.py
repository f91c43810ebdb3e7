"""The value and its gradient in both clouds by each library, as jobs of inputs that are ready.

A job takes (n, d) points, and in a batch (B, n, d) points or, where a library takes them, lists of
clouds of different sizes.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

import sinkhorn_nb as snb

from .harness import has

OURS, TORCH, JAX = "sinkhorn_nb, arrays", "sinkhorn_nb.torch", "sinkhorn_nb.jax, jitted"
OTT = "OTT's sinkdiv, threshold 1e-3, jitted"


class Job(NamedTuple):
    """What a library makes of arrays before the clock starts, and the step that is timed."""

    ready: Callable  # of x and y
    step: Callable  # of what `ready` returns: the values, as NumPy's

    def of(self, x, y):
        """The step as a function of nothing."""
        return partial(self.step, *self.ready(x, y))


def by_arrays(blur):
    def step(x, y):
        if isinstance(x, np.ndarray) and x.ndim == 2:
            found = snb.sinkhorn_divergence(x, y, blur=blur)
        else:
            found = snb.sinkhorn_divergences(x, y, blur=blur)
        found.gradient()
        return found.value

    return Job(lambda x, y: (x, y), step)


def by_torch(loss):
    """Tensors, single or in batches or lists, and torch's autograd."""
    import torch

    def tensors(clouds):
        if isinstance(clouds, list):
            return [torch.tensor(cloud, requires_grad=True) for cloud in clouds]
        return torch.tensor(clouds, requires_grad=True)

    def leaves(x, y):
        return [*x, *y] if isinstance(x, list) else [x, y]

    def step(x, y):
        value = loss(x, y)
        torch.autograd.grad(value.sum() if value.dim() else value, leaves(x, y))
        return value.detach().numpy()

    return Job(lambda x, y: (tensors(x), tensors(y)), step)


def one_by_one(job):
    """A library without lists of clouds: a call for each pair."""
    return Job(
        lambda xs, ys: ([job.of(*pair) for pair in zip(xs, ys, strict=True)],),
        lambda steps: np.array([step() for step in steps]),
    )


def by_jax(divergence, is_batch, is_run_once=False):
    """A jitted function; if it is run once, it is compiled before and not run to warm up."""
    import jax
    import jax.numpy as jnp

    gradient = jax.value_and_grad(divergence, argnums=(0, 1))
    compiled = jax.jit(jax.vmap(gradient) if is_batch else gradient)

    def ready(x, y):
        x, y = jnp.asarray(x), jnp.asarray(y)
        call = compiled.lower(x, y).compile() if is_run_once else compiled
        return call, x, y

    def step(call, x, y):
        return np.asarray(jax.block_until_ready(call(x, y))[0])

    return Job(ready, step)


def geomloss(blur, scaling, backend):
    os.environ.setdefault("PYKEOPS_VERBOSE", "0")
    from geomloss import SamplesLoss

    return by_torch(SamplesLoss("sinkhorn", 2, blur, scaling=scaling, backend=backend))


def sinkdiv(blur):
    from ott.tools.sinkhorn_divergence import sinkdiv

    settings = {"threshold": 1e-3, "max_iterations": 2000}
    return lambda x, y: sinkdiv(x, y, epsilon=2 * blur**2, solve_kwargs=settings)[0] / 2


def bridges(blur, is_batch=False):
    """Ours by name: arrays first, then those of the libraries that can be imported here."""
    found = {OURS: by_arrays(blur)}
    if has("torch"):
        import sinkhorn_nb.torch as snt

        found[TORCH] = by_torch(partial(snt.sinkhorn_divergence, blur=blur))
    if has("jax"):
        import sinkhorn_nb.jax as snj

        found[JAX] = by_jax(partial(snj.sinkhorn_divergence, blur=blur), is_batch)
    return found


def peers(blur, is_batch=False):
    """Theirs by name."""
    found = {}
    if has("geomloss"):
        found["GeomLoss, scaling 0.5, tensorized"] = geomloss(blur, 0.5, "tensorized")
        found["GeomLoss, scaling 0.5, online"] = geomloss(blur, 0.5, "online")
    if has("ott"):
        found[OTT] = by_jax(sinkdiv(blur), is_batch, is_run_once=True)
    return found
