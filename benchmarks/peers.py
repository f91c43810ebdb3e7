"""S_eps by sinkhorn_nb and by its peers: the same points in, the same quantity out.

Each function takes x, y (NumPy, float32) and blur, converts them, and returns a job for the clock:
a generator that answers first with an `Answer` and then with the gradient in x. Value and
potentials are in our convention: cost |x - y|^2 / 2, eps = blur^2, P = a b exp((f + g - C) / eps).
"""

import importlib
import os
import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

import sinkhorn_nb as snb

from .harness import has

TOL = 1e-3


class Answer(NamedTuple):
    """S_eps, the potentials of OT_eps(a, b), and the passes over the pairs if the library counts
    them.
    """

    value: float
    f: np.ndarray
    g: np.ndarray
    passes: float | None = None


def ours(x, y, blur, **how):
    """sinkhorn_nb with its defaults: marginal error 1e-3 on all three problems; `how` are p and
    reach.
    """

    def job():
        divergence = snb.sinkhorn_divergence(
            x, y, blur=blur, solver=snb.Sinkhorn(tol=TOL, compression=None), **how
        )
        yield Answer(divergence.value, divergence.xy.f, divergence.xy.g, divergence.n_passes)
        yield divergence.gradient().x

    return job


def geomloss(x, y, blur, backend="tensorized", scaling=0.9, p=2, reach=None):
    """SamplesLoss; it has no tolerance: scaling is its accuracy."""
    os.environ.setdefault("PYKEOPS_VERBOSE", "0")
    import torch
    from geomloss import SamplesLoss

    settings = {"blur": blur, "reach": reach, "scaling": scaling, "backend": backend}
    loss = SamplesLoss("sinkhorn", p=p, **settings)
    x, y = (torch.tensor(points, requires_grad=True) for points in (x, y))

    def job():
        with torch.enable_grad(), _Potentials() as potentials:
            value = loss(x, y)
        yield Answer(value.item(), potentials.f, potentials.g)
        yield torch.autograd.grad(value, [x, y])[0].numpy()

    return job


class _Potentials:
    """Record the potentials (f_ba, g_ab) from which GeomLoss computes its value."""

    def __enter__(self):
        self._module = importlib.import_module("geomloss._legacy.sinkhorn_samples")
        self._sinkhorn_cost = self._module.sinkhorn_cost
        self._module.sinkhorn_cost = self._see
        return self

    def __exit__(self, *exception):
        self._module.sinkhorn_cost = self._sinkhorn_cost

    def _see(self, eps, rho, a, b, f_aa, g_bb, g_ab, f_ba, *args, **kwargs):
        self.f, self.g = (p.detach().numpy().ravel().astype(np.float64) for p in (f_ba, g_ab))
        return self._sinkhorn_cost(eps, rho, a, b, f_aa, g_bb, g_ab, f_ba, *args, **kwargs)


def pot(x, y, blur):
    """ot.solve_sample(debias=True): Feydy's S_eps by three dense solves in the log domain.

    POT compares the 2-norm of one marginal's error with its tolerance; n^(1/2) converts our sum to
    it. Only the value is computed: gradients would need another backend.
    """
    import ot

    def job():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = ot.solve_sample(
                x, y, reg=2 * blur**2, debias=True, tol=TOL / np.sqrt(len(y)), max_iter=2000
            )
        f, g = (
            2 * blur**2 * np.asarray(log_scaling, np.float64) for log_scaling in result.potentials
        )
        yield Answer(float(result.value) / 2, *_without_weights(f, g, blur))

    return job


def ott(x, y, blur):
    """sinkdiv of dense point clouds with threshold 1e-3; it is compiled, and not run, before the
    clock starts.
    """
    import jax
    import jax.numpy as jnp
    from ott.tools import sinkhorn_divergence

    def divergence(x, y):
        settings = {"threshold": TOL, "max_iterations": 2000}
        return sinkhorn_divergence.sinkdiv(x, y, epsilon=2 * blur**2, solve_kwargs=settings)

    x, y = jnp.asarray(x), jnp.asarray(y)
    traced = jax.jit(lambda x, y: jax.vjp(divergence, x, y, has_aux=True))
    _, pull_shapes, _ = jax.eval_shape(traced, x, y)
    forward = traced.lower(x, y).compile()
    backward = jax.jit(lambda pull: pull(jnp.float32(1))[0]).lower(pull_shapes).compile()

    def job():
        value, pull, out = jax.block_until_ready(forward(x, y))
        f, g = (np.asarray(p, np.float64) for p in out.potentials[0])
        yield Answer(float(value) / 2, *_without_weights(f, g, blur))
        yield np.asarray(backward(pull)) / 2

    return job


def _without_weights(f, g, blur):
    """Convert potentials of the cost |x - y|^2 and P = exp((f + g - C) / (2 blur^2)), for uniform
    weights.
    """
    return f / 2 + blur**2 * np.log(len(f)), g / 2 + blur**2 * np.log(len(g))


class Library(NamedTuple):
    """A way to compute S_eps, job(x, y, blur), and its limits: memory for dense libraries, time for
    all.
    """

    job: Callable
    largest_n: int
    longest_s: float = 600.0  # GeomLoss takes 5 minutes at n = 16384


def installed():
    """name -> Library, for libraries that can be imported here; ours comes first."""
    found = {"sinkhorn_nb": Library(ours, 2**17, longest_s=float("inf"))}
    if has("geomloss"):
        found["geomloss tensorized"] = Library(geomloss, 4096)
        found["geomloss online"] = Library(partial(geomloss, backend="online"), 16384)
    if has("ot"):
        found["pot"] = Library(pot, 4096)
    if has("ott"):
        found["ott dense"] = Library(ott, 4096)
    return found
