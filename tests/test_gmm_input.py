"""The start from mixtures of odd measures, and its bad options."""

import numpy as np
import pytest
from problems import cloud, weights
from sklearn.mixture import GaussianMixture

from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence
from sinkhorn_nb.initializers import GMM
from sinkhorn_nb.initializers.gmm import COVARIANCE_TYPES, READ_OUTS

ODD = {
    "fewer points than components": (cloud(3, 2), cloud(4, 2), None, None),
    "one point": (cloud(1, 2), cloud(9, 2), None, None),
    "one point each": (cloud(1, 3), cloud(1, 3, shift=1.0), None, None),
    "one point many times": (np.zeros((20, 2)) + 7.1, cloud(9, 2), None, None),
    "two points many times": (np.repeat(cloud(2, 2), 10, axis=0), cloud(9, 2), None, None),
    "nearly the same points": (1.0 + 1e-16 * np.arange(40).reshape(20, 2), cloud(9, 2), None, None),
    "more coordinates than points": (cloud(12, 30), cloud(8, 30), None, None),
    "on a line": (np.linspace(0, 1, 30)[:, None] * [1.0, 2.0], cloud(20, 2), None, None),
    "d = 1": (cloud(30, 1), cloud(20, 1), None, None),
    "zero weights": (cloud(30, 2), cloud(20, 2), weights(30, zeros=28), weights(20)),
    "mass 3": (cloud(30, 2), cloud(20, 2), weights(30, 3.0), weights(20, 3.0)),
    "float32": (cloud(30, 2, "float32"), cloud(20, 2, "float32"), None, None),
    "far away": (cloud(30, 2) + 1e7, cloud(20, 2) + 1e7, None, None),
}


@pytest.mark.parametrize("read_out", READ_OUTS)
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize("odd", ODD)
def test_odd_measures(odd, kind, read_out):
    solver = Sinkhorn(init=GMM(covariance_type=kind, random_state=0, read_out=read_out))
    divergence = sinkhorn_divergence(*ODD[odd], blur=0.5, solver=solver)
    assert divergence.converged
    plain = sinkhorn_divergence(*ODD[odd], blur=0.5)
    assert divergence.value == pytest.approx(plain.value, abs=divergence.gap + plain.gap + 1e-9)


BAD = {
    "no component": (
        {"n_components": 0},
        ValueError,
        "n_components: expected an integer >= 1, got 0",
    ),
    "half a component": ({"n_components": 2.5}, TypeError, "n_components: expected an integer"),
    "unknown type": (
        {"covariance_type": "round"},
        ValueError,
        "covariance_type: .*'spherical', got 'round'; choose",
    ),
    "unknown read-out": (
        {"read_out": "mean"},
        ValueError,
        "read_out: expected one of 'softmin', 'posterior'",
    ),
    "generator": (
        {"random_state": np.random.default_rng(0)},
        TypeError,
        "random_state: .*RandomState, got Gen",
    ),
    "negative seed": ({"random_state": -1}, ValueError, "random_state: expected an integer >= 0"),
    "not fitted": (
        {"source": GaussianMixture()},
        TypeError,
        r"source: .*fitted.*got GaussianMixture.*call its fit",
    ),
    "no mixture": ({"target": 3}, TypeError, "target: expected a fitted .*GaussianMixture, got 3"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options(case):
    options, error, message = BAD[case]
    with pytest.raises(error, match=message):
        GMM(**options)


def test_a_mixture_in_another_dimension():
    init = GMM(source=GaussianMixture(2).fit(cloud(30, 3)))
    with pytest.raises(
        ValueError,
        match="init: source: expected points in dimension 2 like the data, got dimension 3",
    ):
        entropic_ot(cloud(9, 2), cloud(10, 2), blur=0.5, solver=Sinkhorn(init=init))
