"""Functions of arrays, for the tests of `sinkhorn_nb.jax`."""

import jax
import pytest
from small_clouds import EXACT

import sinkhorn_nb.jax as snj

FUNCTIONS = {"divergence": snj.sinkhorn_divergence, "transport": snj.entropic_ot}


@pytest.fixture
def wide():
    """float64, as the checks by finite differences need it."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def of_logits(function, **how):
    """The function of points and logits of weights, at a tight tolerance."""
    options = {"blur": 0.7, "solver": EXACT} | how

    def value(x, y, u, v):
        return function(x, y, jax.nn.softmax(u), jax.nn.softmax(v), **options)

    return value


def of_points(y, function=snj.sinkhorn_divergence):
    """The function of the points x, at a tight tolerance."""
    return lambda x: function(x, y, blur=0.7, solver=EXACT)
